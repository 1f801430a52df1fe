"""Losses on the overlap of two regions: Dice and its relatives.

All compare, for every class of every image, the region of the target g with the region
of the probabilities p, and return the mean. Probabilities under ignored pixels are set
to zero first, so an ignored pixel belongs to neither region. Sums are over pixels.
Where the classes overlap p is a sigmoid, and every class is compared by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from keras import ops

from kerasseg.losses.arguments import check_numbers
from kerasseg.losses.regions import index_loss, reduced_over_images, regions
from kerasseg.taxonomy import Tensor


def soft_dice(
    y_true: Tensor,
    y_pred: Tensor,
    squared: bool = True,
    epsilon: float = 1e-6,
    from_logits: bool = True,
    *,
    per_image: bool = True,
    background: bool = True,
    present_only: bool = False,
    class_weights: Sequence[float] | None = None,
    soft_labels: bool = False,
    log: bool = False,
    reduction: str = "mean",
    exclusive: bool = True,
) -> Tensor:
    """1 - mean of (2 sum pg + epsilon) / (sum p^2 + sum g^2 + epsilon).

    Milletari et al. 2016 (V-Net), section 3.

    Args:
        y_true: (B, ..., C) target g, see `kerasseg.losses`.
        y_pred: (B, ..., C) logits; p is their softmax or sigmoid.
        squared: False takes the plain sums, sum p + sum g, as the denominator
            (Drozdzal et al. 2016).
        epsilon: added on both sides of the fraction. A class neither present nor
            predicted thus costs 0; one that is absent but predicted costs almost 1,
            however little of it is predicted.
        from_logits: False if `y_pred` holds probabilities already.
        per_image: False takes the sums over the whole batch. Small classes are often
            absent from single images, which makes the loss per image jump.
        background: False leaves class 0 out.
        present_only: True takes the mean over the classes that occur in the target.
        class_weights: C numbers, of the weighted mean over the classes.
        soft_labels: True where the target holds numbers between 0 and 1 and `squared`
            is False: p = g then costs 0 (Wang et al. 2023), as always in smp.
        log: True takes -log of the fraction in place of 1 - the fraction.
        reduction: "mean"; "none" gives the loss of every class of every image, (B, C),
            or (1, C) over the batch, times its class weight, and 0 for what
            `present_only` leaves out; "sum" their sum. The mean of "none" is MONAI's
            weighted mean, and with `present_only` smp's.
        exclusive: False where the classes overlap.

    Returns:
        A scalar float32 from 0 (perfect) to 1, or as `reduction` and `log` say.

    Raises:
        UserError: when the shapes are not (B, ..., C), or an option is not as above.

    >>> import numpy as np
    >>> from kerasseg import losses
    >>> y_true = np.eye(2)[[[0, 1, 1]]]
    >>> p = np.array([[[0.5, 0.5], [0.5, 0.5], [0.0, 1.0]]])
    >>> # class 0: 2 * 0.5 / (0.5 + 1), class 1: 2 * 1.5 / (1.5 + 2)
    >>> float(losses.soft_dice(y_true, p, from_logits=False))
    0.238095
    """

    check_numbers(epsilon=epsilon)

    def index(overlap, predicted, true):
        return (2 * overlap + epsilon) / (predicted + true + epsilon)

    return index_loss(
        y_true,
        y_pred,
        index,
        squared=squared,
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


def generalised_dice(
    y_true: Tensor,
    y_pred: Tensor,
    epsilon: float = 1e-6,
    *,
    from_logits: bool = True,
    per_image: bool = True,
    background: bool = True,
    soft_labels: bool = False,
    reduction: str = "mean",
    exclusive: bool = True,
) -> Tensor:
    """1 - 2 sum_c w_c sum pg / sum_c w_c (sum p + sum g), w_c = 1 / (sum g)^2.

    Sudre et al. 2017: small classes weigh as much as large ones. The weights are
    taken relative to that of the smallest class present, which changes nothing but
    keeps them from vanishing beside epsilon; an absent class weighs as much as that.

    Args:
        y_true: (B, ..., C) target g, see `kerasseg.losses`.
        y_pred: (B, ..., C) logits; p is their softmax or sigmoid.
        epsilon, from_logits, per_image, background, soft_labels, exclusive: as in
            `soft_dice`.
        reduction: "mean" over the images, "sum", or "none", which gives (B,).

    Returns:
        A scalar float32 from 0 (perfect) to 1, or as `reduction` says.

    Raises:
        UserError: as `soft_dice`.
    """
    check_numbers(epsilon=epsilon)
    overlap, predicted, true = regions(
        y_true,
        y_pred,
        from_logits=from_logits,
        per_image=per_image,
        background=background,
        soft_labels=soft_labels,
        exclusive=exclusive,
    )
    present = true > 0
    smallest = ops.min(ops.where(present, true, 1e30), axis=-1, keepdims=True)
    weight = ops.where(present, (smallest / ops.maximum(true, 1e-6)) ** 2, 1.0)
    overlap = ops.sum(weight * overlap, axis=-1)  # (B,)
    size = ops.sum(weight * (predicted + true), axis=-1)
    dice = (2 * overlap + epsilon) / (size + epsilon)
    return reduced_over_images(1 - dice, reduction)


def jaccard(
    y_true: Tensor,
    y_pred: Tensor,
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
    """1 - mean of sum pg / (sum p + sum g - sum pg), the soft intersection over union.

    Rahman and Wang 2016.

    Args:
        y_true: (B, ..., C) target g, see `kerasseg.losses`.
        y_pred: (B, ..., C) logits; p is their softmax or sigmoid.
        epsilon, from_logits, per_image, background, present_only, class_weights: as in
            `soft_dice`.
        soft_labels, log, reduction, exclusive: as in `soft_dice`.

    Returns:
        A scalar float32 from 0 (perfect) to 1, or as in `soft_dice`.

    Raises:
        UserError: as `soft_dice`.
    """

    check_numbers(epsilon=epsilon)

    def index(overlap, predicted, true):
        return (overlap + epsilon) / (predicted + true - overlap + epsilon)

    return index_loss(
        y_true,
        y_pred,
        index,
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
