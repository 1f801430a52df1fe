"""Random erasing: a rectangle of the image turns grey and its label is ignored."""

from __future__ import annotations

import numpy as np
from keras import ops

from kerasseg.augment.pixel_grid import beside, centres, constant, per_sample
from kerasseg.augment.policies import Policy
from kerasseg.augment.random_parameters import coin, slot
from kerasseg.taxonomy import IGNORE, Tensor


def erasing(
    image: Tensor,
    label: Tensor,
    numbers: Tensor,
    policy: Policy,
    fill: float | np.ndarray,
    ignore: int = IGNORE,
) -> tuple[Tensor, Tensor]:
    """Fills a rectangle with grey and marks it as ignored (Zhong et al. 2020).

    Args:
        image: (B, h, w, C) float32.
        label: (B, h, w) int32 class ids, or (B, h, w, K) where classes overlap.
        numbers: (B, NUMBERS), uniform in [0, 1).
        policy: gives the probability.
        fill: the grey, one number or (C,).
        ignore: the id of ignored pixels.

    Returns:
        Image and label, as they came in.
    """
    hidden = rectangle(
        slot(numbers, "erasing"), policy.erasing, image.shape[1:3], 1 / 3
    )
    grey = fill if np.ndim(fill) == 0 else constant(fill)
    image = ops.where(hidden[..., None], grey, image)
    return image, ops.where(beside(hidden, label), ignore, label)


def rectangle(
    u: Tensor, probability: float, size: tuple[int, int], largest: float
) -> Tensor:
    """A random rectangle inside each image of a batch, or none.

    Args:
        u: (B, 4 or more) uniform in [0, 1): whether there is one and how high, how
            wide, its place down, its place right.
        probability: of there being one.
        size: (height, width) of the image, pixels.
        largest: the longest sides, as a share of the image's.

    Returns:
        (B, h, w) bool.
    """
    there = coin(u[:, 0], probability)
    sides = [largest * (1 - u[:, 0] / max(probability, 1e-6)), largest * (1 - u[:, 1])]
    rows, columns = centres(size[0])[None, :, None], centres(size[1])[None, None]
    within = []
    for axis, (side, place) in enumerate(zip(sides, (rows, columns), strict=True)):
        start = per_sample(u[:, 2 + axis] * (1 - side) * size[axis])
        stop = start + per_sample(side * there * size[axis])
        within.append((place > start) & (place < stop))
    return within[0] & within[1]
