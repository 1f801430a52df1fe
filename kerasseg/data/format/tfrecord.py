"""TFRecord files and `tf.train.Example`, written without TensorFlow.

It takes 0.4 GB and seconds to import, which a process that writes shards can do
without. The bytes are those of `tf.io.TFRecordWriter` and of `SerializeToString`
(deterministic).
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import google_crc32c

FRAME = 16
"""Bytes of a record besides its data: length, CRC of the length, CRC of the data."""


class Writer:
    """Records one after the other into a file; `size` and `sha256()` of it so far.

    Raises OSError that names the file where writing fails, on a full disk most often.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.size = path, 0
        self._digest = hashlib.sha256()
        self._file = path.open("wb", buffering=1 << 20)

    def write(self, data: bytes) -> None:
        length = struct.pack("<Q", len(data))
        for part in (length, _masked_crc(length), data, _masked_crc(data)):
            self._digest.update(part)
            self._attempt(self._file.write, part)
        self.size += FRAME + len(data)

    def sha256(self) -> str:
        return self._digest.hexdigest()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind, *_) -> None:
        try:
            self._attempt(self._file.close)
        except OSError:
            if kind is None:  # else it only tells once more
                raise

    def _attempt(self, action, *arguments) -> None:
        try:
            action(*arguments)
        except OSError as error:
            reason = error.strerror or error
            raise OSError(f"Writing {self.path} failed: {reason}") from error


def example(values: dict[str, bytes | int]) -> bytes:
    """A serialised `tf.train.Example` of one value for each name, sorted by name.

    No name may be the beginning of another: libraries sort such in different ways.

    Protocol buffers: a field is its number and kind, its length and its bytes.
    Example {1: Features}, Features {1: map of name to Feature, as {1: name, 2: value}},
    Feature {1: BytesList, 3: Int64List}, each of which has its values in field 1.
    """
    features = []
    for name, value in sorted(values.items()):
        if isinstance(value, bytes):
            feature = _field(1, _field(1, value))
        else:
            feature = _field(3, _field(1, _varint(value)))
        features.append(_field(1, _field(1, name.encode()) + _field(2, feature)))
    return _field(1, b"".join(features))


def _field(number: int, data: bytes) -> bytes:
    return b"".join((bytes([number << 3 | 2]), _varint(len(data)), data))


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the top bit says that more follow."""
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(parts) + bytes([value])


def _masked_crc(data: bytes) -> bytes:
    """CRC-32C, turned and shifted: a CRC of data that holds CRCs would be weak."""
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
