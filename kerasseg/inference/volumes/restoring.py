"""Probabilities on another grid of the same volume: back to the voxels of the file.

Linear with the centres of voxels in their place, as `prepare` resampled the image; of
probabilities, since ids have nothing between them.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

PLANES = 16
"""That are given at a time."""


def resized(
    slabs: Iterator[np.ndarray], depth: int, shape: tuple[int, ...]
) -> Iterator[np.ndarray]:
    """Slabs (planes, H, W, K) of `depth` planes in all, stretched to a shape (D, H, W)
    as slabs again; the memory is that of the slabs. Those of that shape are left alone.
    """
    first = next(slabs, None)
    if first is None:
        return
    if (depth, *first.shape[1:3]) == tuple(shape):
        yield first
        yield from slabs
        return
    # Where each new plane lies among the old ones, and the two that it lies between.
    places = (np.arange(shape[0]) + 0.5) * depth / shape[0] - 0.5
    places = np.clip(places, 0, depth - 1)
    lower = np.floor(places).astype(int)
    parts = (places - lower).astype(np.float32)
    have, begin, waiting = _wide(first, shape), 0, list[np.ndarray]()
    for number in range(shape[0]):
        upper = min(lower[number] + 1, depth - 1)
        while begin + len(have) <= upper:
            passed = min(lower[number] - begin, len(have))
            have, begin = have[passed:], begin + passed
            have = np.concatenate([have, _wide(next(slabs), shape)])
        one, other = have[lower[number] - begin], have[upper - begin]
        waiting.append(one + (other - one) * parts[number])
        if len(waiting) == PLANES:
            yield np.stack(waiting)
            waiting = []
    if waiting:
        yield np.stack(waiting)


def _wide(slab: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Each plane at H x W."""
    height, width = shape[1:]
    planes = [_plane(plane, height, width) for plane in slab]
    return np.stack(planes)


def _plane(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    if plane.shape[:2] == (height, width):
        return plane
    found = [
        cv2.resize(np.ascontiguousarray(part), (width, height))
        for part in np.moveaxis(plane, -1, 0)
    ]
    return np.stack(found, -1)
