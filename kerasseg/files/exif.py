"""How the camera was held: the EXIF orientation of a JPEG or PNG, and turning by it.

Records, devices and the SavedModel turn pictures by this one rule, so that all of them
show a network the same pixels (`kerasseg.export.saved_model.encoded` is the same rule
in a graph). Image libraries differ: some also obey XMP, text chunks, or a tag of
another type.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
ORIENTATION = 0x0112
ByteOrder = Literal["little", "big"]
SEGMENTS = 1000
"""The most parts of a header that are read; real files have fewer than 50."""


def orientation(encoded: bytes) -> int:
    """1..8 as in the EXIF standard; 1 (upright) where no valid tag is found.

    The tag counts in the first APP1 "Exif" segment of a JPEG before its frame, and in
    the first eXIf chunk of a PNG before its pixels. Never raises, whatever the bytes.
    """
    if encoded.startswith(JPEG):
        start = _jpeg_block(encoded)
    elif encoded.startswith(PNG):
        start = _png_block(encoded)
    else:
        start = 0
    return _value(encoded, start) if start else 1


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """(H, W, 3) as stored -> upright (H', W', 3); orientation: EXIF's 1..8."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    # After the transposition of 5..8, the same two mirrors make all eight.
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _jpeg_block(data: bytes) -> int:
    """Where the EXIF block begins, or 0. ITU-T T.81, B.1."""
    place = 2
    for _ in range(SEGMENTS):
        marker = _number(data, place + 1, 1)
        if place >= len(data) or _number(data, place, 1) != 0xFF:
            return 0
        if marker == 0xE1 and data[place + 4 : place + 10] == b"Exif\0\0":
            return place + 10
        frame = 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)
        if frame or marker in (0xDA, 0xD9):
            return 0
        if marker == 0xFF:  # a fill byte
            place += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD7:  # without a length
            place += 2
        else:
            place += 2 + _number(data, place + 2, 2)
    return 0


def _png_block(data: bytes) -> int:
    """The same of a PNG. PNG specification, 5.3."""
    place = 8
    for _ in range(SEGMENTS):
        name = data[place + 4 : place + 8]
        if name == b"eXIf":
            return place + 8
        if name == b"IDAT" or place >= len(data):
            return 0
        place += 12 + _number(data, place, 4)
    return 0


def _value(data: bytes, start: int) -> int:
    """The orientation in the TIFF block at byte `start`. Exif 2.32, 4.6."""
    order: ByteOrder = "little" if data[start : start + 2] == b"II" else "big"
    directory = start + _number(data, start + 4, 4, order)
    if _number(data, start + 2, 2, order) != 42:
        return 1
    values = [0]
    for entry in range(min(_number(data, directory, 2, order), 256)):
        place = directory + 2 + 12 * entry
        if _number(data, place, 2, order) == ORIENTATION:
            values.append(_number(data, place + 8, 2, order))
    return max(values) if 1 <= max(values) <= 8 else 1


def _number(data: bytes, place: int, size: int, order: ByteOrder = "big") -> int:
    """Bytes as a number; zeros where the bytes end."""
    return int.from_bytes(data[place : place + size].ljust(size, b"\0"), order)
