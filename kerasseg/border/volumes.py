"""The two nearest instances of every pixel in any number of axes, of any spacing."""

from __future__ import annotations

from collections.abc import Sequence

from keras import ops

from kerasseg.taxonomy import Tensor

NOTHING = 1e12
"""No pixel there, as a squared distance; of which the squares of sums stay finite."""


def two_nearest_in(
    ids: Tensor, reach: float, spacing: Sequence[float]
) -> tuple[Tensor, Tensor]:
    """Squared distances to the nearest and the second nearest other id > 0.

    (B, ..., W) int32 -> two of its shape, float32, exact up to `reach`. Axis by axis,
    each pixel takes the two nearest different ids of the pixels along the axis: an id
    that is not among the two of a line is no nearer than they are from anywhere beyond.

    spacing: of the pixels along each axis but B, in the unit of `reach`.
    """
    present = ids > 0
    near = ops.where(present, 0.0, NOTHING), ids
    far = ops.full_like(near[0], NOTHING), ops.zeros_like(ids)
    for axis, step in enumerate(spacing, 1):
        near, far = _along(axis, near, far, int(reach / step), step)
    return near[0], far[0]


def _along(axis, near, far, pixels: int, step: float):
    """The two nearest among those of all pixels at most `pixels` away on an axis."""
    length = near[0].shape[axis]
    pixels = min(pixels, length - 1)
    around = [[0, 0] for _ in near[0].shape]
    around[axis] = [pixels, pixels]
    padded = [
        (ops.pad(d, around, constant_values=NOTHING), ops.pad(i, around))
        for d, i in (near, far)
    ]
    before = (slice(None),) * axis
    for k in (k for k in range(-pixels, pixels + 1) if k):
        part = (*before, slice(pixels + k, pixels + k + length))
        for distance, ids in padded:
            further = distance[part] + (k * step) ** 2
            near, far = _inserted(near, far, further, ids[part])
    return near, far


def _inserted(near, far, distance: Tensor, ids: Tensor):
    """The two nearest different ids of three."""
    same, nearer = ops.equal(ids, near[1]), distance < near[0]
    # A nearer pixel of another id moves the nearest to the second place.
    moved = ops.logical_and(nearer, ops.logical_not(same))
    second = ops.logical_and(
        distance < far[0], ops.logical_not(ops.logical_or(same, nearer))
    )
    far_distance = ops.where(moved, near[0], ops.where(second, distance, far[0]))
    far_ids = ops.where(moved, near[1], ops.where(second, ids, far[1]))
    near_ids = ops.where(nearer, ids, near[1])
    return (ops.minimum(distance, near[0]), near_ids), (far_distance, far_ids)
