"""Names of results: none twice, none too long, none of a file that is an input."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from kerasseg import UserError
from kerasseg.data.reading.pictures.image import Page
from kerasseg.inference.inputs import Source
from kerasseg.inference.video.sources import Stream

LONGEST = 180
"""Bytes of the name of a result without its ending; file systems take 255 with it."""
LONGEST_CLASS = 50
"""Bytes of the name of a class in the name of a file."""


def targets(sources: Sequence[Source], places: Sequence[Path], out: Path) -> list[Path]:
    """A path without ending for the results of each source, none of them twice.

    Names of more than `LONGEST` bytes are cut and end in a part of their hash.
    """
    found: list[Path] = []
    taken: set[str] = set()
    for source, place in zip(sources, places, strict=True):
        name = _untaken(_cut(_stem(source), LONGEST), taken, f"{place}/")
        found.append(out / place / name)
    return found


def class_names(names: Sequence[str]) -> list[str]:
    """Names of classes as parts of names of files: of letters, digits, dots and dashes,
    none of them twice in any letters' case.

    >>> class_names(["left lung", "Left/lung", "心臓"])
    ['left_lung', 'Left_lung_2', '心臓']
    """
    taken: set[str] = set()
    plain = (re.sub(r"[^\w.-]+", "_", name).strip("._") or "class" for name in names)
    return [_untaken(_cut(name, LONGEST_CLASS), taken) for name in plain]


def refuse_replacing(sources: Iterable[Source], results: Iterable[Path]) -> None:
    """Raises UserError where a result would replace a source."""
    known = {}
    for source in sources:
        file = source.file if isinstance(source, Page) else source
        if isinstance(file, Path):
            stat = file.stat()
            known[stat.st_dev, stat.st_ino] = file
    for result in results:
        try:
            stat = result.stat()
        except OSError:
            continue
        replaced = known.get((stat.st_dev, stat.st_ino))
        if replaced is not None:
            raise UserError(
                f"The result {result} would replace the input {replaced}. Choose "
                "another folder with --out."
            )


def _stem(source: Source) -> str:
    if isinstance(source, int):
        return f"camera{source}"
    if isinstance(source, Stream):
        return source.stem
    if isinstance(source, Page):
        return f"{Path(str(source.file)).stem}_page{source.number + 1}"
    return source.stem


def _untaken(stem: str, taken: set[str], before: str = "") -> str:
    """The stem, with a number where it is taken; some file systems take A and a for one
    name."""
    name, number = stem, 2
    while f"{before}{name}".casefold() in taken:
        name, number = f"{stem}_{number}", number + 1
    taken.add(f"{before}{name}".casefold())
    return name


def _cut(stem: str, most: int) -> str:
    data = os.fsencode(stem)
    if len(data) <= most:
        return stem
    digest = hashlib.sha256(data).hexdigest()[:8]
    return f"{data[: most - 9].decode('utf-8', 'ignore')}~{digest}"
