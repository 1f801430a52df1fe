"""Bands that are not an ordinary picture's: light in units of their deviation.

The same transforms as of pictures, each band by itself: values become grey levels
(`kerasseg.augment.levels`), the levels change, and the change goes back in the band's
own numbers. So a sample that no transform was drawn for keeps its values exactly, and
another unit of the data, with its statistics, gives the same picture in that unit.
"""

from __future__ import annotations

import numpy as np
from keras import ops

from kerasseg.augment import photometry
from kerasseg.augment.levels import MEAN, Levels
from kerasseg.augment.pixel_grid import beside, constant
from kerasseg.augment.policies import Policy
from kerasseg.augment.random_parameters import coin, log_uniform, single, slot
from kerasseg.taxonomy import IGNORE, Tensor


def filled(
    image: Tensor, label: Tensor, mean: np.ndarray, ignore: int = IGNORE
) -> tuple[Tensor, Tensor]:
    """The mean where there are no data, so that geometry mixes that into neighbours
    instead of a 0 far from all values. mean: (C,), of the image's type.

    Returns image (B, H, W, C), and label int32 (B, H, W), or (B, H, W, K) where classes
    overlap, that is ignore + 1 there.
    """
    empty = _empty(image, label, ignore)
    image = ops.where(empty, ops.cast(mean, image.dtype), image)
    empty = beside(empty[..., 0], label)
    return image, ops.where(empty, ignore + 1, ops.cast(label, "int32"))


def emptied(
    image: Tensor, label: Tensor, ignore: int = IGNORE
) -> tuple[Tensor, Tensor]:
    """What `filled` made, after geometry: 0 and ignore where there are no data."""
    empty = _everywhere(label == ignore + 1, image)
    image = ops.where(empty[..., None], 0.0, image)
    return image, ops.where(beside(empty, label), ignore, label)


def lit(
    image: Tensor,
    label: Tensor,
    numbers: Tensor,
    policy: Policy,
    levels: Levels,
    limits: tuple[float, float],
    ignore: int = IGNORE,
    thick: int | None = None,
) -> Tensor:
    """Contrast, tone, blur, resolution, noise and dropped bands.

    Pixels without data (0 in all bands, label ignore) count as the mean in blurs and
    means, and are 0 again afterwards, as they will be in prediction.

    Args:
        image: (B, h, w, C) float32, in the bands' own numbers.
        label: (B, h, w) int32 class ids, or (B, h, w, K) where classes overlap.
        numbers: (B, NUMBERS), uniform in [0, 1).
        policy: gives ranges and probabilities.
        levels: of each band.
        limits: the smallest and largest number of the image's type.
        ignore: the id of ignored pixels.
        thick: the axis across thick slices, of volumes.

    Returns:
        (B, h, w, C) float32 within the limits.
    """
    empty = _empty(image, label, ignore)
    grey = (image - constant(levels.mean)) * constant(levels.per_unit) + MEAN
    changed = grey = ops.where(empty, MEAN, grey)
    if policy.brightness or policy.contrast:
        changed = photometry.exposure(
            changed, numbers, policy, constant(levels.low), constant(levels.high)
        )
    if policy.gamma != (1, 1):
        changed = _tone(changed, numbers, policy, levels)
    if policy.blur:
        changed = photometry.blur(changed, numbers, policy, thick)
    if policy.low_resolution:
        changed = photometry.low_resolution(changed, numbers, policy, thick)
    if policy.noise:
        changed = photometry.noise(changed, numbers, policy)
    acts = changed is not grey
    if acts:
        moved = image + (changed - grey) * constant(levels.unit)
        moved = ops.clip(moved, *limits) if max(limits) < float("inf") else moved
    else:
        moved = image
    if policy.band_dropout:
        moved = dropout(moved, numbers, policy, levels.mean)
        acts = True
    return ops.where(empty, image, moved) if acts else image


def dropout(image: Tensor, numbers: Tensor, policy: Policy, mean: Tensor) -> Tensor:
    """One band of some samples becomes its mean, so that a network learns to do
    without any of them. mean: (C,)."""
    count = image.shape[-1]
    u = slot(numbers, "band_dropout")
    band = ops.cast(ops.floor(count * u[:, 1:]), "int32")  # (B, 1)
    drawn = coin(u[:, :1], policy.band_dropout) > 0
    lost = drawn & (ops.arange(count, dtype="int32")[None] == band)
    lost = ops.reshape(lost, (-1, *[1] * (len(image.shape) - 2), count))
    return ops.where(lost, constant(mean), image)


def _empty(image: Tensor, label: Tensor, ignore: int) -> Tensor:
    """(B, h, w, 1) bool: 0 in all bands, and ignored."""
    ignored = _everywhere(label == ignore, image)
    return (ops.all(image == 0, axis=-1) & ignored)[..., None]


def _everywhere(mask: Tensor, image: Tensor) -> Tensor:
    """(B, h, w) of (B, h, w), or of (B, h, w, K): in all classes that overlap."""
    overlap = len(mask.shape) == len(image.shape)
    return ops.all(mask, axis=-1) if overlap else mask


def _tone(image: Tensor, numbers: Tensor, policy: Policy, levels: Levels) -> Tensor:
    """The curve x^gamma between the band's percentiles; what lies beyond stays."""
    drawn = log_uniform(single(numbers, "gamma"), *policy.gamma)
    exponent = photometry.beside(drawn, image)
    low, span = constant(levels.low), levels.high - levels.low
    share = (image - low) * constant(1 / span.clip(1e-6))
    curve = ops.exp(exponent * ops.log(ops.clip(share, 1e-3 / 255, 1.0)))
    inside = (share > 0) & (share < 1) & constant(span > 0, "bool")
    return ops.where(inside, low + curve * constant(span), image)
