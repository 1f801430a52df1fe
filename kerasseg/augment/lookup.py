"""Looks pixels of a source up by a map of coordinates, in any number of dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from keras import ops

from kerasseg.taxonomy import IGNORE, Tensor

BEFORE, BEHIND = 2, 3
"""Pixels put around the source before lookups: one of its edge, then fill; and one more
behind, so that the last position has a neighbour."""


def sample(
    image: Tensor,
    label: Tensor,
    places: Sequence[Tensor],
    fill: int | np.ndarray,
    *,
    mixes: bool = True,
    instance: Tensor | None = None,
    ignore: int = IGNORE,
) -> tuple[Tensor, ...]:
    """Looks pixels up in the source: image linear, label and instance nearest.

    The image continues its edge for half a pixel and fades to `fill` in the next; the
    label is `ignore` and the instance 0 from half a pixel outside on.

    Args:
        image: (B, H, W, C), or (B, D, H, W, C) of volumes; the others likewise.
        label: (B, H, W) class ids, or (B, H, W, K) where classes overlap.
        places: for each spatial axis (B, h, w) float32, source pixels; pixel centres
            are whole numbers.
        fill: grey outside the source, one number or (C,), of the image's type.
        mixes: False says that all positions are whole, so that one lookup is enough.
        instance: (B, H, W) object ids, 0 = none.

    Returns:
        image (B, h, w, C) float32, label (B, h, w[, K]) int32, perhaps instance int32.
    """
    image = _framed(image, fill)
    size = image.shape[1:-1]
    places = [
        ops.clip(place + BEFORE, 0.0, length - 2.0)
        for place, length in zip(places, size, strict=True)
    ]
    corner = [ops.floor(place) for place in places]
    first = ops.arange(ops.shape(image)[0], dtype="int32")
    first = ops.reshape(first, (-1, *[1] * len(size)))
    for length, start in zip(size, corner, strict=True):
        first = first * length + _whole(start)
    behind = [place - start for place, start in zip(places, corner, strict=True)]
    steps = [math.prod(size[axis + 1 :]) for axis in range(len(size))]

    nearest = first
    for part, step in zip(behind, steps, strict=True):
        nearest = nearest + _whole(part >= 0.5) * step
    pixels = ops.reshape(image, (-1, image.shape[-1]))
    if mixes:
        behind = [part[..., None] for part in behind]
        moved = _linear(pixels, first, behind, steps)
    else:
        moved = ops.cast(ops.take(pixels, nearest, axis=0), "float32")
    return moved, *(
        _looked_up(ids, nearest, len(size), outside)
        for ids, outside in ((label, ignore), (instance, 0))
        if ids is not None
    )


def padded(image: Tensor, frame: Sequence, fill: float | np.ndarray) -> Tensor:
    """The image with a frame, a pair of numbers of pixels for each of its axes; its
    grey is one number or (C,)."""
    if np.ndim(fill) == 0:
        return ops.pad(image, frame, constant_values=fill)
    inside = np.pad(np.ones((1, *image.shape[1:-1], 1), bool), frame)
    image = ops.pad(image, frame)
    return ops.where(inside, image, ops.cast(fill, image.dtype))


def _framed(image: Tensor, fill: int | np.ndarray) -> Tensor:
    """The image in a ring of its own edge pixels and then `fill`.

    With it nothing has to be masked afterwards, which costs more than the frame.
    """
    axes = range(1, len(image.shape) - 1)
    for axis in axes:
        first = ops.take(image, [0], axis=axis)
        last = ops.take(image, [image.shape[axis] - 1], axis=axis)
        image = ops.concatenate([first, image, last], axis=axis)
    ring = [[BEFORE - 1, BEHIND - 1] for _ in axes]
    return padded(image, [[0, 0], *ring, [0, 0]], fill)


def _looked_up(ids: Tensor, nearest: Tensor, rank: int, outside: int) -> Tensor:
    """ids: (B, H, W), or (B, H, W, K), whose planes move as one."""
    planes = [[0, 0]] * (len(ids.shape) - rank - 1)
    frame = [[BEFORE, BEHIND]] * rank
    ids = ops.pad(ids, [[0, 0], *frame, *planes], constant_values=outside)
    if not planes:
        return _whole(ops.take(ids, nearest))
    return _whole(ops.take(ops.reshape(ids, (-1, ids.shape[-1])), nearest, axis=0))


def _linear(
    pixels: Tensor, first: Tensor, behind: Sequence[Tensor], steps: Sequence[int]
) -> Tensor:
    """Gathers in the image's own type: a quarter of the memory traffic for uint8."""
    if not steps:
        return ops.cast(ops.take(pixels, first, axis=0), "float32")
    low = _linear(pixels, first, behind[1:], steps[1:])
    high = _linear(pixels, first + steps[0], behind[1:], steps[1:])
    return low + (high - low) * behind[0]


def _whole(x: Tensor) -> Tensor:
    return ops.cast(x, "int32")
