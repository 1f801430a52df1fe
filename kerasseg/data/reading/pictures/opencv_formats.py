"""PNG of 16 bits, JPEG 2000, AVIF of more than 8 bits, PNM: by OpenCV, unchanged.

Also PNG of 8 bits that is so large that Pillow's copies of it would not fit.
"""

from __future__ import annotations

import re
import threading
from pathlib import Path

import cv2
import numpy as np

from kerasseg import UserError
from kerasseg.console import silenced
from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.pictures.picture import (
    Header,
    Stored,
    damaged,
    names_of_bands,
)
from kerasseg.data.reading.pictures.picture_formats import (
    HEADER,
    check_size,
    orientation_of,
)
from kerasseg.files import exif
from kerasseg.image_format import GRAY_BANDS, RGB_BANDS

_SILENCING = threading.Lock()
GRAY, RGB, GRAY_ALPHA, RGB_ALPHA = 0, 2, 4, 6
"""Colour types of PNG. PNG specification, 11.2.2."""
LARGE = 50_000_000
"""Pixels from which a PNG of 8 bits is decoded here, in half of the memory."""
PNM = re.compile(
    rb"P([2356])(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)\s"
)
"""Kind, width, height and largest number of a PGM or PPM. Netpbm's pgm(5), ppm(5)."""


def is_large_png(file: Path | EmbeddedFile) -> bool:
    """Whether a PNG of 8 bits, gray or RGB, is better decoded here."""
    start = _start(file)
    width, height = _png_size(start)
    plain = start[24:25] == b"\x08" and start[25] in (GRAY, RGB)
    return width * height > LARGE and plain and not _has_chunk(start, b"tRNS")


def png_header(file: Path | EmbeddedFile) -> Header:
    """The header of a PNG of 16 bits."""
    start = _start(file)
    turn, size = exif.orientation(start), _png_size(start)
    width, height = size if turn < 5 else size[::-1]
    kind = start[25]
    alpha = kind in (GRAY_ALPHA, RGB_ALPHA) or _has_chunk(start, b"tRNS")
    bands = GRAY_BANDS if kind in (GRAY, GRAY_ALPHA) else RGB_BANDS
    return Header(height, width, bands, "uint16", 1, None, alpha, turn)


def png(file: Path | EmbeddedFile) -> Stored:
    """The pixels of a PNG of 16 bits. TensorFlow decodes its bytes to the same."""
    encoded = file.read_bytes()
    gray = encoded[25] in (GRAY, GRAY_ALPHA)
    found = _decoded(file, encoded, *_png_size(encoded))
    plain = encoded[25] in (GRAY, RGB) and not _has_chunk(encoded, b"tRNS")
    pixels, alpha = _split(found, 1 if gray else 3)
    return Stored(
        pixels,
        GRAY_BANDS if gray else RGB_BANDS,
        alpha,
        encoded=encoded if plain else b"",
        turn=exif.orientation(encoded),
    )


def pnm_header(file: Path | EmbeddedFile) -> Header | None:
    """The header of a PGM or PPM; None for 8 bits and PBM, which Pillow reads."""
    found = PNM.match(_start(file))
    if not found or int(found[4]) == 255:
        return None
    bands = RGB_BANDS if found[1] in b"36" else GRAY_BANDS
    kind = "uint8" if int(found[4]) < 256 else "uint16"
    return Header(int(found[3]), int(found[2]), bands, kind)


def pnm(file: Path | EmbeddedFile) -> Stored:
    """The numbers of a PGM or PPM as they stand, whatever its largest one is."""
    encoded = file.read_bytes()
    found = PNM.match(encoded)
    size = (int(found[2]), int(found[3])) if found else (0, 0)
    gray = bool(found and found[1] in b"25")
    pixels, _ = _split(_decoded(file, encoded, *size), 1 if gray else 3)
    return Stored(pixels, GRAY_BANDS if gray else RGB_BANDS)


def is_deep_avif(file: Path | EmbeddedFile) -> bool:
    """Whether an AVIF holds 10 or 12 bits. AV1 in ISOBMFF, 2.3.3."""
    start = _start(file)
    place = start.find(b"av1C")
    return 0 <= place < len(start) - 6 and bool(start[place + 6] & 0x40)


def avif(file: Path | EmbeddedFile) -> Stored:
    """The pixels of an AVIF of 10 or 12 bits."""
    found = _decoded(file, file.read_bytes())
    colours = 1 if found.ndim == 2 else 3
    pixels, alpha = _split(found, colours)
    bands = GRAY_BANDS if colours == 1 else RGB_BANDS
    return Stored(pixels, bands, alpha, turn=orientation_of(file))


def jpeg2000_header(file: Path | EmbeddedFile) -> Header:
    """The header of JPEG 2000, from its SIZ segment. ISO/IEC 15444-1, A.5.1.

    Raises UserError for negative numbers, and two or more than four components.
    """
    start = _start(file)
    place = start.find(b"\xff\x4f\xff\x51")
    if place < 0 or len(start) < place + 45:
        raise damaged(file, "it is damaged or cut short")
    right, lower, left, upper = (
        int.from_bytes(start[place + n : place + n + 4], "big") for n in (8, 12, 16, 20)
    )
    count = int.from_bytes(start[place + 40 : place + 42], "big")
    depths = start[place + 42 : place + 42 + 3 * count : 3]
    if count not in (1, 3, 4) or max(depths) != min(depths) or depths[0] & 0x80:
        raise UserError(
            f"{file} is a JPEG 2000 of {count} components, of negative numbers or of "
            "different depths, which is not read. Convert it to TIFF."
        )
    box = start.find(b"cdef", 0, place)
    with_alpha = box >= 0 and count == 4
    bands = names_of_bands(count - with_alpha)
    if len(bands) >= 3:
        bands = (*RGB_BANDS, *bands[3:])
    if start.find(b"pclr", 0, place) >= 0:
        bands, with_alpha = RGB_BANDS, False
    kind = "uint8" if depths[0] < 8 else "uint16"
    return Header(lower - upper, right - left, bands, kind, alpha=with_alpha)


def jpeg2000(file: Path | EmbeddedFile) -> Stored:
    """The pixels of JPEG 2000."""
    head = jpeg2000_header(file)
    found = _decoded(file, file.read_bytes(), head.width, head.height)
    pixels, alpha = _split(found, min(len(head.bands), 3))
    if len(head.bands) == 4 and alpha is not None:
        return Stored(np.concatenate([pixels, alpha[..., None]], -1), head.bands)
    return Stored(pixels, head.bands, alpha if head.alpha else None)


def _start(file: Path | EmbeddedFile) -> bytes:
    if isinstance(file, EmbeddedFile):
        return file.read_bytes()[:HEADER]
    with file.open("rb") as opened:
        return opened.read(HEADER)


def _png_size(start: bytes) -> tuple[int, int]:
    """Width and height."""
    return int.from_bytes(start[16:20], "big"), int.from_bytes(start[20:24], "big")


def _decoded(
    file: object, encoded: bytes, width: int = 0, height: int = 0
) -> np.ndarray:
    """(H, W[, C]) as the file holds it, blue first."""
    check_size(height, width)
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
    if alpha is None:
        return cv2.cvtColor(found, cv2.COLOR_BGR2RGB, found), None  # in its place
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
