"""TFRecord files and the `tf.train.Example` messages in them, without TensorFlow.

TensorFlow takes 0.4 GB and seconds to import; a process that writes shards does not
need it. The bytes are those of `tf.io.TFRecordWriter` and of `SerializeToString`
(deterministic).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

import google_crc32c

from kerasseg import UserError

FRAME = 16
"""Bytes of a record besides its data: length, CRC of the length, CRC of the data."""


class Writer:
    """Writes records one after the other into a TFRecord file.

    `size` (bytes) and `sha256()` are those of the file so far.

    Raises OSError that names the file where writing fails, most often on a full disk.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.size = path, 0
        self._digest = hashlib.sha256()
        self._file = path.open("wb", buffering=1 << 20)

    def write(self, data: bytes) -> None:
        """Appends one record; its length and two checksums go with it."""
        length = struct.pack("<Q", len(data))
        for part in (length, _masked_crc(length), data, _masked_crc(data)):
            self._digest.update(part)
            self._attempt(self._file.write, part)
        self.size += FRAME + len(data)

    def sha256(self) -> str:
        """SHA-256 of what is written so far, 64 hexadecimal digits."""
        return self._digest.hexdigest()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind, *_) -> None:
        try:
            self._attempt(self._file.close)
        except OSError:
            if kind is None:  # else that error is on its way already
                raise

    def _attempt(self, action: Callable, *arguments: bytes) -> None:
        try:
            action(*arguments)
        except OSError as error:
            reason = error.strerror or error
            raise OSError(f"Writing {self.path} failed: {reason}") from error


def count(file: Path) -> int:
    """The number of records in a file, by their lengths: their data is not read.

    Raises UserError, which names the record, where a length is damaged or the file ends
    inside a record.
    """
    place, number, size = 0, 0, file.stat().st_size
    with file.open("rb") as opened:
        while place < size:
            opened.seek(place)
            length, checksum = opened.read(8), opened.read(4)
            place += FRAME + int.from_bytes(length, "little")
            if checksum != _masked_crc(length) or place > size:
                raise UserError(f"Shard {file} is damaged at record {number}.")
            number += 1
    return number


def first(file: Path) -> bytes:
    """The data of the first record of a file.

    Raises UserError, which names the record, where it is damaged.
    """
    with file.open("rb") as opened:
        length, checksum = opened.read(8), opened.read(4)
        if checksum == _masked_crc(length):
            data = opened.read(int.from_bytes(length, "little"))
            if opened.read(4) == _masked_crc(data):
                return data
    raise UserError(f"Shard {file} is damaged at record 0.")


def example(values: dict[str, bytes | int]) -> bytes:
    """A serialised `tf.train.Example` of one value for each name, sorted by name.

    No name may be the beginning of another: libraries sort these in different ways.

    The messages: Example {1: Features}; Features {1: map of name to Feature, as
    {1: name, 2: value}}; Feature {1: BytesList, 3: Int64List}, each of which has its
    values in field 1.
    """
    features = []
    for name, value in sorted(values.items()):
        if isinstance(value, bytes):
            feature = field(1, field(1, value))
        else:
            feature = field(3, field(1, varint(value)))
        features.append(field(1, field(1, name.encode()) + field(2, feature)))
    return field(1, b"".join(features))


def field(number: int, data: bytes) -> bytes:
    """A field of a protocol buffer: number (1 to 15) and kind, length, bytes."""
    return b"".join((bytes([number << 3 | 2]), varint(len(data)), data))


def varint(value: int) -> bytes:
    """A whole number >= 0: 7 bits a byte, the lowest first; bit 8 if more follow."""
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(parts) + bytes([value])


def _masked_crc(data: bytes) -> bytes:
    """CRC-32C, turned and shifted: a CRC of data that holds CRCs would be weak."""
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
