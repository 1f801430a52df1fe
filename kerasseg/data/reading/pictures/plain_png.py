"""PNG as most are: 8 bits, gray or RGB, nothing transparent. By libpng alone.

Pillow gives the same pixels and is the reader of all other PNGs; it takes a third more
time for these, and a header costs it more than opening the file does.
"""

from __future__ import annotations

import zlib

import numpy as np

from kerasseg.data.reading.pictures.picture import Header
from kerasseg.files import exif
from kerasseg.image_format import GRAY_BANDS, RGB_BANDS

GRAY, RGB, PALETTE, GRAY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
"""Colour types. PNG specification, 11.2.2."""
DEPTHS = {
    GRAY: (1, 2, 4, 8),
    RGB: (8,),
    PALETTE: (1, 2, 4, 8),
    GRAY_ALPHA: (8,),
    RGB_ALPHA: (8,),
}
"""Bits of each colour type that are read as 8."""
ASKS_FOR_MORE = (b"tRNS", b"acTL", b"fcTL")
"""Chunks of which Pillow decides what they mean: transparency, animation."""


def header(start: bytes) -> Header | None:
    """The header of a PNG of up to 8 bits from its first bytes.

    None where they are not enough, something is wrong or special in them: ask Pillow.
    """
    if not _is_usual(start):
        return None
    width, height, depth, kind = _ihdr(start)
    if depth not in DEPTHS.get(kind, ()) or not width or not height:
        return None
    turn = exif.orientation(start)
    if turn >= 5:
        width, height = height, width
    bands = GRAY_BANDS if kind in (GRAY, GRAY_ALPHA) else RGB_BANDS
    alpha = kind in (GRAY_ALPHA, RGB_ALPHA)
    return Header(height, width, bands, "uint8", 1, None, alpha, turn)


def pixels(encoded: bytes, largest: int) -> np.ndarray | None:
    """uint8 (H, W) or (H, W, 3) as stored, of a PNG of 8 bits, gray or RGB.

    None where it is another one, has more than `largest` pixels, or is damaged: ask
    Pillow, which says what is wrong.
    """
    if not _is_usual(encoded):
        return None
    width, height, depth, kind = _ihdr(encoded)
    interlaced = encoded[28]
    if kind not in (GRAY, RGB) or depth != 8 or interlaced or width * height > largest:
        return None
    try:
        import imagecodecs  # not on small devices
    except ImportError:
        return None
    try:
        found = imagecodecs.png_decode(encoded)
    except (imagecodecs.PngError, ValueError):
        return None
    expected = (height, width) if kind == GRAY else (height, width, 3)
    return found if found.shape == expected and found.dtype == np.uint8 else None


def _ihdr(start: bytes) -> tuple[int, int, int, int]:
    """Width, height, bits a channel and colour type."""
    width, height = (int.from_bytes(start[n : n + 4], "big") for n in (16, 20))
    return width, height, start[24], start[25]


def _is_usual(start: bytes) -> bool:
    """Whether the bytes reach to the pixels and hold nothing special before them."""
    if not start.startswith(exif.PNG) or start[12:16] != b"IHDR" or len(start) < 33:
        return False
    if zlib.crc32(start[12:29]) != int.from_bytes(start[29:33], "big"):
        return False
    place = 33
    for _ in range(exif.SEGMENTS):
        name = start[place + 4 : place + 8]
        if name == b"IDAT":
            return True
        if len(name) < 4 or name in ASKS_FOR_MORE:
            return False
        place += 12 + int.from_bytes(start[place : place + 4], "big")
    return False
