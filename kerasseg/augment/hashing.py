"""Many random numbers from one: a hash of a seed and a running number."""

from __future__ import annotations

import numpy as np
from keras import ops

from kerasseg.taxonomy import Tensor


def integers(u: Tensor) -> Tensor:
    """[0, 1) -> int32 that carry all 24 random bits of a float32."""
    return ops.cast(u * float(1 << 24), "int32")


def scramble(x: Tensor) -> Tensor:
    """int32 -> int32, every input bit moves every output bit (a counter-based hash).

    Wellons' `lowbias32` in int32 arithmetic that wraps around, which is the same on
    every backend; the masks turn arithmetic shifts into logical ones.
    """
    x = ops.bitwise_xor(x, _shifted(x, 16)) * np.int32(0x7FEB352D)
    x = ops.bitwise_xor(x, _shifted(x, 15)) * np.int32(0x846CA68B - (1 << 32))
    return ops.bitwise_xor(x, _shifted(x, 16))


def fraction(x: Tensor) -> Tensor:
    """int32 hash -> uniform float32 in [0, 1) from its upper 24 bits."""
    return ops.cast(_shifted(x, 8), "float32") * (1 / (1 << 24))


def _shifted(x: Tensor, bits: int) -> Tensor:
    return ops.bitwise_and(ops.right_shift(x, bits), (1 << (32 - bits)) - 1)
