"""Reads image files as arrays, exactly as the training pipeline will decode them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from kerasseg import UserError
from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.sample import Decoded
from kerasseg.files import exif

HEADER = 1 << 18
"""Bytes at the start of a file in which its EXIF block lies, if it has one."""
READ_AGAIN = " Copy it again, or remove it from the dataset."
"""The end of each message about a file that cannot be decoded."""


def read_image(file: Path | EmbeddedFile) -> tuple[np.ndarray, bytes]:
    """uint8 (H, W, 3) RGB pixels, upright, and the bytes to keep of the file.

    The bytes are empty where `tf.io.decode_jpeg` would not give these pixels: for other
    formats than JPEG and PNG, turned images, CMYK and 16 bits per channel.

    Raises UserError that names the file where it cannot be decoded.
    """
    pixels, _, encoded = _decode(file)
    return pixels, Decoded.to(pixels, encoded) if encoded else b""


def read_upright(file: Path | EmbeddedFile) -> tuple[np.ndarray, int]:
    """The pixels of `read_image`, and the EXIF orientation (1..8) that turned them.

    Raises UserError that names the file where it cannot be decoded.
    """
    pixels, turn, _ = _decode(file)
    return pixels, turn


def size_of(file: Path, upright: bool = True) -> tuple[int, int]:
    """Height and width in pixels, from the file's header alone.

    upright: as EXIF turns the image; False: as its pixels are stored.

    Raises UserError for a file that is not an image, FileNotFoundError for none.
    """
    try:
        with Image.open(file) as image, file.open("rb") as opened:
            turned = upright and _orientation(image, opened.read(HEADER)) >= 5
            width, height = image.size
            return (width, height) if turned else (height, width)
    except FileNotFoundError:
        raise
    except Exception as error:
        raise UserError(
            f"{file} is not an image file that can be read ({error})."
        ) from error


@contextlib.contextmanager
def opened_image(file: Path | EmbeddedFile, encoded: bytes) -> Iterator[Image.Image]:
    """The image in the bytes `encoded` of a file, with its pixels read.

    Raises UserError that names the file for any error inside the block: PIL raises
    OSError, SyntaxError, ValueError, struct.error, IndexError and more for damaged
    files, and DecompressionBombError for more than 179 million pixels.
    """
    try:
        image = Image.open(io.BytesIO(encoded))
        image.load()
        yield image
    except Exception as error:
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "its format is unknown" if unknown else error
        raise UserError(
            f"{file} cannot be read as an image ({reason}).{READ_AGAIN}"
        ) from error


def _decode(file: Path | EmbeddedFile) -> tuple[np.ndarray, int, bytes]:
    """Upright pixels, EXIF orientation, and the bytes that decode to these pixels."""
    encoded = file.read_bytes()
    with opened_image(file, encoded) as image:
        turn = _orientation(image, encoded)
        pixels = np.asarray(_eight_bits(image).convert("RGB"))
        pixels = exif.turned(pixels, turn)
        if image.format == "PNG":
            kept = image.mode in ("RGB", "L") and encoded[24] == 8  # bits a channel
        else:
            kept = image.format == "JPEG" and image.mode in ("RGB", "L")
    return pixels, turn, encoded if kept and turn == 1 else b""


def _orientation(image: Image.Image, encoded: bytes) -> int:
    """EXIF's 1..8 of an opened image: `kerasseg.files.exif` for JPEG and PNG, else PIL.

    `tf.io.decode_jpeg` ignores it, viewers obey it.
    """
    if encoded.startswith((exif.JPEG, exif.PNG)):
        return exif.orientation(encoded)
    found = image.getexif().get(exif.ORIENTATION, 1)
    return found if found in range(1, 9) else 1


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit gray brought to 8 bits by dropping the low byte, as PNG decoders do."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).astype(np.uint8))
