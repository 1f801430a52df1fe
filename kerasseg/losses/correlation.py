"""Loss on the correlation of two masks, which also counts what is rightly absent."""

from __future__ import annotations

from collections.abc import Sequence

from keras import ops

from kerasseg.losses.arguments import (
    check_numbers,
    divide_or_zero,
    target_and_prediction,
)
from kerasseg.losses.regions import reduced_over_classes, region_sum
from kerasseg.taxonomy import Tensor


def mcc(
    y_true: Tensor,
    y_pred: Tensor,
    epsilon: float = 1e-12,
    *,
    per_image: bool = True,
    background: bool = True,
    present_only: bool = False,
    class_weights: Sequence[float] | None = None,
    reduction: str = "mean",
    exclusive: bool = True,
) -> Tensor:
    """1 - mean of Matthews' correlation coefficient of every class.

    (TP TN - FP FN) / sqrt((TP + FP) (TP + FN) (TN + FP) (TN + FN)) with soft counts,
    as shares of the labelled pixels (Abhishek and Hamarneh 2021, eq. 3 to 5). A class
    that is all or nothing in the target costs 1, and 0 if it is met exactly, as in
    MONAI; add `cross_entropy`, which teaches where it is not.

    Args:
        y_true: (B, ..., C) target, see `kerasseg.losses`.
        y_pred: (B, ..., C) logits; p is their softmax or sigmoid.
        epsilon: added under the root.
        per_image, background, present_only, class_weights, reduction, exclusive: as in
            `soft_dice`. smp's MCCLoss is that of per_image=False.

    Returns:
        A scalar float32 from 0 (perfect) over 1 (chance) to 2 (all wrong), or as in
        `soft_dice`.

    Raises:
        UserError: as `soft_dice`.

    >>> import numpy as np
    >>> from kerasseg import losses
    >>> y_true = np.eye(2)[[[0, 0, 1, 1]]]
    >>> surely = 100 * np.eye(2)[[[0, 1, 1, 1]]]  # (2 1 - 1 0) / sqrt(3 2 2 1)
    >>> float(losses.mcc(y_true, surely))
    0.42265
    """
    check_numbers(epsilon=epsilon)
    y_true, valid, prediction = target_and_prediction(y_true, y_pred, exclusive)
    p, absent = prediction.probability, valid - y_true  # of soft labels, too
    not_p = 1 - p if exclusive else prediction.complement

    def share(x):
        return divide_or_zero(region_sum(x * valid, per_image, background), count)

    count = region_sum(valid * ops.ones_like(y_true), per_image, background)
    found, rightly_absent = share(p * y_true), share(not_p * absent)
    spurious, missed = share(p * absent), share(not_p * y_true)
    product = (found + spurious) * (found + missed)
    product = product * (rightly_absent + spurious) * (rightly_absent + missed)
    covariance = found * rightly_absent - spurious * missed
    loss = 1 - covariance / ops.sqrt(product + epsilon)
    # Nothing is wrong, and yet the root vanishes where the class is all or nothing.
    loss = ops.where(spurious + missed <= 0, 0.0, loss)
    true = region_sum(y_true, per_image, background)
    return reduced_over_classes(
        loss, true, background, present_only, class_weights, reduction
    )
