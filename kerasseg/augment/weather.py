"""Shadows, fog and rain, drawn over an image.

Each function takes an image (B, h, w, 3) float32, 0..255, the numbers (B, NUMBERS),
uniform in [0, 1), and the policy with its ranges and probabilities; it returns an image
like the first, not yet clipped to 0..255.
"""

from __future__ import annotations

import math

from keras import ops

from kerasseg.augment.hashing import fraction, integers, scramble
from kerasseg.augment.pixel_grid import centres, per_sample
from kerasseg.augment.policies import Policy
from kerasseg.augment.random_parameters import amount, slot, uniform
from kerasseg.taxonomy import Tensor

HAZE = 215.0
"""The grey of fog and rain, 0..255."""


def shadow(image: Tensor, numbers: Tensor, policy: Policy) -> Tensor:
    """Darkens a wedge between two lines through one point; its edge is soft."""
    u = slot(numbers, "shadow")
    depth = 0.65 * amount(u[:, 0], policy.shadow)
    down, right = _places(image)
    first = uniform(u[:, 3], 0.0, 2 * math.pi)
    second = first + uniform(u[:, 4], 0.4, 2.4)
    soft = per_sample(uniform(u[:, 5], 10.0, 60.0))  # 1 / width of the edge
    inside = soft
    for angle, side in ((first, 1.0), (second, -1.0)):
        below = (down - per_sample(u[:, 1])) * per_sample(side * ops.cos(angle))
        beside = (right - per_sample(u[:, 2])) * per_sample(side * ops.sin(angle))
        inside = ops.minimum(inside, (below - beside) * soft)
    inside = ops.clip(inside + 0.5, 0.0, 1.0)
    return image * (1 - per_sample(depth) * inside)[..., None]


def fog(image: Tensor, numbers: Tensor, policy: Policy) -> Tensor:
    """Mixes in grey: most at a horizon in the upper half, little at the bottom."""
    u = slot(numbers, "fog")
    thick = uniform(amount(u[:, 0], policy.fog), 0.0, 0.75)
    horizon = uniform(u[:, 1], 0.2, 0.5)
    down, _ = _places(image)
    fall = uniform(u[:, 2], 1.0, 3.0)
    depth = ops.exp(-per_sample(fall) * ops.maximum(down - per_sample(horizon), 0.0))
    share = (per_sample(thick) * depth)[..., None]  # (B, h, 1, 1)
    return image + share * (HAZE - image)


def rain(image: Tensor, numbers: Tensor, policy: Policy) -> Tensor:
    """Bright slanted streaks: some cells of a slanted grid become drops."""
    height, width = image.shape[1:3]
    u = slot(numbers, "rain")
    strength = per_sample(amount(u[:, 0], policy.rain))
    slant = per_sample(uniform(u[:, 1], -0.3, 0.3))
    length = per_sample(uniform(u[:, 2], 8, 24))
    seed = per_sample(scramble(integers(u[:, 3])))
    row, column = centres(height)[None, :, None], centres(width)[None, None]
    column = ops.cast(ops.floor(column + slant * row), "int32")
    phase = fraction(scramble(ops.bitwise_xor(column, seed)))
    cell = ops.cast(ops.floor(row / length + 7 * phase), "int32")
    drop = fraction(scramble(ops.bitwise_xor(column * 8191 + cell, seed)))
    drop = ops.where(drop < 0.06 * strength, 0.2 + 0.3 * strength, 0.0)[..., None]
    return image + drop * (HAZE - image)


def _places(image: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns as shares of height and width, (1, h, 1) and (1, 1, w)."""
    height, width = image.shape[1:3]
    down, right = centres(height) / height, centres(width) / width
    return down[None, :, None], right[None, None]
