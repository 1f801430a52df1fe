"""Hausdorff loss: errors weighted with their distance to both borders."""

from __future__ import annotations

from collections.abc import Sequence

from keras import ops

from kerasseg import UserError
from kerasseg.losses.arguments import (
    check_numbers,
    divide_or_zero,
    target_and_prediction,
)
from kerasseg.losses.distances import (
    anywhere,
    classes_first,
    classes_last,
    to_nearest,
)
from kerasseg.losses.regions import reduced_over_classes, region_sum
from kerasseg.taxonomy import Tensor


def hausdorff(
    y_true: Tensor,
    y_pred: Tensor,
    alpha: float = 2.0,
    *,
    per_image: bool = True,
    background: bool = True,
    present_only: bool = False,
    class_weights: Sequence[float] | None = None,
    log: bool = False,
    reduction: str = "mean",
    exclusive: bool = True,
) -> Tensor:
    """Mean over labelled pixels of (p - g)^2 (d_p^alpha + d_g^alpha), for every class.

    Karimi and Salcudean 2020, eq. 8, by distance transforms: d_g is the distance to the
    border of the target, d_p to that of the prediction, cut at 1 / 2. A mask that is
    empty or fills the image has no border, and its distances are 0, as in MONAI's
    HausdorffDTLoss. Ignored pixels make no border. Meant to be added to a loss on
    regions: the distances make it large, so its weight is small, such as 0.01.

    Args:
        y_true: (B, ..., C) target g, see `kerasseg.losses`; all but B static.
        y_pred: (B, ..., C) logits; p is their softmax or sigmoid.
        alpha: how much more far errors count.
        per_image: False takes the mean over the pixels of the whole batch.
        background, present_only, class_weights: as in `soft_dice`. MONAI's default is
            background=False.
        log: True takes log(1 + the mean), MONAI's LogHausdorffDTLoss of one class.
        reduction, exclusive: as in `soft_dice`.

    Returns:
        A scalar float32, pixels^alpha, or as in `soft_dice`. No gradient flows through
        the distances.

    Raises:
        UserError: as `soft_dice`, and when `alpha` is negative or a side is not static.

    >>> import numpy as np
    >>> from kerasseg import losses
    >>> y_true = np.eye(2)[[[[0, 0, 1, 1]]]]
    >>> one_pixel_off = 100 * np.eye(2)[[[[0, 1, 1, 1]]]]
    >>> float(losses.hausdorff(y_true, one_pixel_off))  # (1 + 1) / 4
    0.5
    """
    check_numbers(alpha=alpha)
    y_true, valid, prediction = target_and_prediction(y_true, y_pred, exclusive)
    if None in y_true.shape[1:]:
        raise UserError(
            "hausdorff needs a target (B, ..., C) with static sides, got shape "
            f"{tuple(y_true.shape)}."
        )
    p, labelled = prediction.probability, valid * ops.ones_like(y_true)
    field = _field(y_true, labelled) ** alpha + _field(p, labelled) ** alpha
    error = ops.square(p - y_true) * ops.stop_gradient(field) * labelled
    count = region_sum(labelled, per_image, background)
    loss = divide_or_zero(region_sum(error, per_image, background), count)
    return reduced_over_classes(
        ops.log1p(loss) if log else loss,
        region_sum(y_true, per_image, background),
        background,
        present_only,
        class_weights,
        reduction,
    )


def _field(share: Tensor, labelled: Tensor) -> Tensor:
    """Distance of every pixel to the nearest labelled one on the other side of the
    border at 1 / 2; (B, ..., C) float32."""
    share, known = classes_first(share), classes_first(labelled) > 0
    inside = ops.logical_and(share > 0.5, known)
    outside = ops.logical_and(share <= 0.5, known)
    both = ops.logical_and(anywhere(inside), anywhere(outside))
    distance = ops.where(inside, to_nearest(outside), to_nearest(inside))
    return classes_last(ops.where(ops.logical_and(both, known), distance, 0.0))
