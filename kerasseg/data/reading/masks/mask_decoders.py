"""Decodes mask files of any format to the numbers that stand in them.

What kind of file it is, its first bytes say, not its ending. Numbers stay as they are
stored: palette indices, gray levels of 1, 2, 4, 8 and 16 bits, integers and floats of
any TIFF or .npy. Pictures are turned as EXIF says, masks as well as images.
"""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image, UnidentifiedImageError

from kerasseg import UserError
from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.pictures import plain_png
from kerasseg.data.reading.pictures.picture import damaged
from kerasseg.data.reading.pictures.picture_formats import LARGEST, unlimited
from kerasseg.files import exif

TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
NUMPY = b"\x93NUMPY"
File: TypeAlias = Path | EmbeddedFile


@dataclass(frozen=True)
class Stored:
    """What a mask file holds.

    pixels: (H, W) numbers or palette indices, or (H, W, C) with C channels of colour.
    palette: (n, 3) uint8 of an indexed picture.
    alpha: (H, W) transparency, 0 = transparent; None where the file has none.
    nodata: the number that a GeoTIFF says stands for "nothing measured", or None.
    lossy: the name of a format that changes numbers, such as "JPEG"; else "".
    pages: how many the file has; `pixels` is the one that was asked for, or the first.
    """

    pixels: np.ndarray
    palette: np.ndarray | None = None
    alpha: np.ndarray | None = None
    nodata: float | None = None
    lossy: str = ""
    pages: int = 1


def decode(file: File, page: int = 0) -> Stored:
    """The content of a mask file, or of one of its pages from 0 on, upright.

    Raises UserError that names the file where it cannot be decoded: decoders raise
    errors of many kinds for damaged files.
    """
    try:
        encoded = file.read_bytes()
        if not encoded:
            raise ValueError("it is empty")
        if encoded.startswith(TIFF):
            return _tiff(encoded, page)
        if page:
            raise UserError("has one page, its image has more. Save it with all pages.")
        if encoded.startswith(NUMPY):
            return _array(np.load(io.BytesIO(encoded), allow_pickle=False))
        return _picture(encoded)
    except UserError as error:
        raise UserError(f"Mask {file} {error}") from error
    except Exception as error:
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "its format is unknown" if unknown else error
        raise damaged(file, reason) from error


def _array(pixels: np.ndarray) -> Stored:
    if pixels.ndim == 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim not in (2, 3) or pixels.dtype.kind not in "buif" or not pixels.size:
        raise UserError(
            f"holds an array {pixels.shape} of {pixels.dtype}. Expected numbers (H, W)."
        )
    return Stored(pixels.astype(np.uint8) if pixels.dtype == bool else pixels)


def _picture(encoded: bytes) -> Stored:
    """PNG, GIF, BMP, JPEG, WebP and what else Pillow opens."""
    plain = plain_png.pixels(encoded, LARGEST)
    if plain is not None:
        return Stored(_turned(plain, exif.orientation(encoded)))
    with unlimited(io.BytesIO(encoded)) as image:
        frames = int(getattr(image, "n_frames", 1))
        if frames > 1 and image.format != "MPO":
            raise UserError(
                f"has {frames} frames. Save each mask as a file of its own."
            )
        if image.format == "PNG" and encoded[24] == 16 and encoded[25] in (2, 4, 6):
            stored = _png16(encoded)
        else:
            image.load()
            stored = _of_mode(image)
        pixels = stored.pixels
        if image.format == "PNG" and encoded[25] == 0 and encoded[24] in (2, 4):
            pixels = pixels // {2: 85, 4: 17}[encoded[24]]  # Pillow stretches to 255
        turn = exif.orientation(encoded)
        if not encoded.startswith((exif.JPEG, exif.PNG)):
            turn = image.getexif().get(exif.ORIENTATION, 1)
        lossy = image.format if image.format in ("JPEG", "MPO", "AVIF") else ""
        if image.format == "WEBP" and b"VP8 " in encoded[:64]:
            lossy = "WebP with loss"
    return Stored(
        _turned(pixels, turn),
        stored.palette,
        None if stored.alpha is None else _turned(stored.alpha, turn),
        lossy="JPEG" if lossy == "MPO" else lossy or "",
    )


