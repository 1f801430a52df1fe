"""Encoded images and masks as they are stored: strict, and without any mending."""

from __future__ import annotations

import io
import warnings

import numpy as np
from PIL import Image

from kerasseg import UserError
from kerasseg.data.datasets.reading import files
from kerasseg.files import exif


def decode_image(data: bytes) -> tuple[np.ndarray, np.ndarray, int]:
    """uint8 RGB pixels as stored, the same upright, and the EXIF orientation (1..8).

    Raises ValueError for bytes that are no image, are cut short, or would unpack to
    more than Pillow's limit against decompression bombs.
    """
    image = _open(data)
    orientation = files.orientation(image, data)
    stored = _rgb(image)
    return stored, exif.turned(stored, orientation), orientation


def decode_mask(data: bytes) -> tuple[np.ndarray, np.ndarray | None]:
    """(H, W) int32 gray levels or palette indices, or (H, W, 3) uint8; and the palette.

    The palette is (n, 3) uint8, None where the file has none; alpha is dropped.
    """
    image = _open(data)
    if image.mode == "P":
        palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
        return np.asarray(image).astype(np.int32), palette
    if image.mode in ("1", "L", "LA", "F") or image.mode.startswith("I"):
        if image.mode == "LA":
            image = image.convert("L")
        return np.asarray(image).astype(np.int32), None
    return np.asarray(image.convert("RGB")), None


def _open(data: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data))
            image.load()
        return image
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(str(error)) from error


def _rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I"):  # 16 bits a pixel
        return np.repeat((np.asarray(image) >> 8).astype(np.uint8)[..., None], 3, 2)
    return np.asarray(image.convert("RGB"))
