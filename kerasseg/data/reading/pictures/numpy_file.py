"""Arrays that NumPy saved: .npy, and .npz of one array."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.pictures.number_types import kept_type, notes_of
from kerasseg.data.reading.pictures.picture import Header, Stored, names_of_bands

MOST_BANDS = 64
"""A third dimension larger than this is no number of bands."""


def header(file: Path | EmbeddedFile) -> Header:
    """The header of an array in a file."""
    with _opened(file) as opened:
        version = np.lib.format.read_magic(opened)
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(opened)
    height, width, bands = _shape(shape, file)
    kept, notes = kept_type(dtype, file), notes_of(dtype)
    return Header(height, width, names_of_bands(bands), kept, notes=notes)


def stored(file: Path | EmbeddedFile) -> Stored:
    """The array in a file: (H, W) or (H, W, C)."""
    with _opened(file) as opened:
        array = np.lib.format.read_array(opened, allow_pickle=False)
    height, width, bands = _shape(array.shape, file)
    kept_type(array.dtype, file)
    array = array.astype(array.dtype.newbyteorder("="), order="C", copy=False)
    return Stored(array.reshape(height, width, bands), names_of_bands(bands))


def _opened(file: Path | EmbeddedFile):
    opened = (
        io.BytesIO(file.read_bytes())
        if isinstance(file, EmbeddedFile)
        else file.open("rb")
    )
    if opened.read(2) != b"PK":
        opened.seek(0)
        return opened
    with opened, zipfile.ZipFile(opened) as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
        if len(names) != 1 or len(archive.namelist()) != 1:
            held = ", ".join(name.removesuffix(".npy") for name in names[:6])
            raise UserError(
                f"{file} holds {len(names)} arrays ({held}), an image is one. Save the "
                "image alone, as .npy."
                if names
                else f"{file} is a ZIP archive, not an image. Unpack it."
            )
        return io.BytesIO(archive.read(names[0]))


def _shape(shape: tuple[int, ...], file: object) -> tuple[int, int, int]:
    """Height, width and bands. Raises UserError for other shapes."""
    if 0 in shape or len(shape) not in (2, 3):
        raise UserError(
            f"{file} holds an array of shape {shape}. An image is (height, width) or "
            "(height, width, bands)."
        )
    height, width, bands = shape if len(shape) == 3 else (*shape, 1)
    if bands > MOST_BANDS:
        cure = (
            "Save it with the bands last: np.moveaxis(array, 0, -1)"
            if height <= MOST_BANDS
            else f"An image has {MOST_BANDS} bands at most"
        )
        raise UserError(
            f"{file} holds an array of shape {shape}, which is (height, width, bands) "
            f"here. {cure}."
        )
    return height, width, bands
