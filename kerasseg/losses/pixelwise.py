"""Losses that are a weighted mean over pixels: cross entropy, focal, hard pixels.

They share one normalisation: with the weight of a pixel
w(x) = class_weights[class of x] * pixel_weight(x), each loss is

    sum over labelled x of w(x) loss(x)  /  sum over labelled x of w(x)

as PyTorch's CrossEntropyLoss(weight=...) does it. So weights shift the emphasis and
not the size of the loss, a weight of 0 is the same as "ignored", and a batch in which
everything is ignored costs 0. Where the classes overlap, both sums go over the pixels
of all classes, and w(x, c) = class_weights[c] * pixel_weight(x).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from keras import ops

from kerasseg import UserError
from kerasseg.losses.arguments import (
    Prediction,
    class_vector,
    divide_or_zero,
    target_and_prediction,
)
from kerasseg.taxonomy import Tensor


def cross_entropy(
    y_true: Tensor,
    y_pred: Tensor,
    class_weights: Sequence[float] | None = None,
    *,
    pixel_weight: Tensor | None = None,
    label_smoothing: float = 0.0,
    exclusive: bool = True,
) -> Tensor:
    """Weighted mean of -log softmax(logits)[true class] over the labelled pixels.

    Ronneberger et al. 2015 (U-Net), eq. 1, whose printed energy lacks the minus sign.
    Where the classes overlap: the binary cross entropy -y log p - (1 - y) log(1 - p)
    of p = sigmoid(logits).

    Args:
        y_true: (B, ..., C) target y, see `kerasseg.losses`.
        y_pred: (B, ..., C) logits.
        class_weights: C numbers, for example by median frequency.
        pixel_weight: (B, ...), for example from `kerasseg.border.border_weights`. Where
            the classes overlap also (B, ..., C).
        label_smoothing: s in [0, 1). The target becomes (1 - s) y + s / C on labelled
            pixels (Szegedy et al. 2016, section 7) and stays zero on ignored ones. With
            class weights the smoothed classes carry their own weights, and the divisor
            stays that of the true classes, as in PyTorch. Where the classes overlap the
            target becomes (1 - s) y + s / 2, as in Keras' BinaryCrossentropy.
        exclusive: False where the classes overlap.

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
    y_true, valid, prediction = target_and_prediction(y_true, y_pred, exclusive)
    target = y_true
    if label_smoothing:
        target = _smoothed(y_true, valid, label_smoothing, exclusive)
    if not exclusive:
        weight = _weight(valid, class_weights, pixel_weight, exclusive)
        return _weighted_mean(_entropy(target, prediction), weight)
    if class_weights is not None:
        weights = class_vector(class_weights, y_true.shape[-1])
        target, y_true = target * weights, y_true * weights
    if pixel_weight is not None:
        weights = _checked(pixel_weight, y_true, exclusive)
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
    alpha: float | None = None,
    exclusive: bool = True,
) -> Tensor:
    """Weighted mean of -(1 - p)^gamma log p, p = softmax(logits)[true class].

    Lin et al. 2017 (RetinaNet), eq. 4, for several classes. Where the classes overlap,
    p is sigmoid(logits) where the class is and 1 - sigmoid(logits) where it is not; of
    a soft target y it is the mean of both, and log p the binary cross entropy, as in
    torchvision.

    Args:
        y_true: (B, ..., C) target, see `kerasseg.losses`.
        y_pred: (B, ..., C) logits.
        class_weights: C numbers; of exclusive classes the alpha of the paper's eq. 5.
        pixel_weight: (B, ...). Where the classes overlap also (B, ..., C).
        gamma: how much less well classified pixels count; 0 is cross entropy.
        alpha: of classes that overlap: a factor of the pixels where the class is, and
            1 - alpha that of the others (eq. 5). It stays out of the divisor. The
            paper, torchvision and smp take 0.25, here none is the default.
        exclusive: False where the classes overlap.

    Returns:
        A scalar float32, 0 or more.

    Raises:
        UserError: as `cross_entropy`, and when `alpha` is not 0 to 1 or the classes are
            exclusive.
    """
    if alpha is not None and (exclusive or not 0 <= alpha <= 1):
        raise UserError(
            f"alpha must be 0 to 1 and goes with exclusive=False, got {alpha} with "
            f"exclusive={exclusive}. For exclusive classes set class_weights."
        )
    y_true, valid, prediction = target_and_prediction(y_true, y_pred, exclusive)
    entropy = _entropy(y_true, prediction)
    if exclusive:
        wrong = -ops.expm1(-entropy)
    else:
        wrong = y_true * prediction.complement + (1 - y_true) * prediction.probability
    # The floor keeps the gradient of the power finite at p = 1.
    loss = ops.maximum(wrong, 1e-12) ** gamma * entropy
    if alpha is not None:
        loss = loss * (alpha * y_true + (1 - alpha) * (1 - y_true))
    labelled = y_true if exclusive else valid
    weight = _weight(labelled, class_weights, pixel_weight, exclusive)
    return _weighted_mean(loss, weight)


