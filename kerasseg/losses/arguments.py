"""What every loss does with its arguments: checks, softmax in float32, valid pixels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from keras import ops

from kerasseg import UserError
from kerasseg.taxonomy import Tensor


class Prediction:
    """Logits (B, ..., C) in float32 with their softmax, each part computed once.

    Half-precision logits are widened here: a sum over 1024 x 1024 pixels overflows
    float16 (largest value 65504), and bfloat16 stops counting at 256. Losses take a
    Prediction in place of logits, so that a sum of losses shares one softmax.
    """

    def __init__(self, logits: Tensor):
        self.logits = ops.cast(logits, "float32")

    @classmethod
    def of(cls, y_pred: Tensor | Prediction) -> Prediction:
        """`y_pred` itself if it is a Prediction, else one made of these logits."""
        return y_pred if isinstance(y_pred, cls) else cls(y_pred)

    @property
    def shape(self) -> tuple:
        return tuple(self.logits.shape)

    @cached_property
    def log_probability(self) -> Tensor:
        """log softmax(logits), (B, ..., C)."""
        return ops.log_softmax(self.logits, axis=-1)

    @cached_property
    def probability(self) -> Tensor:
        """softmax(logits), (B, ..., C)."""
        return ops.exp(self.log_probability)


def target_and_prediction(y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Prediction]:
    """The target in float32 and the `Prediction`.

    Raises:
        UserError: unless both are (B, ..., C).
    """
    y_true, prediction = ops.cast(y_true, "float32"), Prediction.of(y_pred)
    shapes = tuple(y_true.shape), prediction.shape
    fits = len(shapes[0]) == len(shapes[1]) >= 3 and all(
        a == b or a is None or b is None for a, b in zip(*shapes, strict=True)
    )
    if not fits:
        raise UserError(
            "Expected a one-hot target and logits of one shape (batch, ..., classes), "
            f"got {shapes[0]} and {shapes[1]}. Labels become a target with "
            "kerasseg.taxonomy.one_hot(label, num_classes)."
        )
    return y_true, prediction


def valid_pixels(y_true: Tensor) -> Tensor:
    """(B, ..., C) target -> (B, ...) float32: 1 where labelled, 0 where ignored."""
    return ops.cast(ops.sum(y_true, axis=-1) > 0, "float32")


def spatial_axes(y_true: Tensor) -> tuple[int, ...]:
    """The axes between batch and classes."""
    return tuple(range(1, len(y_true.shape) - 1))


def class_vector(class_weights: Sequence[float], num_classes: int) -> Tensor:
    """Class weights as a (C,) float32 tensor.

    Raises:
        UserError: unless they are C finite numbers, none negative and not all 0.
    """
    weights = np.asarray(class_weights, "float32")
    if weights.shape != (num_classes,):
        raise UserError(
            f"class_weights must be {num_classes} numbers, one for each class, got "
            f"an array of shape {weights.shape}."
        )
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise UserError(
            "class_weights must be finite, not negative and not all zero, got "
            f"{weights.tolist()}."
        )
    return ops.convert_to_tensor(weights)


def divide_or_zero(numerator: Tensor, denominator: Tensor) -> Tensor:
    """numerator / denominator, and 0 (not NaN) where the denominator is 0 or less."""
    empty = denominator <= 0
    return ops.where(empty, 0.0, numerator / ops.where(empty, 1.0, denominator))
