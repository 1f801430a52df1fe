"""The weighted mean over pixels that losses on single pixels share.

With the weight of a pixel w(x) = class_weights[class of x] * pixel_weight(x), each such
loss is

    sum over labelled x of w(x) loss(x)  /  sum over labelled x of w(x)

as PyTorch's CrossEntropyLoss(weight=...) does it. So weights shift the emphasis and
not the size of the loss, a weight of 0 is the same as "ignored", and a batch in which
everything is ignored costs 0. Where the classes overlap, both sums go over the pixels
of all classes, and w(x, c) = class_weights[c] * pixel_weight(x).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from keras import ops

from kerasseg import UserError
from kerasseg.losses.arguments import (
    Prediction,
    check_numbers,
    class_vector,
    divide_or_zero,
)
from kerasseg.taxonomy import Tensor


def entropy_of(y_true: Tensor, prediction: Prediction) -> Tensor:
    """Cross entropy of every pixel, (B, ..., 1), or of every class too, (B, ..., C)."""
    if prediction.exclusive:
        return -ops.sum(y_true * prediction.log_probability, axis=-1, keepdims=True)
    return -(
        y_true * prediction.log_probability + (1 - y_true) * prediction.log_complement
    )


def wrong_of(y_true: Tensor, entropy: Tensor, prediction: Prediction) -> Tensor:
    """1 - the probability of what is true, in the shape of `entropy`; of a soft target
    of classes that overlap the mean of both."""
    if prediction.exclusive:
        return -ops.expm1(-entropy)
    return y_true * prediction.complement + (1 - y_true) * prediction.probability


def power(wrong: Tensor, exponent: float | Tensor) -> Tensor:
    """wrong^exponent with a gradient that is finite at 0, where nothing is wrong."""
    return ops.maximum(wrong, 1e-12) ** exponent


def exponent_of(
    gamma: float | Sequence[float], y_true: Tensor, exclusive: bool
) -> float | Tensor:
    """gamma, or that of each pixel's class, (B, ..., 1), or of each class, (C,).

    Raises UserError unless it is a number of 0 or more, or C of them.
    """
    numbers = np.asarray(gamma, "float32")
    if numbers.shape not in ((), (y_true.shape[-1],)):
        raise UserError(
            f"gamma must be a number, or {y_true.shape[-1]}, one for each class, got "
            f"an array of shape {numbers.shape}."
        )
    check_numbers(gamma=float(numbers.min()))
    check_numbers(gamma=float(numbers.max()))
    if not numbers.shape:
        return float(numbers)
    vector = ops.convert_to_tensor(numbers)
    return ops.sum(y_true * vector, axis=-1, keepdims=True) if exclusive else vector


def smoothed(
    y_true: Tensor, valid: Tensor, label_smoothing: float, exclusive: bool
) -> Tensor:
    """The target moved by `label_smoothing` towards 1 / C, or towards 1 / 2 where the
    classes overlap; UserError unless that is in [0, 1)."""
    if not 0 <= label_smoothing < 1:
        raise UserError(f"label_smoothing must be in [0, 1), got {label_smoothing}.")
    if not label_smoothing:
        return y_true
    share = label_smoothing / (y_true.shape[-1] if exclusive else 2)
    return (1 - label_smoothing) * y_true + share * valid


def weight_of(
    labelled: Tensor,
    class_weights: Sequence[float] | None,
    pixel_weight: Tensor | None,
    exclusive: bool,
) -> Tensor:
    """The weight of every entropy, 0 where ignored: (B, ..., 1), or (B, ..., C).

    `labelled` is (B, ..., C): 1 in the class of an exclusive pixel, or in the classes
    for which the pixel is not ignored.
    """
    weight = labelled
    if class_weights is not None:
        weight = weight * class_vector(class_weights, labelled.shape[-1])
    if exclusive:
        weight = ops.sum(weight, axis=-1, keepdims=True)
    if pixel_weight is not None:
        weight = weight * as_pixel_weight(pixel_weight, labelled, exclusive)
    return weight


def weighted_mean(loss: Tensor, weight: Tensor) -> Tensor:
    """sum w loss / sum w, and 0 where nothing weighs."""
    return divide_or_zero(ops.sum(loss * weight), ops.sum(weight))


def as_pixel_weight(pixel_weight: Tensor, y_true: Tensor, exclusive: bool) -> Tensor:
    """The pixel weight in float32 as (B, ..., 1), or (B, ..., C); else UserError."""
    pixel_weight = ops.cast(pixel_weight, "float32")
    missing = len(y_true.shape) - len(pixel_weight.shape)
    if missing == 1:
        return ops.expand_dims(pixel_weight, -1)
    if missing or exclusive:
        raise UserError(
            "Expected a pixel weight of the target's shape without the classes, "
            f"{tuple(y_true.shape[:-1])}, got {tuple(pixel_weight.shape)}."
        )
    return pixel_weight
