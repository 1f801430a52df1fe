"""From uniform numbers to augmentation parameters: the layout and the mappings.

The host draws `policies.NUMBERS` uniform numbers per sample; each mover owns named
places in that vector, so one that is switched off does not change what others do.
"""

from __future__ import annotations

import math

import numpy as np
from keras import ops

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
}
"""Name of a mover -> how many numbers it owns, in the order of the vector."""

_ENDS = np.cumsum(list(SLOTS.values()))
_PLACES = {
    name: slice(int(end) - count, int(end))
    for (name, count), end in zip(SLOTS.items(), _ENDS, strict=True)
}


def slot(numbers, name: str):
    """(B, NUMBERS) -> (B, count): the numbers that belong to a mover."""
    return numbers[:, _PLACES[name]]


def single(numbers, name: str):
    """(B, NUMBERS) -> (B,): the only (or first) number of a mover."""
    return numbers[:, _PLACES[name].start]


def uniform(u, low: float, high: float):
    """[0, 1) -> [low, high)."""
    return low + (high - low) * u


def around(u, half: float):
    """[0, 1) -> [-half, half)."""
    return half * (2 * u - 1)


def log_uniform(u, low: float, high: float):
    """[0, 1) -> [low, high), equally often below and above the geometric mean."""
    return ops.exp(uniform(u, math.log(low), math.log(high)))


def normal(u, std: float):
    """[0, 1) -> N(0, std) by the inverse error function, cut at 4.9 std."""
    centred = ops.clip(2 * u - 1, -1 + 1e-6, 1 - 1e-6)
    return (std * math.sqrt(2)) * ops.erfinv(centred)


def coin(u, probability: float):
    """[0, 1) -> 1.0 with the probability, else 0.0."""
    return ops.cast(u < probability, "float32")


def amount(u, probability: float):
    """[0, 1) -> 0 with 1 - probability, else uniform in (0, 1].

    One number says both whether a mover acts and how strongly.
    """
    return ops.where(u < probability, 1 - u / probability, 0.0)


def integers(u):
    """[0, 1) -> int32 that carry all 24 random bits of a float32."""
    return ops.cast(u * float(1 << 24), "int32")


def scramble(x):
    """int32 -> int32, every input bit moves every output bit (a counter-based hash).

    Wellons' `lowbias32` in int32 arithmetic that wraps around, which is the same on
    every backend; the masks turn arithmetic shifts into logical ones.
    """
    x = ops.bitwise_xor(x, _shifted(x, 16)) * np.int32(0x7FEB352D)
    x = ops.bitwise_xor(x, _shifted(x, 15)) * np.int32(0x846CA68B - (1 << 32))
    return ops.bitwise_xor(x, _shifted(x, 16))


def fraction(x):
    """int32 hash -> uniform float32 in [0, 1) from its upper 24 bits."""
    return ops.cast(_shifted(x, 8), "float32") * (1 / (1 << 24))


def constant(values, dtype="float32"):
    """A numpy array as a tensor: Torch refuses mixed sums with numpy on the left."""
    return ops.convert_to_tensor(np.asarray(values, dtype))


def centres(size: int):
    """(size,) pixel centres: 0.5, 1.5, ..."""
    return constant(np.arange(size) + 0.5)


def _shifted(x, bits: int):
    return ops.bitwise_and(ops.right_shift(x, bits), (1 << (32 - bits)) - 1)
