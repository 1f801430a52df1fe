"""Cross entropy of the hardest pixels alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

from keras import ops

from kerasseg import UserError
from kerasseg.losses.arguments import target_and_prediction
from kerasseg.losses.weighing import entropy_of, weight_of, weighted_mean
from kerasseg.taxonomy import Tensor


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
        threshold: a probability, 0 to 1; 0 gives `top_k`.
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
    loss = entropy_of(y_true, prediction)
    hardness = ops.stop_gradient(ops.where(valid > 0, loss, -1.0))
    kept = ops.ceil(fraction * ops.sum(valid))
    last = ops.cast(ops.maximum(kept, 1.0), "int32") - 1
    limit = -ops.take(ops.sort(ops.reshape(-hardness, (-1,))), last)
    if threshold > 0:
        limit = ops.minimum(limit, -math.log(threshold))
    hard = ops.cast(hardness >= limit, "float32")
    labelled = y_true if exclusive else valid
    weight = weight_of(labelled, class_weights, pixel_weight, exclusive)
    return weighted_mean(loss, hard * weight)


def top_k(
    y_true: Tensor,
    y_pred: Tensor,
    class_weights: Sequence[float] | None = None,
    *,
    pixel_weight: Tensor | None = None,
    fraction: float = 0.1,
    exclusive: bool = True,
) -> Tensor:
    """Cross entropy of the hardest `fraction` of the labelled pixels of the batch.

    Wu et al. 2016; nnU-Net's TopKLoss. It is `ohem` without a threshold.

    Args:
        y_true, y_pred, class_weights, pixel_weight, exclusive: as in `ohem`.
        fraction: of the labelled pixels, above 0 and up to 1.

    Returns:
        A scalar float32, 0 or more.

    Raises:
        UserError: as `ohem`.

    >>> import numpy as np
    >>> from kerasseg import losses
    >>> y_true, p = np.eye(2)[None], np.array([[[0.5, 0.5], [0.75, 0.25]]])
    >>> float(losses.top_k(y_true, np.log(p), fraction=0.5))  # log 4
    1.386294
    """
    return ohem(
        y_true,
        y_pred,
        class_weights,
        pixel_weight=pixel_weight,
        threshold=0.0,
        fraction=fraction,
        exclusive=exclusive,
    )
