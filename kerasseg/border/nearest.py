"""The nearest and the second nearest instance of every pixel, by squared distance.

Distances are integers here: a key d² * ONE + half holds a squared distance and one half
of the bits of the id at that distance, so the minimum of two keys keeps that of the
nearer id. Two keys carry both halves: ids are names, and any int32 above 0 is one. The
keys of the upper halves are left out where all ids have 16 bits, as in most images.
"""

from __future__ import annotations

from collections.abc import Callable

from keras import ops

from kerasseg import UserError
from kerasseg.taxonomy import Tensor

HALF_BITS = 16
ONE = 1 << HALF_BITS
"""What a squared distance of 1 adds to a key."""

HALF = ONE - 1
"""The bits of a key that hold half an id."""

FAR = 1 << 30
"""No pixel there. As a key it stands for a distance of 128 pixels."""

NOTHING = FAR >> HALF_BITS
"""No pixel there, as a squared distance."""


def id_batch(ids: Tensor, name: str, volumes: bool = False) -> Tensor:
    """`ids` as a tensor; UserError unless it is (B, H, W) with static H and W, or with
    `volumes` also (B, D, H, W)."""
    ids = ops.convert_to_tensor(ids)
    rank = len(ids.shape)
    if not (rank == 3 or (rank == 4 and volumes)) or None in ids.shape[1:]:
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
    wide = ops.any(ids > HALF)
    columns = ops.transpose(ids, (2, 0, 1))
    first, second, label = _nearest_in_column(columns, far, wide)
    width = first.shape[0]

    def sideways(x, fill):
        padded = ops.pad(x, [[far, far], [0, 0], [0, 0]], constant_values=fill)
        return lambda k: padded[far + k : far + k + width]

    def smallest(half):
        """The smallest key d² * ONE + half around each pixel."""
        key = first * ONE + half
        keys = sideways(key, FAR)
        for k in range(1, near + 1):
            key = ops.minimum(key, ops.minimum(keys(-k), keys(k)) + k * k * ONE)
        return key

    nearest, nearest_label = first, label
    if near:
        # Where two ids are equally near, the halves may be of both. That does no harm:
        # the distance to the second nearest is then that to the nearest, and leaving
        # out any one id, or none, finds it.
        low = smallest(ops.bitwise_and(label, HALF))
        nearest = ops.right_shift(low, HALF_BITS)
        nearest_label = _names(low, smallest, label, wide)

    labels = sideways(label, 0)
    firsts, seconds = sideways(first, NOTHING), sideways(second, NOTHING)

    def other(k):
        """The nearest in column x + k whose label is not the nearest's of x."""
        return ops.where(ops.equal(labels(k), nearest_label), seconds(k), firsts(k))

    runner_up = other(0)
    for k in range(1, far + 1):
        beside = ops.minimum(other(-k), other(k))
        runner_up = ops.minimum(runner_up, beside + k * k)
    return ops.transpose(nearest, (1, 2, 0)), ops.transpose(runner_up, (1, 2, 0))


def _names(
    low: Tensor, keys: Callable[[Tensor], Tensor], ids: Tensor, wide: Tensor
) -> Tensor:
    """The ids of `low`, the keys of lower halves; `keys` gives those of upper halves,
    and is called where ids have them."""

    def joined() -> Tensor:
        high = ops.bitwise_and(keys(ops.right_shift(ids, HALF_BITS)), HALF)
        return ops.left_shift(high, HALF_BITS) + ops.bitwise_and(low, HALF)

    return ops.cond(wide, joined, lambda: ops.bitwise_and(low, HALF))


def _nearest_in_column(
    ids: Tensor, reach: int, wide: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The two nearest different ids along the last axis.

    (W, B, H) ids, and whether any has more than 16 bits -> three (W, B, H) int32: both
    squared distances, NOTHING where there is none within reach, and the nearest id.
    W stands in front because slices along the first axis cost no copy.
    """
    width, _, height = ids.shape
    row = ops.arange(height, dtype="int32")
    both = ops.concatenate([ids, ops.flip(ids, -1)])  # downwards and upwards at once
    present = both > 0

    def last_seen(half):
        return running_maximum(ops.where(present, row * ONE + half, -1), reach)

    # The last id seen: the row leads the key, so a running maximum finds it. The row of
    # the one before it changes only where an id differs from the last seen before it.
    low = last_seen(ops.bitwise_and(both, HALF))
    label = _names(low, last_seen, both, wide)
    last = ops.right_shift(low, HALF_BITS)
    before = _shifted(last, 1)
    differs = ops.not_equal(_shifted(label, 1), both)
    change = ops.logical_and(ops.logical_and(present, differs), before >= 0)
    last_other = running_maximum(ops.where(change, before, -1), reach)

    def squared(seen):
        away = row - seen
        missing = ops.logical_or(seen < 0, away > reach)
        return ops.where(missing, NOTHING, ops.square(away))

    last, last_other = squared(last), squared(last_other)
    above, other_above, label_above = last[:width], last_other[:width], label[:width]
    below, other_below, label_below = (
        ops.flip(x[width:], -1) for x in (last, last_other, label)
    )
    same = ops.equal(label_above, label_below)
    later = ops.where(same, NOTHING, ops.maximum(above, below))
    second = ops.minimum(later, ops.minimum(other_above, other_below))
    label = ops.where(below < above, label_below, label_above)
    return ops.minimum(above, below), second, label


def running_maximum(x: Tensor, reach: int) -> Tensor:
    """Maximum over the last `reach` + 1 (or more) entries of the last axis."""
    step = 1
    while step <= min(reach, x.shape[-1] - 1):
        x = ops.maximum(x, _shifted(x, step))
        step *= 2
    return x


def _shifted(x: Tensor, by: int, fill: int = -1) -> Tensor:
    before = [[0, 0]] * (len(x.shape) - 1) + [[by, 0]]
    return ops.pad(x[..., :-by], before, constant_values=fill)
