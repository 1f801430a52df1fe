"""Shadows, rain and haze, and rectangles that are taken away."""

from __future__ import annotations

import math

from keras import ops

from kerasseg.augment.draws import (
    amount,
    centres,
    coin,
    fraction,
    integers,
    scramble,
    slot,
    uniform,
)
from kerasseg.taxonomy import IGNORE

HAZE = 215.0
"""The grey of haze and rain, levels."""


def shadow(image, numbers, policy):
    """Darkens a wedge between two lines through one point; its edge is soft."""
    u = slot(numbers, "shadow")
    depth = 0.65 * amount(u[:, 0], policy.shadow)
    down, right = _places(image)
    first = uniform(u[:, 3], 0.0, 2 * math.pi)
    second = first + uniform(u[:, 4], 0.4, 2.4)
    soft = _field(uniform(u[:, 5], 10.0, 60.0))  # 1 / width of the edge
    inside = soft
    for angle, side in ((first, 1.0), (second, -1.0)):
        across = (down - _field(u[:, 1])) * _field(side * ops.cos(angle))
        distance = across - (right - _field(u[:, 2])) * _field(side * ops.sin(angle))
        inside = ops.minimum(inside, distance * soft)
    inside = ops.clip(inside + 0.5, 0.0, 1.0)
    return image * (1 - _field(depth) * inside)[..., None]


def fog(image, numbers, policy):
    """Mixes in haze: thickest at a horizon in the upper half, thin at the bottom."""
    u = slot(numbers, "fog")
    thick = uniform(amount(u[:, 0], policy.fog), 0.0, 0.75)
    horizon = uniform(u[:, 1], 0.2, 0.5)
    down, _ = _places(image)
    fall = uniform(u[:, 2], 1.0, 3.0)
    depth = ops.exp(-_field(fall) * ops.maximum(down - _field(horizon), 0.0))
    share = (_field(thick) * depth)[..., None]  # (B, h, 1, 1)
    return image + share * (HAZE - image)


def rain(image, numbers, policy):
    """Bright slanted streaks: each cell of a slanted grid is a drop or is none."""
    height, width = image.shape[1:3]
    u = slot(numbers, "rain")
    strength = _field(amount(u[:, 0], policy.rain))
    slant, length = _field(uniform(u[:, 1], -0.3, 0.3)), _field(uniform(u[:, 2], 8, 24))
    seed = _field(scramble(integers(u[:, 3])))
    row, column = centres(height)[None, :, None], centres(width)[None, None]
    column = ops.cast(ops.floor(column + slant * row), "int32")
    phase = fraction(scramble(ops.bitwise_xor(column, seed)))
    cell = ops.cast(ops.floor(row / length + 7 * phase), "int32")
    drop = fraction(scramble(ops.bitwise_xor(column * 8191 + cell, seed)))
    drop = ops.where(drop < 0.06 * strength, 0.2 + 0.3 * strength, 0.0)[..., None]
    return image + drop * (HAZE - image)


def erasing(image, label, numbers, policy):
    """Fills a rectangle with grey and marks it as ignored: nothing is invented."""
    hidden = rectangle(
        slot(numbers, "erasing"), policy.erasing, image.shape[1:3], 1 / 3
    )
    image = ops.where(hidden[..., None], policy.fill, image)
    return image, ops.where(hidden, IGNORE, label)


def rectangle(u, probability: float, size: tuple[int, int], largest: float):
    """(B, >= 4) numbers -> bool (B, h, w): a rectangle inside the image, or nothing.

    u: whether and how high, how wide, the place down, the place right. Sides are up
    to `largest` of the image's.
    """
    there = coin(u[:, 0], probability)
    sides = [largest * (1 - u[:, 0] / max(probability, 1e-6)), largest * (1 - u[:, 1])]
    hidden = None
    for axis, side in enumerate(sides):
        start = _field(u[:, 2 + axis] * (1 - side) * size[axis])
        stop = start + _field(side * there * size[axis])
        place = centres(size[axis])
        place = place[None, :, None] if axis == 0 else place[None, None]
        within = (place > start) & (place < stop)
        hidden = within if hidden is None else hidden & within
    return hidden


def _places(image):
    """Rows and columns as shares of height and width, (1, h, 1) and (1, 1, w)."""
    height, width = image.shape[1:3]
    down, right = centres(height) / height, centres(width) / width
    return down[None, :, None], right[None, None]


def _field(x):
    return ops.reshape(x, (-1, 1, 1))
