"""CutMix, ClassMix and mosaic: parts of other samples of the batch are pasted in.

Pixels, labels and instances move together; ids are chosen, never blended. The partner
of a sample is the one before it in the batch. Instance ids that come from the sample n
places before are raised by n * 2^28, so that they stay different from the sample's own.
"""

from __future__ import annotations

from collections.abc import Sequence

from keras import ops

from kerasseg.augment.erasing import rectangle
from kerasseg.augment.hashing import fraction, integers, scramble
from kerasseg.augment.pixel_grid import beside, centres, per_sample
from kerasseg.augment.policies import Policy
from kerasseg.augment.random_parameters import coin, slot, uniform
from kerasseg.taxonomy import IGNORE, Tensor

Maps = Sequence[Tensor]
"""Image (B, h, w, C), label (B, h, w) or, where classes overlap, (B, h, w, K), and
perhaps instance (B, h, w)."""

ID_BITS = 28
"""Of a sample's own ids. All three mixers together go five samples back: three bits."""


def cutmix(maps: Maps, numbers: Tensor, policy: Policy, ignore: int = IGNORE) -> Maps:
    """A rectangle comes from the partner (Yun et al. 2019)."""
    chosen = rectangle(slot(numbers, "cutmix"), policy.cutmix, _size(maps), 1.0)
    return _choose(chosen, _partner(maps, 1), maps)


def classmix(maps: Maps, numbers: Tensor, policy: Policy, ignore: int = IGNORE) -> Maps:
    """About half of the partner's classes are pasted in (Olsson et al. 2021).

    Each class is taken or left by its own coin; ignored pixels are never pasted. Where
    classes overlap, a pixel is pasted, with all it is, if one of its classes is taken
    and none is ignored.
    """
    partner = _partner(maps, 1)
    u = slot(numbers, "classmix")
    overlap = len(partner[1].shape) == 4
    count = partner[1].shape[-1] if overlap else ignore + 1
    ids = ops.arange(count, dtype="int32")[None]
    draw = fraction(scramble(scramble(integers(u[:, 1:])) + ids))
    taken = draw < 0.5 * coin(u[:, :1], policy.classmix)  # (B, count)
    if overlap:
        present = (partner[1] == 1) & taken[:, None, None]
        known = ops.all(partner[1] != ignore, axis=-1)
        return _choose(ops.any(present, axis=-1) & known, partner, maps)
    start = count * ops.arange(ops.shape(taken)[0], dtype="int32")[:, None, None]
    chosen = ops.take(ops.reshape(taken, (-1,)), start + partner[1])
    return _choose(chosen & (partner[1] != ignore), partner, maps)


def mosaic(maps: Maps, numbers: Tensor, policy: Policy, ignore: int = IGNORE) -> Maps:
    """Four quadrants around a point come from four neighbours in the batch."""
    height, width = _size(maps)
    u = slot(numbers, "mosaic")
    there = per_sample(coin(u[:, 0], policy.mosaic)) > 0
    row = height * per_sample(uniform(u[:, 1], 0.25, 0.75))
    column = width * per_sample(uniform(u[:, 2], 0.25, 0.75))
    below = centres(height)[None, :, None] > row
    beside = centres(width)[None, None] > column
    own = maps
    for step, quadrant in enumerate((~below & beside, below & ~beside, below & beside)):
        maps = _choose(there & quadrant, _partner(own, step + 1), maps)
    return maps


def _partner(maps: Maps, step: int) -> Maps:
    image, label, *instance = (ops.roll(m, step, axis=0) for m in maps)
    batch = ops.shape(image)[0]
    return image, label, *(_renamed(i, step, batch) for i in instance)


def _renamed(instance: Tensor, step: int, batch: int | Tensor) -> Tensor:
    """Ids of the sample `step` places before. Ids may come from farther away already,
    and the last of a round through the batch is the sample itself."""
    origin = (ops.right_shift(instance, ID_BITS) + step) % batch
    own = ops.bitwise_and(instance, (1 << ID_BITS) - 1)
    return ops.where(instance > 0, ops.left_shift(origin, ID_BITS) + own, 0)


def _choose(chosen: Tensor, theirs: Maps, own: Maps) -> Maps:
    image = ops.where(chosen[..., None], theirs[0], own[0])
    return image, *(
        ops.where(beside(chosen, t), t, o)
        for t, o in zip(theirs[1:], own[1:], strict=True)
    )


def _size(maps: Maps) -> tuple[int, int]:
    return maps[0].shape[1:3]
