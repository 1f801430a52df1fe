"""A folder of pictures as the slices of one volume, in the order of their numbers."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.pictures.image import header
from kerasseg.data.reading.pictures.image import read as read_picture
from kerasseg.data.reading.pictures.picture import Header
from kerasseg.data.reading.volumes.volume_file import VolumeFile, of_array

SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp")


def opened(folder: Path) -> VolumeFile:
    """The sizes of all slices, which must be one."""
    files = sorted(
        (f for f in folder.iterdir() if f.suffix.lower() in SUFFIXES), key=_number
    )
    headers = [header(file) for file in files]
    first = headers[0]
    for file, one in zip(files, headers, strict=True):
        if _kind(one) != _kind(first):
            raise UserError(
                f"{file} has {_kind(one)}, {files[0].name} {_kind(first)}: slices of "
                "a volume are alike. Bring them to one size."
            )

    def read(part: tuple[slice, ...]) -> np.ndarray:
        depth, *rest = part
        pages = [read_picture(file).pixels[tuple(rest)] for file in files[depth]]
        return np.stack(pages)

    channels = len(first.bands)
    shape = (len(files), first.height, first.width, channels)
    return of_array(folder, shape, np.dtype(first.type), read, bands=first.bands)


def _kind(head: Header) -> str:
    return f"{head.height} x {head.width} pixels of {len(head.bands)} bands"


def _number(file: Path) -> list[tuple[int, str]]:
    """Sorts slice_2 before slice_10."""
    parts = re.split(r"(\d+)", file.stem)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
