"""The versions of one model: folders with a number for their name."""

from __future__ import annotations

import ctypes
import gc
import logging
import re
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from kerasseg import UserError
from kerasseg.serve.errors import ServingError
from kerasseg.serve.model import Model

log = logging.getLogger("kerasseg.serve")

Files = tuple[tuple[str, int, int], ...]
"""Path, size and time of change of each file under a folder."""
PAUSES = (1.0, 60.0)
"""The first and the longest pause after a version was refused, seconds."""


@dataclass(frozen=True)
class Wanted:
    """Which versions are served.

    latest: so many of the highest numbers; 0: all. numbers: these alone, in place of
    the latest. labels: other names of versions.
    """

    latest: int = 1
    numbers: tuple[int, ...] = ()
    labels: dict[str, int] = field(default_factory=dict)


@dataclass
class _Refused:
    """A version that could not be loaded: with which files, why, and when it is tried
    again though they are the same."""

    files: Files
    reason: str
    tries: int
    again: float


class Versions:
    """The versions of one model, in folders 1, 2, ... of a folder; 0003 is version 3.

    A new version is loaded and warmed up while the one before still answers. Where a
    version was taken away, the next lower one is served again (rollback). A version
    that cannot be loaded is reported, and tried again when one of its files changes,
    and after growing pauses. A version whose files were replaced is loaded again.

    current: the highest version that is served.
    """

    def __init__(self, name: str, folder: str | Path, wanted: Wanted | None = None):
        self.name, self.folder = name, Path(folder)
        self.wanted = wanted or Wanted()
        self.loaded: dict[int, Model] = {}
        self._files: dict[int, Files] = {}
        self._seen: dict[int, Files] | None = None
        self._refused: dict[int, _Refused] = {}

    @property
    def current(self) -> Model | None:
        return self.loaded[max(self.loaded)] if self.loaded else None

    def load(self) -> None:
        """Loads what is wanted and not loaded yet. Takes seconds.

        Raises UserError while there is no version that could be loaded.
        """
        folders = _folders(self.folder)
        seen = {number: _files(folder) for number, folder in folders.items()}
        self._refused = {n: v for n, v in self._refused.items() if n in folders}
        numbers = self._served(folders, seen)
        # A folder that is replaced is away for a moment; and nothing is no version.
        away = set(self._seen or ()) - set(folders)
        for number in set(self.loaded) - set(numbers) - away if numbers else ():
            del self.loaded[number], self._files[number]
            log.info("version %d of %s is no longer served", number, self.name)
            give_back_memory()
        self._seen = seen
        if not self.loaded:
            reasons = "; ".join(one.reason for one in self._refused.values())
            raise UserError(
                f"No version of {self.name} under {self.folder} could be loaded: "
                f"{reasons or 'there is no folder with saved_model.pb in it.'}"
            )

    def _served(self, folders: dict[int, Path], seen: dict[int, Files]) -> list[int]:
        """The numbers of the versions that are wanted and loaded, after trying."""
        numbers, most = sorted(folders, reverse=True), self.wanted.latest or None
        if self.wanted.numbers:
            numbers = [n for n in numbers if n in self.wanted.numbers]
            most = None
        served: list[int] = []
        for number in numbers:
            if len(served) == most:
                break
            if self._tried(number, folders[number], seen[number]):
                served.append(number)
        return served

    def _tried(self, number: int, folder: Path, files: Files) -> bool:
        """Whether a version is loaded, by now. While its files change from look to look
        it waits, but at the very first look and where nothing is served."""
        is_loaded = number in self.loaded
        if is_loaded and self._files[number] == files:
            return True
        settled = self._seen is None or self._seen.get(number) == files
        refused = self._refused.get(number)
        late = refused is not None and time.monotonic() >= refused.again
        if refused and refused.files == files and not late:
            return is_loaded
        if self.loaded and not settled:
            return is_loaded
        try:
            self.loaded[number] = Model(folder, self.name)
        except Exception as error:  # whatever a damaged file makes of itself
            self._refuse(number, files, " ".join(str(error).split()))
            return is_loaded
        self._files[number] = files
        self._refused.pop(number, None)
        if is_loaded:
            give_back_memory()
        log.info("version %d of %s is served", number, self.name)
        return True

    def _refuse(self, number: int, files: Files, reason: str) -> None:
        earlier = self._refused.get(number)
        tries = earlier.tries + 1 if earlier else 1
        pause = min(PAUSES[0] * 2 ** (tries - 1), PAUSES[1])
        if not earlier or earlier.reason != reason:
            log.error("version %d was not loaded: %s", number, reason)
        again = time.monotonic() + pause
        self._refused[number] = _Refused(files, reason, tries, again)

    def refused(self) -> dict[int, str]:
        """Versions that could not be loaded, and why."""
        return {number: one.reason for number, one in self._refused.items()}

    def get(self, version: int | None = None, label: str = "") -> Model:
        """The version of a number or a label, or the highest. Raises ServingError."""
        if label:
            version = self.wanted.labels.get(label)
            if version is None:
                known = ", ".join(self.wanted.labels) or "none"
                raise invalid_label(self.name, label, f"The labels are: {known}.")
        found = self.current if version is None else self.loaded.get(version)
        if found is None:
            if label:
                text = f"It is version {version}, which is not served."
                raise invalid_label(self.name, label, text)
            asked = self.name if version is None else f"{self.name} version {version}"
            reason = self.refused().get(version or 0, "")
            raise ServingError(
                "NOT_FOUND",
                f"Servable not found for request: {asked}. {reason}".strip(),
            )
        return found


def invalid_label(name: str, label: str, text: str) -> ServingError:
    """The error for a label that leads to no version."""
    return ServingError(
        "NOT_FOUND", f"Unrecognized servable version label: {name} '{label}'. {text}"
    )


def give_back_memory() -> None:
    """Of models that were let go: they hold circles, and glibc keeps what they had,
    30 MB at each new version of a small network."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim:
            trim(0)


def _folders(folder: Path) -> dict[int, Path]:
    """Number -> its folder. Of 3 and 0003 it is 3."""
    found: dict[int, Path] = {}
    for file in sorted(folder.glob("*/saved_model.pb")):
        if re.fullmatch("[0-9]{1,18}", file.parent.name):
            number = int(file.parent.name)
            if number not in found or file.parent.name == str(number):
                found[number] = file.parent
    return found


def _files(folder: Path) -> Files:
    found = []
    for file in sorted(folder.rglob("*")):
        try:
            stat = file.stat()
        except OSError:  # taken away a moment ago
            continue
        if file.is_file():
            found.append(
                (str(file.relative_to(folder)), stat.st_size, stat.st_mtime_ns)
            )
    return tuple(found)