def _of_mode(image: Image.Image) -> Stored:
    if image.mode in ("P", "PA"):
        palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
        indices = np.asarray(image)
        if indices.ndim == 3:
            return Stored(indices[..., 0], palette, indices[..., 1])
        return Stored(indices, palette, _palette_alpha(image, indices))
    if image.mode == "LA":
        both = np.asarray(image)
        return Stored(both[..., 0], alpha=both[..., 1])
    if image.mode == "RGBA":
        four = np.asarray(image)
        return Stored(four[..., :3], alpha=four[..., 3])
    if image.mode not in ("1", "L", "I", "F", "RGB") and not image.mode.startswith("I"):
        image = image.convert("RGB")
    pixels = np.asarray(image)
    return Stored(pixels.astype(np.uint8) if pixels.dtype == bool else pixels)


def _palette_alpha(image: Image.Image, indices: np.ndarray) -> np.ndarray | None:
    """The transparency that a PNG or GIF gives to the entries of its palette."""
    given = image.info.get("transparency")
    if given is None:
        return None
    table = np.full(256, 255, np.uint8)
    if isinstance(given, bytes):
        table[: len(given)] = np.frombuffer(given[:256], np.uint8)
    else:
        table[int(given)] = 0
    return table[indices]


def _png16(encoded: bytes) -> Stored:
    """16 bits a channel, which Pillow cuts to 8."""
    import cv2

    pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError("its pixels are damaged")
    if encoded[25] == 4:  # gray and alpha, which OpenCV makes four channels of
        return Stored(pixels[..., 0], alpha=pixels[..., 3])
    alpha = pixels[..., 3] if pixels.shape[-1] == 4 else None
    colours, rest = np.divmod(pixels[..., 2::-1], 257)
    if rest.any():
        if (pixels[..., :3] == pixels[..., :1]).all():
            return Stored(pixels[..., 0], alpha=alpha)
        raise UserError(
            "holds colours of 16 bits that are no colours of 8. Save it with 8 bits."
        )
    return Stored(colours.astype(np.uint8), alpha=alpha)


def _tiff(encoded: bytes, page: int) -> Stored:
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # else on the terminal

    with tifffile.TiffFile(io.BytesIO(encoded)) as opened:
        pages: list[Any] = [
            one
            for one in opened.pages
            if not int(getattr(one, "subfiletype", 0) or 0) & 5  # previews, validity
        ]
        if page >= len(pages):
            raise UserError(
                f"has {len(pages)} pages, its image has more. Save it with all pages."
            )
        first = pages[page]
        stored = _page(first)
        nodata = None
        if 42113 in first.tags:
            text = str(first.tags[42113].value).strip("\0 ")
            nodata = float(text) if text else None
    return Stored(stored.pixels, stored.palette, stored.alpha, nodata, pages=len(pages))


def _page(page: Any) -> Stored:
    """One page of a TIFF."""
    pixels, palette, alpha = page.asarray(), None, None
    photometric = int(page.photometric)
    if pixels.ndim == 3 and int(page.planarconfig) == 2 and page.samplesperpixel > 1:
        pixels = np.moveaxis(pixels, 0, -1)
    if pixels.ndim == 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim not in (2, 3) or pixels.dtype.kind not in "buif":
        raise UserError(
            f"holds an array {pixels.shape} of {pixels.dtype}. Expected numbers (H, W)."
        )
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8)
    if photometric == 0 and pixels.dtype.kind == "u":  # white is zero
        bits = int(page.bitspersample)
        pixels = ((1 << bits) - 1 - pixels).astype(pixels.dtype)
    if photometric == 3 and page.colormap is not None:
        palette = (np.asarray(page.colormap).T >> 8).astype(np.uint8)
    if photometric == 6 and int(page.compression) != 7:
        raise UserError("holds YCbCr. Save it as RGB, or as numbers.")
    if pixels.ndim == 3 and tuple(page.extrasamples)[-1:] in ((1,), (2,)):
        pixels, alpha = pixels[..., :-1], pixels[..., -1]
        if pixels.shape[-1] == 1:
            pixels = pixels[..., 0]
    tag = page.tags.get(exif.ORIENTATION)
    turn = int(tag.value) if tag is not None else 1
    return Stored(
        _turned(pixels, turn), palette, None if alpha is None else _turned(alpha, turn)
    )


def _turned(pixels: np.ndarray, turn: int) -> np.ndarray:
    if turn not in range(2, 9):
        return pixels
    flat = pixels.ndim == 2
    out = exif.turned(pixels[..., None] if flat else pixels, turn)
    return out[..., 0] if flat else out
