"""Whether a video file is there to its end, by what its container says of its length.

Decoders stop at the end of a cut file as they do at the end of a whole one.

Boxes: ISO/IEC 14496-12. EBML and Segment: RFC 8794 and RFC 9559. RIFF: AVI and OpenDML.
ASF: Microsoft's specification, 3.2. FLV: Adobe's, annex E. GIF89a. Ogg: RFC 3533.
Transport streams: ISO/IEC 13818-1; of 192 bytes in .m2ts.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

TAIL = 1 << 16
"""Bytes at the end of an Ogg file that hold the start of its last page."""
ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def is_cut(file: Path) -> bool:
    """Whether the file ends before its end. False also where nobody can know: streams
    that were recorded say nothing of their length, and program streams have none.

    Raises OSError where the file cannot be read.
    """
    with file.open("rb") as opened:
        size = os.fstat(opened.fileno()).st_size
        head = opened.read(400)
        rule = _rule(head)
        try:
            return rule is not None and rule(opened, head, size)
        except (IndexError, ValueError):  # the numbers themselves are cut
            return True


def _rule(head: bytes) -> Callable[[BinaryIO, bytes, int], bool] | None:
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"):
        return _boxes
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return _matroska
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return _riff
    if head.startswith(ASF_HEADER):
        return _asf
    if head[:3] == b"FLV":
        return _flv
    if head[:4] == b"GIF8":
        return _gif
    if head[:4] == b"OggS":
        return _ogg
    return _transport if _step(head) else None


def _step(head: bytes) -> int:
    """Bytes from one packet of a transport stream to the next; 0 for no such stream."""
    for start, step in ((0, 188), (4, 192)):
        if head[start : start + 1] == head[start + step : start + step + 1] == b"\x47":
            return step
    return 0


def _transport(opened: BinaryIO, head: bytes, size: int) -> bool:
    return size % _step(head) != 0


def _boxes(opened: BinaryIO, head: bytes, size: int) -> bool:
    place, index = 0, False
    while place < size:
        opened.seek(place)
        start = opened.read(16)
        length, kind = int.from_bytes(start[:4], "big"), start[4:8]
        if length == 1:
            length = int.from_bytes(start[8:16], "big")
        elif length == 0:  # until the end of the file
            length = size - place
        if length < 8 or place + length > size:
            # Whatever else is not whole there was added, such as zeros.
            return kind in (b"mdat", b"moov", b"moof") or not index
        index |= kind == b"moov"
        place += length
    return not index


def _matroska(opened: BinaryIO, head: bytes, size: int) -> bool:
    _, length, place = _ebml_size(head, 4)
    place += length  # the Segment, after a header of EBML
    opened.seek(place)
    start = opened.read(12)
    if len(start) < 12:
        return True
    unknown, length, begin = _ebml_size(start, 4)
    return not unknown and place + begin + length > size


def _ebml_size(data: bytes, place: int) -> tuple[bool, int, int]:
    """Whether a size is unknown, the size, and where what it is of begins."""
    octets = 9 - data[place].bit_length()
    mask = (1 << 7 * octets) - 1
    value = int.from_bytes(data[place : place + octets], "big") & mask
    return value == mask, value, place + octets


def _riff(opened: BinaryIO, head: bytes, size: int) -> bool:
    place = 0
    while place + 8 <= size:
        opened.seek(place)
        start = opened.read(8)
        if start[:4] != b"RIFF":  # what other programs added at the end
            return False
        length = int.from_bytes(start[4:], "little")
        place += 8 + length + length % 2
    return place > size + 1


def _asf(opened: BinaryIO, head: bytes, size: int) -> bool:
    opened.seek(0)
    start = opened.read(TAIL)
    place = start.find(ASF_PROPERTIES)
    if place < 0:
        return False
    told = int.from_bytes(start[place + 40 : place + 48], "little")
    flags = int.from_bytes(start[place + 88 : place + 92], "little")
    broadcast = flags & 1  # then the size is not valid
    return not broadcast and told > size


def _flv(opened: BinaryIO, head: bytes, size: int) -> bool:
    opened.seek(size - 4)
    last = int.from_bytes(opened.read(4), "big")
    if not 0 < last <= size - 4:
        return True
    opened.seek(size - 4 - last)
    return int.from_bytes(opened.read(4)[1:], "big") + 11 != last


def _gif(opened: BinaryIO, head: bytes, size: int) -> bool:
    opened.seek(max(0, size - 64))
    return not opened.read().rstrip(b"\0").endswith(b"\x3b")


def _ogg(opened: BinaryIO, head: bytes, size: int) -> bool:
    opened.seek(max(0, size - TAIL))
    tail = opened.read()
    page = tail[tail.rfind(b"OggS") :]
    segments = page[26]
    whole = 27 + segments + sum(page[27 : 27 + segments])
    return not page[5] & 4 or len(page) < whole
