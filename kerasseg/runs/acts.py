"""What a run does after its training, one act after the other, each of them once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from kerasseg.files import atomic


class Acts:
    """The acts that a run has done, in a file that outlives a killed process.

    A file that is damaged counts as none: an act done twice gives the same again.
    """

    def __init__(self, file: Path):
        self.file = file
        self.done: list[str] = []
        try:
            self.done = [str(name) for name in json.loads(file.read_bytes())["done"]]
        except (OSError, ValueError, KeyError, TypeError):
            pass

    def once(self, name: str, act: Callable[[], object]) -> None:
        """Does an act, unless it was done before the run was stopped."""
        if name in self.done:
            print(f"Before the run was stopped: {name}")
            return
        act()
        self.done.append(name)
        atomic.write_json(self.file, {"done": self.done})

    def forget(self) -> None:
        """Removes the file: the run is finished."""
        self.file.unlink(missing_ok=True)
