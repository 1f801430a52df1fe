"""Distance of every pixel to the background, and to the nearest other class."""

from __future__ import annotations

import math

from keras import ops

from kerasseg import UserError
from kerasseg.border.nearest import FAR, id_batch, running_maximum, two_nearest
from kerasseg.taxonomy import IGNORE, Tensor


def distance_transform(mask: Tensor) -> Tensor:
    """Distance of every foreground pixel to the nearest background pixel.

    d(x) = min over background pixels b of |x - b|, exact while the squared diagonal is
    below 2^24. Equals `scipy.ndimage.distance_transform_edt` of each image or volume.

    Args:
        mask: (B, ..., W) bool or int with any number of spatial axes, foreground = not
            0. All axes but B must be static.

    Returns:
        (B, ..., W) float32, pixels: 0 on the background, inf all over an image that has
        no background.

    Raises:
        UserError: when `mask` has no such shape.

    >>> import numpy as np
    >>> from kerasseg import border
    >>> np.asarray(border.distance_transform(np.array([[[1, 1, 0], [1, 1, 1]]])))
    array([[[2.   , 1.   , 0.   ],
            [2.236, 1.414, 1.   ]]], dtype=float32)
    """
    mask = ops.convert_to_tensor(mask)
    rank = len(mask.shape)
    if rank < 2 or None in mask.shape[1:]:
        raise UserError(
            "mask must be (B, H, W), or (B, D, H, W), with static sides, got shape "
            f"{tuple(mask.shape)}. Add a batch axis."
        )
    # (W, ..., B, H): slices along the first axis cost no copy.
    order = (*range(2, rank), 0, 1)
    background = ops.equal(ops.transpose(ops.cast(mask, "int32"), order), 0)
    squared = _along_last(background)
    for axis in range(rank - 2):
        squared = ops.swapaxes(squared, 0, axis) if axis else squared
        squared = _along_first(squared)
        squared = ops.swapaxes(squared, 0, axis) if axis else squared
    distance = ops.sqrt(ops.cast(squared, "float32"))
    distance = ops.where(squared >= FAR, math.inf, distance)
    return ops.transpose(distance, (rank - 2, rank - 1, *range(rank - 2)))


def _along_last(background: Tensor) -> Tensor:
    """Squared distance to the nearest True along the last axis; FAR without one."""
    length = background.shape[-1]
    position = ops.arange(length, dtype="int32")

    def to_last_background(background):
        last = running_maximum(ops.where(background, position, -1), length)
        return ops.where(last < 0, FAR, ops.square(position - last))

    above = to_last_background(background)
    below = ops.flip(to_last_background(ops.flip(background, -1)), -1)
    return ops.minimum(above, below)


def _along_first(squared: Tensor) -> Tensor:
    """min over k of squared(x + k) + k² along the first axis.

    k² = 1 + 3 + 5 + ...: so k steps to the neighbour, each dearer by 2, give the
    parabola exactly. The steps grow dearer, so the first one that changes nothing ends
    the walk.
    """
    around = [[1, 1], *([[0, 0]] * (len(squared.shape) - 1))]

    def step(squared, price, _):
        padded = ops.pad(squared, around, constant_values=FAR)
        nearer = ops.minimum(squared, ops.minimum(padded[:-2], padded[2:]) + price)
        return nearer, price + 2, ops.any(nearer < squared)

    start = (squared, ops.ones((), "int32"), ops.ones((), "bool"))
    return ops.while_loop(lambda *state: state[2], step, start)[0]


def boundary_distance(label: Tensor, limit: int = 20, ignore: int = IGNORE) -> Tensor:
    """Distance of every pixel to the nearest pixel of another class, at most `limit`.

    For semantic labels without instances. A pixel at the boundary has 1.

    Args:
        label: (B, H, W) int class ids. H and W must be static.
        limit: the largest distance, 1 to 127 pixels.
        ignore: the id of ignored pixels. An edge to them is no boundary.

    Returns:
        (B, H, W) float32, pixels; `limit` on ignored pixels.

    Raises:
        UserError: when `limit` is out of its range, or `label` is not (B, H, W) with
            static H and W.

    >>> import numpy as np
    >>> from kerasseg import border
    >>> np.asarray(border.boundary_distance(np.array([[[1, 1, 1, 2, 2, 255]]]), 9))
    array([[[3., 2., 1., 1., 2., 9.]]], dtype=float32)
    """
    if not 0 < limit < 128:
        raise UserError(f"limit must lie in 1..127 pixels, got {limit}.")
    label = ops.cast(id_batch(label, "label"), "int32")
    ignored = ops.equal(label, ignore)
    # Every pixel is its own nearest label, so the second nearest is the other class.
    _, second = two_nearest(ops.where(ignored, 0, label + 1), 0, limit)
    distance = ops.minimum(ops.sqrt(ops.cast(second, "float32")), float(limit))
    return ops.where(ignored, float(limit), distance)
