"""Cross entropies and their relatives: a weighted mean over pixels each.

Their common normalisation stands in `kerasseg.losses.weighing`.
"""

from __future__ import annotations

from collections.abc import Sequence

from keras import ops

from kerasseg import UserError
from kerasseg.losses.arguments import (
    Prediction,
    check_numbers,
    class_vector,
    divide_or_zero,
    target_and_prediction,
)
from kerasseg.losses.weighing import (
    as_pixel_weight,
    entropy_of,
    exponent_of,
    power,
    smoothed,
    weight_of,
    weighted_mean,
    wrong_of,
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
    target = smoothed(y_true, valid, label_smoothing, exclusive)
    if not exclusive:
        weight = weight_of(valid, class_weights, pixel_weight, exclusive)
        return weighted_mean(entropy_of(target, prediction), weight)
    if class_weights is not None:
        weights = class_vector(class_weights, y_true.shape[-1])
        target, y_true = target * weights, y_true * weights
    if pixel_weight is not None:
        weights = as_pixel_weight(pixel_weight, y_true, exclusive)
        target, y_true = target * weights, y_true * weights
    return divide_or_zero(
        -ops.sum(target * prediction.log_probability), ops.sum(y_true)
    )


def binary_cross_entropy(
    y_true: Tensor,
    y_pred: Tensor,
    class_weights: Sequence[float] | None = None,
    *,
    pixel_weight: Tensor | None = None,
    pos_weight: float | Sequence[float] = 1.0,
    label_smoothing: float = 0.0,
    exclusive: bool = True,
) -> Tensor:
    """Weighted mean of -w y log p - (1 - y) log(1 - p), p = sigmoid(logits).

    Of every class by itself, also where they exclude each other: then each is asked
    against all others, and the largest logit still answers. Where the classes overlap
    it is `cross_entropy` with one more option, that of PyTorch's BCEWithLogitsLoss.

    Args:
        y_true: (B, ..., C) target y, hard or soft, see `kerasseg.losses`.
        y_pred: (B, ..., C) logits.
        class_weights, exclusive: as in `cross_entropy`.
        pixel_weight: (B, ...), or (B, ..., C).
        pos_weight: w, a number or C of them: how much more the pixels count where the
            class is. It stays out of the divisor, as in PyTorch.
        label_smoothing: s in [0, 1): the target becomes (1 - s) y + s / 2.

    Returns:
        A scalar float32, 0 or more.

    Raises:
        UserError: as `cross_entropy`, and unless `pos_weight` is C numbers of 0 or
            more.

    >>> import numpy as np
    >>> from kerasseg import losses
    >>> y_true, logits = np.eye(2)[None], np.zeros((1, 2, 2))
    >>> float(losses.binary_cross_entropy(y_true, logits))  # log 2
    0.693147
    """
    y_true, valid, prediction = target_and_prediction(y_true, y_pred, exclusive)
    if exclusive:
        valid = valid * ops.ones_like(y_true)
        prediction = Prediction(prediction.logits, exclusive=False)
    target = smoothed(y_true, valid, label_smoothing, exclusive=False)
    if isinstance(pos_weight, int | float):
        check_numbers(pos_weight=pos_weight)
        present = pos_weight * target
    else:
        present = class_vector(pos_weight, y_true.shape[-1], "pos_weight") * target
    log_absent = (1 - target) * prediction.log_complement
    loss = -(present * prediction.log_probability + log_absent)
    weight = weight_of(valid, class_weights, pixel_weight, exclusive=False)
    return weighted_mean(loss, weight)


def focal(
    y_true: Tensor,
    y_pred: Tensor,
    class_weights: Sequence[float] | None = None,
    *,
    pixel_weight: Tensor | None = None,
    gamma: float | Sequence[float] = 2.0,
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
        gamma: how much less well classified pixels count; 0 is cross entropy. Also C
            numbers, one for each class: that of a pixel's true class.
        alpha: of classes that overlap: a factor of the pixels where the class is, and
            1 - alpha that of the others (eq. 5). It stays out of the divisor. The
            paper, torchvision and smp take 0.25, here none is the default.
        exclusive: False where the classes overlap.

    Returns:
        A scalar float32, 0 or more.

    Raises:
        UserError: as `cross_entropy`, when `gamma` is negative, and when `alpha` is not
            0 to 1 or the classes are exclusive.
    """
    if alpha is not None and (exclusive or not 0 <= alpha <= 1):
        raise UserError(
            f"alpha must be 0 to 1 and goes with exclusive=False, got {alpha} with "
            f"exclusive={exclusive}. For exclusive classes set class_weights."
        )
    y_true, valid, prediction = target_and_prediction(y_true, y_pred, exclusive)
    entropy = entropy_of(y_true, prediction)
    exponent = exponent_of(gamma, y_true, exclusive)
    loss = power(wrong_of(y_true, entropy, prediction), exponent) * entropy
    if alpha is not None:
        loss = loss * (alpha * y_true + (1 - alpha) * (1 - y_true))
    labelled = y_true if exclusive else valid
    weight = weight_of(labelled, class_weights, pixel_weight, exclusive)
    return weighted_mean(loss, weight)


def poly1(
    y_true: Tensor,
    y_pred: Tensor,
    class_weights: Sequence[float] | None = None,
    *,
    pixel_weight: Tensor | None = None,
    epsilon: float = 1.0,
    gamma: float | Sequence[float] = 0.0,
    exclusive: bool = True,
) -> Tensor:
    """Weighted mean of -(1 - p)^gamma log p + epsilon (1 - p)^(gamma + 1).

    Leng et al. 2022 (PolyLoss), eq. 5 and 6: cross entropy, or with a gamma the focal
    loss, with the first coefficient of its expansion in 1 - p changed. p is as in
    `focal`.

    Args:
        y_true, y_pred, class_weights, pixel_weight, gamma, exclusive: as in `focal`.
        epsilon: what the first coefficient gains, above -1. 0 gives `focal`.

    Returns:
        A scalar float32, 0 or more.

    Raises:
        UserError: as `focal`, and when `epsilon` is -1 or less or not finite.

    >>> import numpy as np
    >>> from kerasseg import losses
    >>> float(losses.poly1(np.eye(2)[None], np.zeros((1, 2, 2))))  # log 2 + 1 / 2
    1.193147
    """
    if not -1 < epsilon < float("inf"):
        raise UserError(f"epsilon must be a finite number above -1, got {epsilon}.")
    y_true, valid, prediction = target_and_prediction(y_true, y_pred, exclusive)
    entropy = entropy_of(y_true, prediction)
    exponent = exponent_of(gamma, y_true, exclusive)
    wrong = wrong_of(y_true, entropy, prediction)
    loss = power(wrong, exponent) * (entropy + epsilon * wrong)
    labelled = y_true if exclusive else valid
    weight = weight_of(labelled, class_weights, pixel_weight, exclusive)
    return weighted_mean(loss, weight)
