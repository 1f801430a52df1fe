"""JPEG, PNG of 8 bits, WebP, GIF, BMP, PNM and AVIF of 8 bits: by Pillow.

JPEG is decoded to the very pixels of `tf.io.decode_jpeg(dct_method=
"INTEGER_ACCURATE")`.
"""

from __future__ import annotations

import contextlib
import io
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from kerasseg import UserError
from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.pictures import plain_png
from kerasseg.data.reading.pictures.picture import Header, Stored, damaged
from kerasseg.files import exif
from kerasseg.image_format import GRAY_BANDS, RGB_BANDS

HEADER = 1 << 18
"""Bytes at the start of a file in which its EXIF block lies, if it has one."""
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "PPM", "AVIF")
MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK")
GRAY_MODES = ("1", "L", "LA", "La")
LARGEST = 1 << 30
"""Pixels of an image that is read as a whole; larger ones are read in windows."""
_OPENING = threading.Lock()


def header(file: Path | EmbeddedFile) -> Header:
    """The header of a file of these kinds."""
    with _opened(file, pixels=False) as (image, start):
        turn = _orientation(image, start)
        width, height = image.size if turn < 5 else image.size[::-1]
        bands = GRAY_BANDS if _is_gray(image) else RGB_BANDS
        pages = _pages(image)
        alpha = image.has_transparency_data
        return Header(height, width, bands, "uint8", pages, None, alpha, turn)


def stored(file: Path | EmbeddedFile, page: int) -> Stored:
    """The pixels of a page of a file of these kinds."""
    if not page and (found := _plain_png(file)):
        return found
    with _opened(file, pixels=True, page=page) as (image, encoded):
        turn = _orientation(image, encoded)
        if image.mode not in MODES:
            raise ValueError(f"pixels of kind {image.mode} are not read here")
        gray, alpha = _is_gray(image), None
        if image.has_transparency_data:
            both = np.asarray(image.convert("LA" if gray else "RGBA"))
            pixels, alpha = both[..., :-1], both[..., -1]
        else:
            wanted = "L" if gray else "RGB"
            right = image if image.mode == wanted else image.convert(wanted)
            pixels = np.asarray(right).reshape(*right.size[::-1], -1)
        if image.format == "PNG":
            kept = image.mode in ("RGB", "L") and encoded[24] == 8  # bits a channel
        else:
            kept = image.format == "JPEG" and image.mode in ("RGB", "L")
        notes = ("only its main picture is read",) if image.format == "MPO" else ()
        return Stored(
            pixels,
            GRAY_BANDS if gray else RGB_BANDS,
            alpha,
            encoded=encoded if kept else b"",
            turn=turn,
            notes=notes,
        )


def _plain_png(file: Path | EmbeddedFile) -> Stored | None:
    encoded = file.read_bytes()
    pixels = plain_png.pixels(encoded, LARGEST)
    if pixels is None:
        return None
    gray = pixels.ndim == 2
    return Stored(
        pixels[..., None] if gray else pixels,
        GRAY_BANDS if gray else RGB_BANDS,
        encoded=encoded,
        turn=exif.orientation(encoded),
    )


def orientation_of(file: Path | EmbeddedFile) -> int:
    """EXIF's 1..8 of a file of these kinds, also where the file itself says it."""
    return header(file).turn


@contextlib.contextmanager
def opened_image(file: Path | EmbeddedFile, encoded: bytes) -> Iterator[Image.Image]:
    """The image in the bytes `encoded` of a file, with its pixels read.

    Raises UserError that names the file for any error inside the block: PIL raises
    OSError, SyntaxError, ValueError, struct.error, IndexError and more for damaged
    files.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = unlimited(io.BytesIO(encoded))
            image.load()
            yield image
    except UserError:
        raise
    except Exception as error:
        unknown = isinstance(error, UnidentifiedImageError)
        raise damaged(file, "its format is unknown" if unknown else error) from error


def unlimited(file: Any, formats: tuple[str, ...] | None = None) -> Image.Image:
    """`Image.open` without Pillow's limit, which is for pictures of strangers.

    Raises what Pillow raises, and UserError for more than `LARGEST` pixels.
    """
    with _OPENING:  # the limit is one for the process
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = Image.open(file, formats=formats)
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    check_size(*image.size[::-1])
    return image


def check_size(height: int, width: int) -> None:
    """Raises ValueError for more pixels than can be read as a whole."""
    if height * width > LARGEST:
        raise ValueError(
            f"{height} x {width} pixels are more than the {LARGEST} that are read as a "
            "whole: cut it into parts, or read it as a map, a GeoTIFF"
        )


@contextlib.contextmanager
def _opened(
    file: Path | EmbeddedFile, pixels: bool, page: int = 0
) -> Iterator[tuple[Image.Image, bytes]]:
    """The image, and the bytes of its file: all where pixels are wanted."""
    with contextlib.ExitStack() as stack:
        if isinstance(file, EmbeddedFile) or pixels:
            start = file.read_bytes()
            opened: BinaryIO = io.BytesIO(start)
        else:
            opened = stack.enter_context(file.open("rb"))
            start = opened.read(HEADER)
            opened.seek(0)
        image = unlimited(opened, FORMATS)
        if pixels:
            if page:
                image.seek(page)
            image.load()
        yield image, start


def _is_gray(image: Image.Image) -> bool:
    return image.mode in GRAY_MODES


def _pages(image: Image.Image) -> int:
    """Frames of an animation; an MPO's further pictures are not pages of it."""
    return 1 if image.format == "MPO" else getattr(image, "n_frames", 1)


def _orientation(image: Image.Image, encoded: bytes) -> int:
    """EXIF's 1..8 of an opened image: `kerasseg.files.exif` for JPEG and PNG, else PIL.

    `tf.io.decode_jpeg` ignores it, viewers obey it.
    """
    if encoded.startswith((exif.JPEG, exif.PNG)):
        return exif.orientation(encoded)
    found = image.getexif().get(exif.ORIENTATION, 1)
    return found if found in range(1, 9) else 1
