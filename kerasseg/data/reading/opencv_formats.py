"""PNG of 16 bits, JPEG 2000 and AVIF of more than 8 bits: by OpenCV, unchanged."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np

from kerasseg.console import silenced
from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.picture import Header, Stored, damaged
from kerasseg.data.reading.picture_formats import HEADER
from kerasseg.files import exif
from kerasseg.image_format import GRAY_BANDS, RGB_BANDS

_SILENCING = threading.Lock()
GRAY, RGB, GRAY_ALPHA, RGB_ALPHA = 0, 2, 4, 6
"""Colour types of PNG. PNG specification, 11.2.2."""


def is_deep_avif(encoded: bytes) -> bool:
    """Whether an AVIF holds 10 or 12 bits. AV1 in ISOBMFF, 2.3.3."""
    place = encoded.find(b"av1C")
    return (
        place >= 0
        and bool(encoded[place + 6 : place + 7] > b"\x3f")
        and bool(encoded[place + 6] & 0x40)
    )


def png_header(file: Path | EmbeddedFile) -> Header:
    """The header of a PNG of 16 bits."""
    if isinstance(file, EmbeddedFile):
        start = file.read_bytes()
    else:
        with file.open("rb") as opened:
            start = opened.read(HEADER)
    width, height = (int.from_bytes(start[i : i + 4], "big") for i in (16, 20))
    turn = exif.orientation(start)
    size = (height, width) if turn < 5 else (width, height)
    kind = start[25]
    alpha = kind in (GRAY_ALPHA, RGB_ALPHA) or _has_chunk(start, b"tRNS")
    bands = GRAY_BANDS if kind in (GRAY, GRAY_ALPHA) else RGB_BANDS
    return Header(*size, bands, "uint16", 1, None, alpha, turn)


def png(file: Path | EmbeddedFile) -> Stored:
    """The pixels of a PNG of 16 bits. TensorFlow decodes its bytes to the same."""
    encoded = file.read_bytes()
    gray = encoded[25] in (GRAY, GRAY_ALPHA)
    found = _decoded(file, encoded)
    plain = encoded[25] in (GRAY, RGB) and not _has_chunk(encoded, b"tRNS")
    pixels, alpha = _split(found, 1 if gray else 3)
    return Stored(
        pixels,
        GRAY_BANDS if gray else RGB_BANDS,
        alpha,
        encoded=encoded if plain else b"",
        turn=exif.orientation(encoded),
    )


def other(file: Path | EmbeddedFile) -> Stored:
    """The pixels of JPEG 2000 and AVIF."""
    found = _decoded(file, file.read_bytes())
    colours = 1 if found.ndim == 2 or found.shape[-1] < 3 else 3
    pixels, alpha = _split(found, colours)
    return Stored(pixels, GRAY_BANDS if colours == 1 else RGB_BANDS, alpha)


def _decoded(file: object, encoded: bytes) -> np.ndarray:
    """(H, W[, C]) as the file holds it, blue first."""
    found, reason = None, "it is damaged or cut short"
    with _SILENCING, silenced():  # libpng writes its warnings to the terminal
        try:
            found = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED)
        except (cv2.error, MemoryError) as error:
            reason = str(error)
    if found is None:
        raise damaged(file, reason)
    return found


def _split(found: np.ndarray, colours: int) -> tuple[np.ndarray, np.ndarray | None]:
    """(H, W, 1 or 3) red first, and alpha or None. OpenCV repeats a gray with alpha."""
    if found.ndim == 2:
        return found[..., None], None
    alpha = found[..., -1] if found.shape[-1] in (2, 4) else None
    if colours == 1:
        return found[..., :1], alpha
    return found[..., 2::-1], alpha


def _has_chunk(encoded: bytes, name: bytes) -> bool:
    """Whether a PNG has a chunk before its pixels."""
    place = 8
    while place + 8 <= len(encoded):
        found = encoded[place + 4 : place + 8]
        if found in (name, b"IDAT"):
            return found == name
        place += 12 + int.from_bytes(encoded[place : place + 4], "big")
    return False