def ohem(
    y_true: Tensor,
    y_pred: Tensor,
    class_weights: Sequence[float] | None = None,
    *,
    pixel_weight: Tensor | None = None,
    threshold: float = 0.7,
    fraction: float = 0.1,
    exclusive: bool = True,
) -> Tensor:
    """Cross entropy over the hard pixels only (online hard example mining).

    Hard are the labelled pixels whose true class has a probability of at most
    `threshold`, and in any case the hardest `fraction` of the labelled pixels in the
    batch (Shrivastava et al. 2016; for pixels Wu et al. 2016). Pixels as hard as the
    last of these are all kept. Hardness is judged before weights. Needs one sort of all
    pixels of the batch. Where the classes overlap it chooses among the pixels of all
    classes by their binary cross entropy.

    Args:
        y_true: (B, ..., C) target, see `kerasseg.losses`.
        y_pred: (B, ..., C) logits.
        class_weights: C numbers.
        pixel_weight: (B, ...). Where the classes overlap also (B, ..., C).
        threshold: a probability, 0 to 1; 0 gives the top-k cross entropy.
        fraction: of the labelled pixels, above 0 and up to 1.
        exclusive: False where the classes overlap.

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
    y_true, valid, prediction = target_and_prediction(y_true, y_pred, exclusive)
    loss = _entropy(y_true, prediction)
    hardness = ops.stop_gradient(ops.where(valid > 0, loss, -1.0))
    kept = ops.ceil(fraction * ops.sum(valid))
    last = ops.cast(ops.maximum(kept, 1.0), "int32") - 1
    limit = -ops.take(ops.sort(ops.reshape(-hardness, (-1,))), last)
    if threshold > 0:
        limit = ops.minimum(limit, -math.log(threshold))
    hard = ops.cast(hardness >= limit, "float32")
    labelled = y_true if exclusive else valid
    weight = _weight(labelled, class_weights, pixel_weight, exclusive)
    return _weighted_mean(loss, hard * weight)


def _entropy(y_true: Tensor, prediction: Prediction) -> Tensor:
    """Cross entropy of every pixel, (B, ..., 1), or of every class too, (B, ..., C)."""
    if prediction.exclusive:
        return -ops.sum(y_true * prediction.log_probability, axis=-1, keepdims=True)
    return -(
        y_true * prediction.log_probability + (1 - y_true) * prediction.log_complement
    )


def _smoothed(
    y_true: Tensor, valid: Tensor, label_smoothing: float, exclusive: bool
) -> Tensor:
    if not 0 <= label_smoothing < 1:
        raise UserError(f"label_smoothing must be in [0, 1), got {label_smoothing}.")
    share = label_smoothing / (y_true.shape[-1] if exclusive else 2)
    return (1 - label_smoothing) * y_true + share * valid


def _weight(
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
        weight = weight * _checked(pixel_weight, labelled, exclusive)
    return weight


def _weighted_mean(loss: Tensor, weight: Tensor) -> Tensor:
    return divide_or_zero(ops.sum(loss * weight), ops.sum(weight))


def _checked(pixel_weight: Tensor, y_true: Tensor, exclusive: bool) -> Tensor:
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
