"""Picture files of any kind as the bytes that a server takes: JPEG or PNG."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.pictures import signatures
from kerasseg.data.reading.pictures.image import header, read
from kerasseg.image_format import GRAY_BANDS


def encoded(file: Path) -> bytes:
    """The JPEG or PNG bytes that a server is sent for a picture file.

    Raises UserError where the file cannot be read, or holds what a PNG cannot.
    """
    with file.open("rb") as opened:
        kind = signatures.kind_of(opened.read(signatures.HEAD))
    if kind in ("jpeg", "png", "png16"):
        found = header(file)
        if not (found.alpha and found.bands == GRAY_BANDS):
            return file.read_bytes()  # the server turns it upright
        # Two channels: a network of gray takes the first alone, as in training.
    return as_png(read(file).pixels, file)


def as_png(pixels: np.ndarray, file: Path) -> bytes:
    """A PNG of the pixels (H, W, C) of a file. Raises UserError for what none holds."""
    count, name = pixels.shape[-1], pixels.dtype.name
    if count not in (1, 3, 4) or name not in ("uint8", "uint16"):
        raise UserError(
            f"{file} has {count} bands of {name}; a PNG holds 1, 3 or 4 of uint8 or "
            "uint16. Send the array: predict('serving_default', {'image': ...})."
        )
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[count]  # OpenCV begins with blue
    return cv2.imencode(".png", pixels[..., order])[1].tobytes()
