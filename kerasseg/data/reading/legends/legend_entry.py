"""One line of a legend: a name, and the id and the colour that the file gives it."""

from __future__ import annotations

import re
from dataclasses import dataclass

Colour = tuple[int, int, int]
IGNORED_NAMES = ("__ignore__", "ignore", "ignored", "void")
"""What legends call pixels that count nowhere; labelme writes `__ignore__`."""

HEX = re.compile(r"(?:#|0x)([0-9a-fA-F]{6})(?:[0-9a-fA-F]{2})?")
NUMBERS = re.compile(
    r"(?:rgba?)?[(\[{\s]*(\d+)[\s,;/-]+(\d+)[\s,;/-]+(\d+)(?:[\s,;/-]+255)?[)\]}\s]*"
)


@dataclass(frozen=True)
class Entry:
    """name: of the class. line: where it stands, from 1. id, colour: None if not given.

    A colour may be out of range; `legend.read_legend` says so with the line.
    """

    name: str
    line: int
    id: int | None = None
    colour: Colour | None = None

    @property
    def ignored(self) -> bool:
        """Whether the name says that these pixels count nowhere."""
        return is_ignored(self.name)


def is_ignored(name: str) -> bool:
    """Whether a class of this name counts nowhere."""
    return name.strip().casefold() in IGNORED_NAMES


def colour_of(text: str) -> Colour | None:
    """The colour of "#8040ff", "0x8040ff", "(128, 64, 255)", "128 64 255"; else None.

    >>> colour_of("#8040ff"), colour_of("rgb(128, 64, 255)"), colour_of("road")
    ((128, 64, 255), (128, 64, 255), None)
    """
    text = text.strip().strip("\"'")
    found = HEX.fullmatch(text)
    if found:
        value = int(found[1], 16)
        return value >> 16, value >> 8 & 255, value & 255
    found = NUMBERS.fullmatch(text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def whole(text: str) -> int | None:
    """The whole number that a text is, also as "7.0"; else None."""
    text = text.strip().strip("\"'")
    return int(float(text)) if re.fullmatch(r"-?\d+(?:\.0+)?", text) else None
