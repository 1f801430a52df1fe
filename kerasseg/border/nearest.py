"""The nearest and the second nearest instance of every pixel, by squared distance.

Distances are integers here: a key d² * ONE + id holds a squared distance and the id at
that distance, so the minimum of two keys keeps the nearer id.
"""

from __future__ import annotations

from keras import ops

from kerasseg import UserError
from kerasseg.taxonomy import Tensor

LABEL_BITS = 16
ONE = 1 << LABEL_BITS
"""What a squared distance of 1 adds to a key."""

LABELS = ONE - 1
"""The bits of a key that hold the id."""

FAR = 1 << 30
"""No pixel there. As a key it stands for a distance of 128 pixels."""


def id_batch(ids: Tensor, name: str) -> Tensor:
    """`ids` as a tensor; UserError unless it is (B, H, W) with static H and W."""
    ids = ops.convert_to_tensor(ids)
    if len(ids.shape) != 3 or None in ids.shape[1:]:
        raise UserError(
            f"{name} must be (B, H, W) with static H and W, got shape "
            f"{tuple(ids.shape)}. Add a batch axis, or drop the channel axis."
        )
    return ids


def two_nearest(ids: Tensor, near: int, far: int) -> tuple[Tensor, Tensor]:
    """Squared distances to the nearest and to the second nearest other id > 0.

    (B, H, W) int32 -> two (B, H, W) int32, exact up to `near` and `far` pixels; what
    lies beyond may come out larger than it is, never smaller, up to 128² = nothing.

    Two passes, and two labels a pixel are enough between them: if an instance is
    not among the two nearest of a column, two others are at least as near in that
    column, hence from every pixel of any row that looks at this column; it can then
    be left out of that pixel's two smallest distances without changing their values.
    """
    first, second = _nearest_in_column(ops.transpose(ids, (2, 0, 1)), far)
    width = first.shape[0]
    nothing = FAR >> LABEL_BITS

    def sideways(x, fill):
        padded = ops.pad(x, [[far, far], [0, 0], [0, 0]], constant_values=fill)
        return lambda k: padded[far + k : far + k + width]

    keys = sideways(first, FAR)
    nearest = first
    for k in range(1, near + 1):
        beside = ops.minimum(keys(-k), keys(k))
        nearest = ops.minimum(nearest, beside + k * k * ONE)
    label = ops.bitwise_and(nearest, LABELS)

    labels = sideways(ops.bitwise_and(first, LABELS), 0)
    firsts = sideways(ops.right_shift(first, LABEL_BITS), nothing)
    seconds = sideways(ops.right_shift(second, LABEL_BITS), nothing)

    def other(k):
        """The nearest in column x + k whose label is not the nearest's of x."""
        return ops.where(ops.equal(labels(k), label), seconds(k), firsts(k))

    runner_up = other(0)
    for k in range(1, far + 1):
        beside = ops.minimum(other(-k), other(k))
        runner_up = ops.minimum(runner_up, beside + k * k)
    nearest = ops.right_shift(nearest, LABEL_BITS)
    return ops.transpose(nearest, (1, 2, 0)), ops.transpose(runner_up, (1, 2, 0))


def _nearest_in_column(ids: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    """The two nearest different ids along the last axis, as keys d² * ONE + id.

    (W, B, H) ids -> two (W, B, H) int32 keys, FAR where there is none within reach.
    W stands in front because slices along the first axis cost no copy.
    """
    width, _, height = ids.shape
    row = ops.arange(height, dtype="int32")
    both = ops.concatenate([ids, ops.flip(ids, -1)])  # downwards and upwards at once
    present = both > 0
    # The last id seen: the row leads the key, so a running maximum finds it. The
    # one before it changes only where an id differs from the last seen before it.
    last = running_maximum(ops.where(present, row * ONE + both, -1), reach)
    before = _shifted(last, 1)
    differs = ops.not_equal(ops.bitwise_and(before, LABELS), both)
    change = ops.logical_and(ops.logical_and(present, differs), before >= 0)
    last_other = running_maximum(ops.where(change, before, -1), reach)

    def keys(seen):
        away = row - ops.right_shift(seen, LABEL_BITS)
        label = ops.bitwise_and(seen, LABELS)
        missing = ops.logical_or(seen < 0, away > reach)
        return ops.where(missing, FAR, ops.square(away) * ONE + label)

    last, last_other = keys(last), keys(last_other)
    above, other_above = last[:width], last_other[:width]
    below, other_below = ops.flip(last[width:], -1), ops.flip(last_other[width:], -1)
    same = ops.equal(ops.bitwise_and(above, LABELS), ops.bitwise_and(below, LABELS))
    later = ops.where(same, FAR, ops.maximum(above, below))
    second = ops.minimum(later, ops.minimum(other_above, other_below))
    return ops.minimum(above, below), second


def running_maximum(x: Tensor, reach: int) -> Tensor:
    """Maximum over the last `reach` + 1 (or more) entries of the last axis."""
    step = 1
    while step <= min(reach, x.shape[-1] - 1):
        x = ops.maximum(x, _shifted(x, step))
        step *= 2
    return x


def _shifted(x: Tensor, by: int) -> Tensor:
    return ops.pad(x[..., :-by], [[0, 0], [0, 0], [by, 0]], constant_values=-1)
