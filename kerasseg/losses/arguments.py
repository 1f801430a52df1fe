"""What every loss does with its arguments: checks, softmax or sigmoid, valid pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from keras import ops

from kerasseg import UserError
from kerasseg.losses.targets import refuse_one_channel, target_of
from kerasseg.taxonomy import Tensor


class Prediction:
    """Logits (B, ..., C) in float32 with their probabilities, each computed once.

    Half-precision logits are widened here: a sum over 1024 x 1024 pixels overflows
    float16 (largest value 65504), and bfloat16 stops counting at 256. Losses take a
    Prediction in place of logits, so that a sum of losses shares one softmax.

    Args:
        logits: (B, ..., C) of any float type.
        exclusive: False where the classes overlap: the probabilities are sigmoids.

    Raises:
        UserError: of one exclusive class, whose softmax is 1 whatever its logit is.
    """

    def __init__(self, logits: Tensor, exclusive: bool = True):
        self.logits = ops.cast(logits, "float32")
        if exclusive:
            refuse_one_channel(self.shape)
        self.exclusive = exclusive

    @classmethod
    def of(cls, y_pred: Tensor | Prediction, exclusive: bool = True) -> Prediction:
        """`y_pred` itself if it is a Prediction, else one made of these logits.

        Raises:
            UserError: when it is a Prediction of the other kind of classes.
        """
        if not isinstance(y_pred, cls):
            return cls(y_pred, exclusive)
        if y_pred.exclusive != exclusive:
            raise UserError(
                f"Expected a Prediction with exclusive={exclusive}, got one with "
                f"exclusive={y_pred.exclusive}. Give both the same."
            )
        return y_pred

    @property
    def shape(self) -> tuple:
        return tuple(self.logits.shape)

    @cached_property
    def log_probability(self) -> Tensor:
        """log softmax(logits) or log sigmoid(logits), (B, ..., C)."""
        if self.exclusive:
            return ops.log_softmax(self.logits, axis=-1)
        return ops.log_sigmoid(self.logits)

    @cached_property
    def probability(self) -> Tensor:
        """softmax(logits) or sigmoid(logits), (B, ..., C)."""
        if self.exclusive:
            return ops.exp(self.log_probability)
        return ops.sigmoid(self.logits)

    @cached_property
    def complement(self) -> Tensor:
        """1 - sigmoid(logits) without cancellation, of classes that overlap."""
        return ops.sigmoid(-self.logits)

    @cached_property
    def log_complement(self) -> Tensor:
        """log(1 - sigmoid(logits)), of classes that overlap; exact for any logit."""
        return ops.log_sigmoid(-self.logits)


def target_and_prediction(
    y_true: Tensor, y_pred: Tensor | Prediction, exclusive: bool = True
) -> tuple[Tensor, Tensor, Prediction]:
    """The target in float32, what of it is labelled, and the `Prediction`.

    Args:
        y_true: (B, ..., C) target. exclusive: one-hot, all-zero where ignored; or ids,
            see `target_of`. Else: 0 to 1, and negative where ignored for this class
            alone.
        y_pred: (B, ..., C) logits.
        exclusive: False where the classes overlap.

    Returns:
        The target (B, ..., C), 0 where ignored; 1 where labelled and 0 where ignored,
        (B, ..., 1), or (B, ..., C) where the classes overlap; the prediction.

    Raises:
        UserError: as `Prediction` and `target_of`, or where the classes overlap and
            the target is of an unsigned type, which cannot say what is ignored.
    """
    prediction = Prediction.of(y_pred, exclusive)
    y_true = target_of(y_true, prediction.shape, exclusive)
    if exclusive:
        valid = ops.sum(y_true, axis=-1, keepdims=True) > 0
        return y_true, ops.cast(valid, "float32"), prediction
    return ops.maximum(y_true, 0.0), ops.cast(y_true >= 0, "float32"), prediction


def spatial_axes(y_true: Tensor) -> tuple[int, ...]:
    """The axes between batch and classes."""
    return tuple(range(1, len(y_true.shape) - 1))


def class_vector(
    numbers: Sequence[float], num_classes: int, name: str = "class_weights"
) -> Tensor:
    """One number for each class as a (C,) float32 tensor. name: for messages.

    Raises:
        UserError: unless they are C finite numbers, none negative and not all 0.
    """
    vector = np.asarray(numbers, "float32")
    if vector.shape != (num_classes,):
        raise UserError(
            f"{name} must be {num_classes} numbers, one for each class, got an array "
            f"of shape {vector.shape}."
        )
    if not (np.isfinite(vector).all() and (vector >= 0).all() and vector.any()):
        raise UserError(
            f"{name} must be finite, not negative and not all zero, got "
            f"{vector.tolist()}."
        )
    return ops.convert_to_tensor(vector)


def check_numbers(**numbers: float) -> None:
    """Raises UserError, which names it, for a number that is not finite, or below 0."""
    for name, value in numbers.items():
        if not 0 <= value < math.inf:
            raise UserError(
                f"{name} must be a finite number of 0 or more, got {value}."
            )


def divide_or_zero(numerator: Tensor, denominator: Tensor) -> Tensor:
    """numerator / denominator, and 0 (not NaN) where the denominator is 0 or less."""
    empty = denominator <= 0
    return ops.where(empty, 0.0, numerator / ops.where(empty, 1.0, denominator))
