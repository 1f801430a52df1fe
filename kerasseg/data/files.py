"""Image and mask files as arrays, exactly as the training pipeline will decode them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

ORIENTATION = 0x0112
"""EXIF tag: 1 is upright. `tf.io.decode_jpeg` ignores it, viewers obey it."""


def read_image(file: Path) -> tuple[np.ndarray, bytes]:
    """uint8 (H, W, 3) RGB pixels, upright, and the bytes to keep of the file.

    The bytes are empty where `tf.io.decode_jpeg` would not give these pixels: for other
    formats than JPEG and PNG, turned images, CMYK and 16 bits per channel.
    """
    encoded = file.read_bytes()
    image = _open(file, encoded)
    if image.getexif().get(ORIENTATION, 1) != 1:
        from PIL import ImageOps

        image, encoded = ImageOps.exif_transpose(image), b""
    if image.format == "PNG":
        encoded = encoded if image.mode in ("RGB", "L") and encoded[24] == 8 else b""
    elif image.format != "JPEG" or image.mode not in ("RGB", "L"):
        encoded = b""
    return np.asarray(_eight_bits(image).convert("RGB")), encoded


def read_mask(file: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels of a mask as they are stored, and its palette.

    (H, W) integers for gray and palette files (the indices, not their colours), with
    the palette as (n, 3) uint8 or None; (H, W, 3) uint8 for RGB; alpha is dropped.
    """
    image = _open(file, file.read_bytes())
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
        with Image.open(file) as image:
            turned = image.getexif().get(ORIENTATION, 1) >= 5
            return image.size if turned else image.size[::-1]
    except UnidentifiedImageError as error:
        raise ValueError(f"{file} is no image file that can be read.") from error


def _open(file: Path, encoded: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(encoded))
        image.load()
    except (OSError, SyntaxError) as error:  # PIL's own, without the file's name
        raise ValueError(
            f"{file} cannot be read as an image ({error}). Copy it again, or remove it "
            "from the dataset."
        ) from error
    return image


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit gray brought to 8 bits by dropping the low byte, as PNG decoders do."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).astype(np.uint8))
