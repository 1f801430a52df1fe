"""Masks that are more or less than one file: a file for each class, a page of many."""

from __future__ import annotations

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
