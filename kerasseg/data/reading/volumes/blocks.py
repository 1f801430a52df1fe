"""Large volumes in overlapping blocks: their places, and the values of the whole."""

from __future__ import annotations

import itertools

import numpy as np

from kerasseg.data.reading.volumes.volume import geometry_of, read
from kerasseg.data.reading.volumes.volume_file import VolumeFile

BYTES = 32 << 20
"""Of the image of a block, at most. A training unpacks a block for each patch, and
writing needs ten times as much: counts and sums of its values are wide numbers."""
OVERLAP = 32
"""Voxels that neighbouring blocks share along an axis, so that a patch between them
lies in one; a quarter of the block, where that is less."""

Triple = tuple[int, int, int]


def blocks_of(
    shape: Triple, voxel: int, most: int = BYTES
) -> list[tuple[Triple, Triple]]:
    """Place and size (z, y, x) of blocks that cover a volume; one, where it is small.

    voxel: bytes of its image in a record, all channels. most: bytes of a block.
    """
    size = list(shape)
    while np.prod(size, dtype=np.int64) * voxel > most and max(size) > 1:
        longest = int(np.argmax(size))
        size[longest] = -(-size[longest] // 2)
    starts = [_starts(*pair) for pair in zip(shape, size, strict=True)]
    depth, height, width = size
    return [
        ((z, y, x), (depth, height, width)) for z, y, x in itertools.product(*starts)
    ]


def _starts(length: int, side: int) -> list[int]:
    """Even steps from 0 to where the last block ends with the volume."""
    if side >= length:
        return [0]
    shared = min(OVERLAP, side // 4)
    count = -(-(length - shared) // (side - shared))
    return [round(n * (length - side) / (count - 1)) for n in range(count)]


def whole_statistics(opened: VolumeFile) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation (C,) of all valid voxels, of a volume read slab by slab."""
    depth, height, width = geometry_of(opened).source_shape
    step = max(1, (16 << 20) // (8 * height * width * opened.channels))
    count, mean = 0, np.zeros(opened.channels)
    squares = np.zeros(opened.channels)
    for begin in range(0, depth, step):
        size = (min(step, depth - begin), height, width)
        part = read(opened, (begin, 0, 0), size)
        values = part.image.reshape(-1, opened.channels).astype(np.float64)
        if part.valid is not None:
            values = values[part.valid.ravel()]
        if not len(values):
            continue
        # Chan, Golub and LeVeque 1979: of two parts the sum of squares of both.
        here = values.mean(axis=0)
        total, shift = count + len(values), here - mean
        squares += ((values - here) ** 2).sum(axis=0)
        squares += shift**2 * count * len(values) / total
        mean, count = mean + shift * len(values) / total, total
    return mean, np.sqrt(squares / max(count, 1))
