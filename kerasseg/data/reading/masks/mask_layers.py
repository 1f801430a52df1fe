"""Masks that are more or less than one file: a file for each class, a page of many."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from kerasseg.data.reading.masks.mask_decoders import File, Stored, decode
from kerasseg.data.reading.pictures.picture import Page


@dataclass(frozen=True)
class Layers:
    """The mask files of one image, each with the name of its class."""

    files: tuple[tuple[str, Path], ...]

    def __str__(self) -> str:
        return str(self.files[0][1]) if self.files else "(no file)"


MaskFile: TypeAlias = File | Layers | Page
"""The mask of one image."""


def stored(file: File | Page) -> Stored:
    """What a mask file, or one of its pages, holds.

    Raises UserError that names the file where it cannot be decoded.
    """
    if isinstance(file, Page):
        return decode(file.file, file.number)
    return decode(file)
