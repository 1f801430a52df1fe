"""Image and mask files as arrays, exactly as the training pipeline will decode them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from kerasseg import UserError
from kerasseg.data.sample import Decoded
from kerasseg.files import exif

HEADER = 1 << 18
"""Bytes at the start of a file in which its EXIF block lies, if it has one."""


def read_image(file: Path) -> tuple[np.ndarray, bytes]:
    """uint8 (H, W, 3) RGB pixels, upright, and the bytes to keep of the file.

    The bytes are empty where `tf.io.decode_jpeg` would not give these pixels: for other
    formats than JPEG and PNG, turned images, CMYK and 16 bits per channel.
    """
    encoded = file.read_bytes()
    with _opened(file, encoded) as image:
        turn = orientation(image, encoded)
        encoded = encoded if turn == 1 else b""
        if encoded and image.format == "PNG":
            eight = image.mode in ("RGB", "L") and encoded[24] == 8
            encoded = encoded if eight else b""
        elif image.format != "JPEG" or image.mode not in ("RGB", "L"):
            encoded = b""
        pixels = np.asarray(_eight_bits(image).convert("RGB"))
        pixels = exif.turned(pixels, turn)
    return pixels, Decoded.to(pixels, encoded) if encoded else b""


def read_mask(file: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels of a mask as they are stored, and its palette.

    (H, W) integers for gray and palette files (the indices, not their colours), with
    the palette as (n, 3) uint8 or None; (H, W, 3) uint8 for RGB; alpha is dropped.
    """
    with _opened(file, file.read_bytes()) as image:
        if image.mode == "P":
            palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
            return np.asarray(image), palette
        if image.mode in ("RGBA", "RGBX", "LA", "PA", "CMYK", "YCbCr"):
            image = image.convert("L" if image.mode == "LA" else "RGB")
        pixels = np.asarray(image)
    return pixels.astype(np.uint8) if pixels.dtype == bool else pixels, None


def size_of(file: Path) -> tuple[int, int]:
    """Height and width in pixels, upright, from the file's header alone."""
    try:
        with Image.open(file) as image, file.open("rb") as opened:
            turned = orientation(image, opened.read(HEADER)) >= 5
            return image.size if turned else image.size[::-1]
    except FileNotFoundError:
        raise
    except Exception as error:
        raise UserError(
            f"{file} is no image file that can be read ({error})."
        ) from error


def orientation(image: Image.Image, encoded: bytes) -> int:
    """EXIF's 1..8 of an opened image: `kerasseg.files.exif` for JPEG and PNG, else PIL.

    `tf.io.decode_jpeg` ignores it, viewers obey it.
    """
    if encoded.startswith((exif.JPEG, exif.PNG)):
        return exif.orientation(encoded)
    found = image.getexif().get(exif.ORIENTATION, 1)
    return found if found in range(1, 9) else 1


@contextlib.contextmanager
def _opened(file: Path, encoded: bytes) -> Iterator[Image.Image]:
    """The image, its pixels read; any error about it names the file.

    PIL raises OSError, SyntaxError, ValueError, struct.error, IndexError and more for
    damaged files, and DecompressionBombError for more than 179 million pixels.
    """
    try:
        image = Image.open(io.BytesIO(encoded))
        image.load()
        yield image
    except Exception as error:
        raise UserError(
            f"{file} cannot be read as an image ({error}). Copy it again, or remove it "
            "from the dataset."
        ) from error


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit gray brought to 8 bits by dropping the low byte, as PNG decoders do."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).astype(np.uint8))
