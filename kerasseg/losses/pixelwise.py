"""Losses that are a weighted mean over pixels: cross entropy, focal, hard pixels.

They share one normalisation: with the weight of a pixel
w(x) = class_weights[class of x] * pixel_weight(x), each loss is

    sum over labelled x of w(x) loss(x)  /  sum over labelled x of w(x)

as PyTorch's CrossEntropyLoss(weight=...) does it. So weights shift the emphasis and
not the size of the loss, a weight of 0 is the same as "ignored", and a batch in which
everything is ignored costs 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from keras import ops

from kerasseg import UserError
from kerasseg.losses.arguments import (
    class_vector,
    divide_or_zero,
    target_and_prediction,
    valid_pixels,
)
from kerasseg.taxonomy import Tensor


def cross_entropy(
    y_true: Tensor,
    y_pred: Tensor,
    class_weights: Sequence[float] | None = None,
    *,
    pixel_weight: Tensor | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Weighted mean of -log softmax(logits)[true class] over the labelled pixels.

    Ronneberger et al. 2015 (U-Net), eq. 1, whose printed energy lacks the minus sign.

    Args:
        y_true: (B, ..., C) one-hot target y, all-zero where ignored.
        y_pred: (B, ..., C) logits.
        class_weights: C numbers, for example by median frequency.
        pixel_weight: (B, ...), for example from `kerasseg.border.border_weights`.
        label_smoothing: s in [0, 1). The target becomes (1 - s) y + s / C on labelled
            pixels (Szegedy et al. 2016, section 7) and stays zero on ignored ones. With
            class weights the smoothed classes carry their own weights, and the divisor
            stays that of the true classes, as in PyTorch.

    Returns:
        A scalar float32, 0 or more. It approaches 0 as the logits of the true classes
        grow; with smoothing, the entropy of the smoothed target is the least.

    Raises:
        UserError: when a shape does not fit, a class weight is negative or not finite,
            all of them are 0, or `label_smoothing` is out of its range.

    >>> import numpy as np
    >>> from kerasseg import losses
    >>> y_true, p = np.eye(2)[None], np.array([[[0.5, 0.5], [0.75, 0.25]]])
    >>> float(losses.cross_entropy(y_true, np.log(p)))  # (log 2 + log 4) / 2
    1.039721
    """
    y_true, prediction = target_and_prediction(y_true, y_pred)
    target = _smoothed(y_true, label_smoothing) if label_smoothing else y_true
    if class_weights is not None:
        weights = class_vector(class_weights, y_true.shape[-1])
        target, y_true = target * weights, y_true * weights
    if pixel_weight is not None:
        weights = ops.expand_dims(_checked(pixel_weight, y_true), -1)
        target, y_true = target * weights, y_true * weights
    return divide_or_zero(
        -ops.sum(target * prediction.log_probability), ops.sum(y_true)
    )


def focal(
    y_true: Tensor,
    y_pred: Tensor,
    class_weights: Sequence[float] | None = None,
    *,
    pixel_weight: Tensor | None = None,
    gamma: float = 2.0,
) -> Tensor:
    """Weighted mean of -(1 - p)^gamma log p, p = softmax(logits)[true class].

    Lin et al. 2017 (RetinaNet), eq. 4, for several classes.

    Args:
        y_true: (B, ..., C) one-hot target, all-zero where ignored.
        y_pred: (B, ..., C) logits.
        class_weights: C numbers, the alpha of the paper's eq. 5.
        pixel_weight: (B, ...).
        gamma: how much less well classified pixels count; 0 is cross entropy.

    Returns:
        A scalar float32, 0 or more.

    Raises:
        UserError: as `cross_entropy`.
    """
    y_true, prediction = target_and_prediction(y_true, y_pred)
    log_p = ops.sum(y_true * prediction.log_probability, axis=-1)  # (B, ...)
    # The floor keeps the gradient of the power finite at p = 1.
    wrong = ops.maximum(-ops.expm1(log_p), 1e-12)
    loss = -(wrong**gamma) * log_p
    return _weighted_mean(loss, _weight(y_true, class_weights, pixel_weight))


