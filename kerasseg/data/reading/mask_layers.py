"""Masks that are more or less than one file: a file for each class, a page of many."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from kerasseg import UserError
from kerasseg.data.reading.mask_decoders import File, Stored, decode


@dataclass(frozen=True)
class Layers:
    """The mask files of one image, each with the name of its class."""

    files: tuple[tuple[str, Path], ...]

    def __str__(self) -> str:
        return str(self.files[0][1]) if self.files else "(no file)"


@dataclass(frozen=True)
class Page:
    """One page of a file of several, counted from 0: the mask of one slice."""

    file: File
    page: int

    def __str__(self) -> str:
        return f"{self.file} page {self.page}"


MaskFile: TypeAlias = File | Layers | Page
"""The mask of one image."""


def stored(file: File | Page) -> Stored:
    """What a mask file, or one of its pages, holds.

    Raises UserError that names the file where it cannot be decoded.
    """
    if not isinstance(file, Page):
        return decode(file)
    found = decode(file.file)
    pages = found.pages if found.pages is not None else found.pixels[None]
    if file.page >= len(pages):
        raise UserError(
            f"Mask {file.file} has {len(pages)} pages, its image has more. Save them "
            "again with one page for each."
        )
    return Stored(pages[file.page], found.palette, None, found.nodata, found.lossy)


def by_suffix(files: Iterable[Path], stems: Collection[str]) -> dict[str, Layers]:
    """Files such as x_car.png and x_road.png by the name x of their image.

    stems: names of the images. The longest that fits counts.

    Raises UserError for a file that belongs to no image.
    """
    found: dict[str, list[tuple[str, Path]]] = {stem: [] for stem in stems}
    for file in sorted(files):
        fitting = [
            stem
            for stem in stems
            if file.stem.startswith(stem) and file.stem[len(stem) :][:1] in "_-. "
            if file.stem != stem
        ]
        if not fitting:
            raise UserError(
                f"Mask {file} belongs to no image: --per-class suffix expects the name "
                "of the image, then _ and the class."
            )
        stem = max(fitting, key=len)
        found[stem].append((file.stem[len(stem) + 1 :].strip(), file))
    return {stem: Layers(tuple(layers)) for stem, layers in found.items()}


def by_folder(masks: Path, endings: Collection[str]) -> dict[str, Layers]:
    """Files such as car/x.png and road/x.png by their name x.

    endings: of the files that are masks, in small letters.

    Raises UserError where there are no such folders.
    """
    folders = sorted(
        f for f in masks.iterdir() if f.is_dir() and f.name[:1] not in ".@_"
    )
    found: dict[str, list[tuple[str, Path]]] = {}
    for folder in folders:
        for file in sorted(folder.iterdir()):
            if file.suffix.lower() in endings and not file.name.startswith("."):
                found.setdefault(file.stem, []).append((folder.name, file))
    if not found:
        raise UserError(
            f"{masks} has no folders with masks. --per-class folders expects "
            f"{masks.name}/car/x.png beside {masks.name}/road/x.png."
        )
    return {stem: Layers(tuple(layers)) for stem, layers in sorted(found.items())}
