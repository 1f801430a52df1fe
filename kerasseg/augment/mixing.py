"""Mixing samples of a batch: pixels, labels and instances move together.

Ids are chosen, never blended. The partner of a sample is the one before it in the
batch; instance ids that come from a partner are raised by 65536 per step so that they
stay different from the sample's own.
"""

from __future__ import annotations

from keras import ops

from kerasseg.augment.draws import (
    centres,
    coin,
    fraction,
    integers,
    scramble,
    slot,
    uniform,
)
from kerasseg.augment.weather import rectangle
from kerasseg.taxonomy import IGNORE


def cutmix(maps, numbers, policy):
    """A rectangle comes from the partner (Yun et al. 2019)."""
    chosen = rectangle(slot(numbers, "cutmix"), policy.cutmix, _size(maps), 1.0)
    return _choose(chosen, _partner(maps, 1), maps)


def classmix(maps, numbers, policy):
    """About half of the partner's classes are pasted in (Olsson et al. 2021).

    Each class is taken or left by its own coin; ignored pixels are never pasted.
    """
    partner = _partner(maps, 1)
    u = slot(numbers, "classmix")
    ids = ops.arange(256, dtype="int32")[None]
    draw = fraction(scramble(scramble(integers(u[:, 1:])) + ids))
    taken = draw < 0.5 * coin(u[:, :1], policy.classmix)  # (B, 256)
    start = 256 * ops.arange(ops.shape(taken)[0], dtype="int32")[:, None, None]
    chosen = ops.take(ops.reshape(taken, (-1,)), start + partner[1])
    return _choose(chosen & (partner[1] != IGNORE), partner, maps)


def mosaic(maps, numbers, policy):
    """Four quadrants around a point come from four neighbours in the batch."""
    height, width = _size(maps)
    u = slot(numbers, "mosaic")
    there = coin(u[:, 0], policy.mosaic)[:, None, None] > 0
    row = height * uniform(u[:, 1], 0.25, 0.75)[:, None, None]
    column = width * uniform(u[:, 2], 0.25, 0.75)[:, None, None]
    below = centres(height)[None, :, None] > row
    beside = centres(width)[None, None] > column
    own = maps
    for step, quadrant in enumerate((~below & beside, below & ~beside, below & beside)):
        maps = _choose(there & quadrant, _partner(own, step + 1), maps)
    return maps


def _partner(maps, step: int):
    image, label, *instance = (ops.roll(m, step, axis=0) for m in maps)
    return image, label, *(ops.where(i > 0, i + 65536 * step, 0) for i in instance)


def _choose(chosen, theirs, own):
    image = ops.where(chosen[..., None], theirs[0], own[0])
    return image, *(
        ops.where(chosen, t, o) for t, o in zip(theirs[1:], own[1:], strict=True)
    )


def _size(maps):
    return maps[0].shape[1:3]
