"""Reads the records of a folder without TensorFlow and without kerasseg."""

import io
import json
import struct
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image

LABEL = "image/segmentation/class/encoded"


def samples(folder: Path, split: str):
    """Id, label (H, W) and sequence of each sample of a split."""
    description = json.loads((folder / "dataset.json").read_text())
    for shard in description["splits"][split]["shards"]:
        data = (folder / shard["name"]).read_bytes()
        place = 0
        while place < len(data):
            (length,) = struct.unpack_from("<Q", data, place)
            yield _sample(data[place + 12 : place + 12 + length])
            place += length + 16


def _sample(example: bytes):
    features = {}
    for _, body in _fields(example):  # Example.features
        for _, entry in _fields(body):  # one feature of the map
            (_, key), (_, feature) = _fields(entry)
            ((_, listed),) = _fields(feature)
            values = [value for _, value in _fields(listed)]
            features[key.decode()] = values[0] if values else b""
    pixels = features[LABEL]
    if pixels.startswith(b"\x89PNG"):
        label = np.asarray(Image.open(io.BytesIO(pixels)))
    else:
        height, width = (_number(features[f"image/{s}"]) for s in ("height", "width"))
        raw = imagecodecs.zstd_decode(pixels)
        label = np.frombuffer(raw, np.uint8).reshape(height, width)
    sequence = features["image/sequence"]
    return features["image/filename"].decode(), label, sequence.decode()


def _number(value) -> int:
    """Of a list of integers, which is packed: the first."""
    return value if isinstance(value, int) else _varint(value, 0)[0]


def _fields(data: bytes):
    """Number and value of each field of a protocol buffer message."""
    found, place = [], 0
    while place < len(data):
        tag, place = _varint(data, place)
        if tag & 7 == 0:
            value, place = _varint(data, place)
        else:  # 2, the only other kind here
            length, place = _varint(data, place)
            value, place = data[place : place + length], place + length
        found.append((tag >> 3, value))
    return found


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
