"""The sliding window over volumes: patches that overlap by half, in Gaussian weights.

The rule of nnU-Net (Isensee et al. 2021, doi 10.1038/s41592-020-01008-z): the centre of
a patch has seen more around it than its border, so it counts for more. NumPy alone, for
devices; the network is any function.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from kerasseg import UserError
from kerasseg.taxonomy import Tensor

SIGMA = 1 / 8
"""Standard deviation of the weights, as a share of the side of a patch."""

Advance = Callable[[], object]
"""Is called after each patch: a progress bar moves."""


def starts(length: int, side: int, overlap: float = 0.5) -> list[int]:
    """Where patches begin along an axis: as few as share at least `overlap` of a side,
    evenly spread; the last one ends where the axis does.

    length: of the axis, voxels; shorter than the side: one patch, which the axis lies
    in the middle of, so it begins below 0.

    >>> starts(100, 40), starts(10, 40)
    ([0, 20, 40, 60], [-15])
    """
    if length <= side:
        return [(length - side) // 2]
    step = max(side * (1 - overlap), 1)
    count = int(np.ceil((length - side) / step)) + 1
    return [round(i * (length - side) / (count - 1)) for i in range(count)]


@functools.cache
def weights(side: int) -> np.ndarray:
    """Gaussian weights (side,) along an axis of a patch, at most 1; the weight of a
    voxel is the product of its axes'."""
    away = (np.arange(side) - (side - 1) / 2) / (SIGMA * side)
    return np.exp(-(away**2) / 2).astype(np.float32)


def patches(shape: Sequence[int], size: Sequence[int], overlap: float = 0.5) -> int:
    """How many patches of a size a volume of a shape (D, H, W) takes."""
    sides = zip(shape, size, strict=False)
    return int(np.prod([len(starts(n, side, overlap)) for n, side in sides]))


def slabs(
    network: Callable[[np.ndarray], Tensor],
    volume: np.ndarray,
    size: Sequence[int],
    overlap: float = 0.5,
    outside: float | Sequence[float] = 0.0,
    advance: Advance | None = None,
) -> Iterator[np.ndarray]:
    """Weighted means of what the network gives, from the first plane to the last.

    The slabs (planes, H, W, K) are float32. No more is held than the depth of a patch:
    the memory does not grow with the depth of the volume.

    Args:
        network: float32 (1, d, h, w, C) -> (1, d, h, w, K), probabilities as a rule.
        volume: (D, H, W, C), as the network takes it.
        size: d, h, w of a patch.
        overlap: the share of a side that neighbouring patches share, at least.
        outside: what the network sees beyond the border, a number or one for each
            channel: the mean of the data.
        advance: called after each patch.

    Raises:
        UserError: when the volume has other axes, the overlap is not in 0..1 without 1,
            or the network gives another size than it was given.
    """
    if volume.ndim != 4 or len(size) != 3:
        raise UserError(
            "Expected a volume (D, H, W, C) and patches of 3 sides, got "
            f"{volume.shape} and {tuple(size)}."
        )
    if not 0 <= overlap < 1:
        raise UserError(f"overlap must be from 0 to below 1, got {overlap}.")
    depths, rows, columns = (
        starts(n, side, overlap) for n, side in zip(volume.shape, size, strict=False)
    )
    depth, height, width = volume.shape[:3]
    ahead = min(size[0], depth)  # planes that a patch can reach
    down, across, along = map(weights, size)
    gauss = down[:, None, None, None] * across[:, None, None] * along[:, None]
    total = np.zeros((0,), np.float32)
    mass = np.zeros((ahead, height, width, 1), np.float32)
    for number, first in enumerate(depths):
        for top in rows:
            for left in columns:
                begin = first, top, left
                given = _piece(volume, begin, size, outside)
                found = _numpy(network(given[None]))[0]
                if found.shape[:3] != tuple(size):
                    raise UserError(
                        f"The network should give (1, {size[0]}, {size[1]}, {size[2]}, "
                        f"K) of patches of this size, got {(1, *found.shape)}."
                    )
                if not total.size:  # the classes are known after the first patch
                    total = np.zeros((*mass.shape[:3], found.shape[-1]), np.float32)
                inner, (_, *outer) = _inside(begin, size, volume.shape)
                planes = slice(0, inner[0].stop - inner[0].start)
                total[planes, *outer] += found[inner] * gauss[inner]
                mass[planes, *outer] += gauss[inner]
                if advance:
                    advance()
        begin_of_next = depths[number + 1] if number + 1 < len(depths) else depth
        done = begin_of_next - max(first, 0)
        yield total[:done] / mass[:done]
        for buffer in total, mass:  # what the next patches add to moves to the front
            kept = len(buffer) - done
            buffer[:kept] = buffer[done:].copy()
            buffer[kept:] = 0


def _inside(
    begin: Sequence[int], size: Sequence[int], shape: Sequence[int]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """The part of a patch that lies in the volume: where in the patch, where in it."""
    inner, outer = [], []
    for at, side, length in zip(begin, size, shape, strict=False):
        low, high = max(at, 0), min(at + side, length)
        inner.append(slice(low - at, high - at))
        outer.append(slice(low, high))
    return tuple(inner), tuple(outer)


def _piece(
    volume: np.ndarray,
    begin: Sequence[int],
    size: Sequence[int],
    outside: float | Sequence[float],
) -> np.ndarray:
    """A patch, float32 (d, h, w, C)."""
    inner, outer = _inside(begin, size, volume.shape)
    piece = np.empty((*size, volume.shape[-1]), np.float32)
    piece[:] = outside
    piece[inner] = volume[outer]
    return piece


def _numpy(values: Tensor) -> np.ndarray:
    return values if isinstance(values, np.ndarray) else np.asarray(values)
