"""Tversky losses: Dice's relatives that weigh false positives against false negatives.

They share their options and what they compare with `kerasseg.losses.overlap`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from keras import ops

from kerasseg import UserError
from kerasseg.losses.arguments import check_numbers
from kerasseg.losses.regions import index_loss
from kerasseg.taxonomy import Tensor


def tversky(
    y_true: Tensor,
    y_pred: Tensor,
    alpha: float = 0.3,
    beta: float = 0.7,
    epsilon: float = 1e-6,
    *,
    from_logits: bool = True,
    per_image: bool = True,
    background: bool = True,
    present_only: bool = False,
    class_weights: Sequence[float] | None = None,
    soft_labels: bool = False,
    log: bool = False,
    reduction: str = "mean",
    exclusive: bool = True,
) -> Tensor:
    """1 - mean of TP / (TP + alpha FP + beta FN).

    TP = sum pg, FP = sum p (1 - g), FN = sum (1 - p) g (Salehi et al. 2017, eq. 2).
    alpha = beta = 0.5 is the plain Dice, alpha = beta = 1 Jaccard.

    Args:
        y_true: (B, ..., C) target g, see `kerasseg.losses`.
        y_pred: (B, ..., C) logits; p is their softmax or sigmoid.
        alpha: weight of false positives.
        beta: weight of false negatives.
        epsilon, from_logits, per_image, background, present_only, class_weights: as in
            `soft_dice`.
        soft_labels, log, reduction, exclusive: as in `soft_dice`.

    Returns:
        A scalar float32 from 0 (perfect) to 1, or as in `soft_dice`.

    Raises:
        UserError: as `soft_dice`.
    """
    return index_loss(
        y_true,
        y_pred,
        _index(alpha, beta, epsilon),
        from_logits=from_logits,
        per_image=per_image,
        background=background,
        present_only=present_only,
        class_weights=class_weights,
        soft_labels=soft_labels,
        log=log,
        reduction=reduction,
        exclusive=exclusive,
    )


def focal_tversky(
    y_true: Tensor,
    y_pred: Tensor,
    alpha: float = 0.3,
    beta: float = 0.7,
    gamma: float = 4 / 3,
    epsilon: float = 1e-6,
    *,
    from_logits: bool = True,
    per_image: bool = True,
    background: bool = True,
    present_only: bool = False,
    class_weights: Sequence[float] | None = None,
    soft_labels: bool = False,
    log: bool = False,
    reduction: str = "mean",
    exclusive: bool = True,
) -> Tensor:
    """Mean of (1 - Tversky index)^(1 / gamma).

    Abraham and Khan 2019, eq. 4. The paper names alpha and beta the other way round.

    Args:
        y_true: (B, ..., C) target g, see `kerasseg.losses`.
        y_pred: (B, ..., C) logits; p is their softmax or sigmoid.
        alpha: weight of false positives, as in `tversky`.
        beta: weight of false negatives.
        gamma: 1 to 3, the inverse of the exponent. (Many implementations call the
            exponent gamma.)
        epsilon, from_logits, per_image, background, present_only, class_weights: as in
            `soft_dice`.
        soft_labels, log, reduction, exclusive: as in `soft_dice`.

    Returns:
        A scalar float32 from 0 (perfect) to 1, or as in `soft_dice`.

    Raises:
        UserError: as `soft_dice`.
    """

    if not 0 < gamma < math.inf:
        raise UserError(f"gamma must be a finite number above 0, got {gamma}.")

    def focus(loss):
        # A power below 1 has an infinite slope at 0, where nothing is left to learn.
        tiny = 1e-7
        return ops.where(loss <= tiny, 0.0, ops.maximum(loss, tiny) ** (1 / gamma))

    return index_loss(
        y_true,
        y_pred,
        _index(alpha, beta, epsilon),
        focus=focus,
        from_logits=from_logits,
        per_image=per_image,
        background=background,
        present_only=present_only,
        class_weights=class_weights,
        soft_labels=soft_labels,
        log=log,
        reduction=reduction,
        exclusive=exclusive,
    )


def _index(
    alpha: float, beta: float, epsilon: float
) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    check_numbers(alpha=alpha, beta=beta, epsilon=epsilon)

    def index(overlap, predicted, true):
        wrong = alpha * (predicted - overlap) + beta * (true - overlap)
        return (overlap + epsilon) / (overlap + wrong + epsilon)

    return index
