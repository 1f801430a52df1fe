"""Whether a JPEG or PNG is so plain and whole that all decoders give the same pixels.

PIL, which reads the files of a source, is content with some damaged ones that
TensorFlow refuses in training, and knows kinds that TensorFlow does not. What is
neither is told here from the structure alone, without decoding a second time; the rest
needs a look with TensorFlow itself.
"""

from __future__ import annotations

import re
import zlib

SOI, EOI, SOS = 0xD8, 0xD9, 0xDA
BASELINE = {0xC0, 0xC1}
"""Frames of JPEG coded in sequence by Huffman's method."""
TABLES = {0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)}
"""Huffman and quantisation tables, restart interval, comments, applications' data."""
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7]", re.DOTALL)
"""What ends the coded pixels of a scan: a marker, but no restart (D0 to D7)."""
CHUNKS = {
    *(b"IHDR", b"IDAT", b"IEND", b"tEXt", b"zTXt", b"iTXt", b"tIME", b"pHYs"),
    *(b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"eXIf"),
}
"""Of PNG, none of which changes the pixels: not tRNS (transparency) or acTL (films)."""
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def is_plain(encoded: bytes) -> bool:
    """True only of a whole PNG, or a whole baseline JPEG of one scan and 8 bits."""
    try:
        if encoded.startswith(SIGNATURE):
            return _is_whole_png(encoded)
        return encoded.startswith(b"\xff\xd8") and _is_baseline_jpeg(encoded)
    except IndexError:  # it ends too early
        return False


def _is_baseline_jpeg(encoded: bytes) -> bool:
    place, components = 2, 0
    while encoded[place] == 0xFF:
        marker = encoded[place + 1]
        start = place + 4
        place += 2 + int.from_bytes(encoded[place + 2 : start])
        if marker in BASELINE:
            bits, components = encoded[start], encoded[start + 5]
            if bits != 8 or components not in (1, 3):
                return False
        elif marker == SOS:
            end = MARKER.search(encoded, place)
            whole = end is not None and end[0] == bytes([0xFF, EOI])
            return whole and encoded[start] == components
        elif marker not in TABLES:
            return False
    return False


def _is_whole_png(encoded: bytes) -> bool:
    place = len(SIGNATURE)
    while place < len(encoded):
        end = place + 8 + int.from_bytes(encoded[place : place + 4])
        kind = encoded[place + 4 : place + 8]
        check = int.from_bytes(encoded[end : end + 4])
        whole = zlib.crc32(memoryview(encoded)[place + 4 : end]) == check
        if not whole or kind not in CHUNKS:
            return False
        place = end + 4
        if kind == b"IEND":
            return place == len(encoded)
    return False
