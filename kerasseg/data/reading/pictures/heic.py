"""HEIC and HEIF, as phones write them: by pillow-heif, with all their bits."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.optional_packages import require
from kerasseg.data.reading.pictures.picture import Header, Stored
from kerasseg.data.reading.pictures.picture_formats import check_size
from kerasseg.image_format import GRAY_BANDS, RGB_BANDS


def header(file: Path | EmbeddedFile) -> Header:
    """The header of a HEIC file."""
    image = _opened(file)
    width, height = image.size
    deep = ";16" in image.mode
    bands = GRAY_BANDS if image.mode.startswith("L") else RGB_BANDS
    alpha = image.mode.split(";")[0] in ("RGBA", "LA", "RGBa")
    return Header(height, width, bands, "uint16" if deep else "uint8", alpha=alpha)


def stored(file: Path | EmbeddedFile) -> Stored:
    """The pixels of the primary image of a HEIC file, turned as it says.

    10 and 12 bits come in the upper bits of 16, as the library gives them.
    """
    image = _opened(file)
    check_size(*image.size[::-1])
    pixels = np.asarray(image)
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    bands = GRAY_BANDS if pixels.shape[-1] < 3 else RGB_BANDS
    alpha = pixels[..., -1] if pixels.shape[-1] in (2, 4) else None
    return Stored(pixels[..., : len(bands)], bands, alpha)


def _opened(file: Path | EmbeddedFile) -> Any:
    library = require("pillow_heif", file)
    content = io.BytesIO(file.read_bytes())
    return library.open_heif(content, convert_hdr_to_8bit=False)
