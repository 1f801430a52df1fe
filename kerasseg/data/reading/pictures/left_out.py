"""The files that a command could not use: each told at once, all named at its end."""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path

from kerasseg.data.reading.optional_packages import MissingPackage

NAMED = 5
"""Files that the last line names, at most; each has a line of its own before."""


class LeftOut:
    """Collects what is left out. Its text ends a line such as "7 predicted, 2 left out:
    a.heic (pip install 'kerasseg[heic]'), b.jpg (is empty)"; empty for nothing.

    word: what they are instead of "left out"."""

    def __init__(self, word: str = "left out") -> None:
        self._word = word
        self._short: list[str] = []

    def add(self, source: object, error: Exception) -> None:
        """Tells on stderr, in a line, why a source is left out."""
        text = " ".join(str(error).split())
        print(f"{self._word.capitalize()}: {text}", file=sys.stderr)
        self._short.append(f"{Path(str(source)).name} ({_reason(source, error, text)})")

    def __len__(self) -> int:
        return len(self._short)

    def __str__(self) -> str:
        if not self._short:
            return ""
        more = f" and {len(self) - NAMED} more" if len(self) > NAMED else ""
        return f"{len(self)} {self._word}: {', '.join(self._short[:NAMED])}{more}"


def _reason(source: object, error: Exception, text: str) -> str:
    """Why, in a few words."""
    if isinstance(error, MissingPackage):
        return error.command
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = text.removeprefix(str(source)).strip(" :").split(". ")[0].rstrip(".")
    inside = re.fullmatch(r"cannot be read as an image \((.*)\)", text)
    return textwrap.shorten(inside[1] if inside else text, 90, placeholder=" ...")
