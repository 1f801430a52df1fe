"""Random parameters of the transforms, made of the numbers that the host drew.

The host draws `policies.NUMBERS` uniform numbers for each sample. Each transform owns
named places in that vector, so one that is switched off does not change the others.
"""

from __future__ import annotations

import math

import numpy as np
from keras import ops

from kerasseg.taxonomy import Tensor

SLOTS = {
    "flip": 1,
    "vertical_flip": 1,
    "quarter_turn": 1,
    "scale": 1,
    "aspect": 1,
    "rotation": 1,
    "shear": 2,
    "translation": 2,
    "perspective": 2,
    "position": 2,
    "elastic": 18,
    "elastic_fine": 1,
    "brightness": 1,
    "contrast": 1,
    "saturation": 1,
    "hue": 1,
    "cast": 3,
    "gamma": 1,
    "blur": 1,
    "noise": 2,
    "jpeg": 1,
    "shadow": 6,
    "rain": 4,
    "fog": 3,
    "erasing": 5,
    "cutmix": 4,
    "classmix": 2,
    "mosaic": 3,
    "band_dropout": 2,
    "depth_flip": 1,
    "tilt": 2,
    "position_depth": 1,
    "translation_depth": 1,
    "low_resolution": 2,
}
"""How many numbers each transform owns, in the order of the vector. New ones go to the
end, so that the numbers of the others stay the same."""

_ENDS = np.cumsum(list(SLOTS.values()))
_PLACES = {
    name: slice(int(end) - count, int(end))
    for (name, count), end in zip(SLOTS.items(), _ENDS, strict=True)
}


def slot(numbers: Tensor, name: str) -> Tensor:
    """(B, NUMBERS) -> (B, count): the numbers of one transform."""
    return numbers[:, _PLACES[name]]


def single(numbers: Tensor, name: str) -> Tensor:
    """(B, NUMBERS) -> (B,): the only (or first) number of a transform."""
    return numbers[:, _PLACES[name].start]


def uniform(u: Tensor, low: float, high: float) -> Tensor:
    """[0, 1) -> [low, high)."""
    return low + (high - low) * u


def around(u: Tensor, half: float) -> Tensor:
    """[0, 1) -> [-half, half)."""
    return half * (2 * u - 1)


def log_uniform(u: Tensor, low: float, high: float) -> Tensor:
    """[0, 1) -> [low, high), equally often below and above the geometric mean."""
    return ops.exp(uniform(u, math.log(low), math.log(high)))


def normal(u: Tensor, std: float) -> Tensor:
    """[0, 1) -> N(0, std) by the inverse error function, cut at 4.9 std."""
    centred = ops.clip(2 * u - 1, -1 + 1e-6, 1 - 1e-6)
    return (std * math.sqrt(2)) * ops.erfinv(centred)


def coin(u: Tensor, probability: float) -> Tensor:
    """[0, 1) -> 1.0 with the probability, else 0.0."""
    return ops.cast(u < probability, "float32")


def amount(u: Tensor, probability: float) -> Tensor:
    """[0, 1) -> 0 with 1 - probability, else uniform in (0, 1].

    One number says both whether a transform acts and how strongly.
    """
    return ops.where(u < probability, 1 - u / probability, 0.0)
