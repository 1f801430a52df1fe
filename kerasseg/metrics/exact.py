"""Counts of pixels that stay exact on every backend, however many there are."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from kerasseg import UserError
from kerasseg.taxonomy import Tensor

WORD = 1 << 20
"""A step of the high word of a count is worth this many pixels."""


class ExactCounts(keras.metrics.Metric):
    """A metric of counts in two words, high * 2**20 + low, as int64 is int32 on JAX and
    Torch: exact up to 2**51 pixels, and still exact when TensorFlow adds the words of
    up to 1000 replicas. One update may hold up to 2**30 pixels.

    Args:
        num_classes: C.
        shape: of the counts.
        name: of the metric.
        kwargs: those of `keras.metrics.Metric`.

    Raises:
        UserError: when `num_classes` is less than 1.
    """

    def __init__(
        self, num_classes: int, shape: tuple[int, ...], name: str, **kwargs: Any
    ):
        super().__init__(name=name, **kwargs)
        if num_classes < 1:
            raise UserError(f"num_classes must be at least 1, got {num_classes}.")
        self.num_classes = num_classes
        self.words = self.add_variable(
            (2, *shape), initializer="zeros", dtype="int", name="words"
        )

    def add(self, counts: Tensor) -> None:
        """Adds int32 counts of the metric's shape."""
        low = self.words[1] + ops.cast(counts, self.words.dtype)
        high = self.words[0] + low // WORD
        self.words.assign(ops.stack([high, low % WORD]))

    def rounded(self) -> Tensor:
        """The counts as float32, for scores inside a compiled step."""
        words = ops.cast(self.words, "float32")
        return words[0] * WORD + words[1]

    def exact(self) -> np.ndarray:
        """The counts, int64."""
        words = ops.convert_to_numpy(self.words).astype(np.int64)
        return words[0] * WORD + words[1]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"num_classes": self.num_classes}


def counted(weight: Tensor | None, valid: Tensor) -> Tensor:
    """`valid` (...) bool without the places whose weight is 0.

    The weight broadcasts to it from the left: (B,) weighs images.
    """
    if weight is None:
        return valid
    weight = ops.convert_to_tensor(weight)
    missing = len(valid.shape) - len(weight.shape)
    weight = ops.reshape(weight, tuple(ops.shape(weight)) + (1,) * missing)
    return valid & ops.not_equal(weight, 0)