def ohem(
    y_true: Tensor,
    y_pred: Tensor,
    class_weights: Sequence[float] | None = None,
    *,
    pixel_weight: Tensor | None = None,
    threshold: float = 0.7,
    fraction: float = 0.1,
) -> Tensor:
    """Cross entropy over the hard pixels only (online hard example mining).

    Hard are the labelled pixels whose true class has a probability of at most
    `threshold`, and in any case the hardest `fraction` of the labelled pixels in the
    batch (Shrivastava et al. 2016; for pixels Wu et al. 2016). Pixels as hard as the
    last of these are all kept. Hardness is judged before weights. Needs one sort of all
    pixels of the batch.

    Args:
        y_true: (B, ..., C) one-hot target, all-zero where ignored.
        y_pred: (B, ..., C) logits.
        class_weights: C numbers.
        pixel_weight: (B, ...).
        threshold: a probability, 0 to 1; 0 gives the top-k cross entropy.
        fraction: of the labelled pixels, above 0 and up to 1.

    Returns:
        A scalar float32, 0 or more.

    Raises:
        UserError: as `cross_entropy`, and when `threshold` or `fraction` is out of its
            range.
    """
    if not (0 <= threshold <= 1 and 0 < fraction <= 1):
        raise UserError(
            "ohem needs 0 <= threshold <= 1 and 0 < fraction <= 1, got threshold "
            f"{threshold} and fraction {fraction}."
        )
    y_true, prediction = target_and_prediction(y_true, y_pred)
    loss = -ops.sum(y_true * prediction.log_probability, axis=-1)  # (B, ...)
    valid = valid_pixels(y_true)
    hardness = ops.stop_gradient(ops.where(valid > 0, loss, -1.0))
    kept = ops.ceil(fraction * ops.sum(valid))
    last = ops.cast(ops.maximum(kept, 1.0), "int32") - 1
    limit = -ops.take(ops.sort(ops.reshape(-hardness, (-1,))), last)
    if threshold > 0:
        limit = ops.minimum(limit, -math.log(threshold))
    hard = ops.cast(hardness >= limit, "float32")
    return _weighted_mean(loss, hard * _weight(y_true, class_weights, pixel_weight))


def _smoothed(y_true: Tensor, label_smoothing: float) -> Tensor:
    if not 0 <= label_smoothing < 1:
        raise UserError(f"label_smoothing must be in [0, 1), got {label_smoothing}.")
    share = label_smoothing / y_true.shape[-1]
    valid = ops.expand_dims(valid_pixels(y_true), -1)
    return (1 - label_smoothing) * y_true + share * valid


def _weight(
    y_true: Tensor, class_weights: Sequence[float] | None, pixel_weight: Tensor | None
) -> Tensor:
    """(B, ...): the weight of every pixel, 0 where ignored."""
    if class_weights is not None:
        y_true = y_true * class_vector(class_weights, y_true.shape[-1])
    weight = ops.sum(y_true, axis=-1)
    if pixel_weight is not None:
        weight = weight * _checked(pixel_weight, y_true)
    return weight


def _weighted_mean(loss: Tensor, weight: Tensor) -> Tensor:
    return divide_or_zero(ops.sum(loss * weight), ops.sum(weight))


def _checked(pixel_weight: Tensor, y_true: Tensor) -> Tensor:
    """The pixel weight in float32; UserError unless it is (B, ...)."""
    pixel_weight = ops.cast(pixel_weight, "float32")
    if len(pixel_weight.shape) != len(y_true.shape) - 1:
        raise UserError(
            "Expected a pixel weight of the target's shape without the classes, "
            f"{tuple(y_true.shape[:-1])}, got {tuple(pixel_weight.shape)}."
        )
    return pixel_weight
