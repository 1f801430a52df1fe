"""Losses on the overlap of two regions: Dice and its relatives.

All compare, for every class of every image, the region of the target g with the region
of the probabilities p, and return the mean. Probabilities under ignored pixels are set
to zero first, so an ignored pixel belongs to neither region. Sums are over pixels.
Where the classes overlap p is a sigmoid, and every class is compared by itself.
"""

from __future__ import annotations

from keras import ops

from kerasseg import UserError
from kerasseg.losses.arguments import (
    divide_or_zero,
    spatial_axes,
    target_and_prediction,
)
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
        exclusive: False where the classes overlap.

    Returns:
        A scalar float32 from 0 (perfect) to 1.

    Raises:
        UserError: when the shapes are not (B, ..., C).

    >>> import numpy as np
    >>> from kerasseg import losses
    >>> y_true = np.eye(2)[[[0, 1, 1]]]
    >>> p = np.array([[[0.5, 0.5], [0.5, 0.5], [0.0, 1.0]]])
    >>> # class 0: 2 * 0.5 / (0.5 + 1), class 1: 2 * 1.5 / (1.5 + 2)
    >>> float(losses.soft_dice(y_true, p, from_logits=False))
    0.238095
    """
    y_true, valid, prediction = target_and_prediction(y_true, y_pred, exclusive)
    p = prediction.probability if from_logits else prediction.logits
    p_size, y_size = (ops.square(p), ops.square(y_true)) if squared else (p, y_true)
    overlap = _region(p * y_true, per_image, background)
    predicted = _region(p_size * valid, per_image, background)
    true = _region(y_size, per_image, background)
    dice = (2 * overlap + epsilon) / (predicted + true + epsilon)
    return _mean(1 - dice, true, present_only)


def generalised_dice(
    y_true: Tensor,
    y_pred: Tensor,
    epsilon: float = 1e-6,
    *,
    per_image: bool = True,
    background: bool = True,
    exclusive: bool = True,
) -> Tensor:
    """1 - 2 sum_c w_c sum pg / sum_c w_c (sum p + sum g), w_c = 1 / (sum g)^2.

    Sudre et al. 2017: small classes weigh as much as large ones. The weights are
    taken relative to that of the smallest class present, which changes nothing but
    keeps them from vanishing beside epsilon; an absent class weighs as much as that.

    Args:
        y_true: (B, ..., C) target g, see `kerasseg.losses`.
        y_pred: (B, ..., C) logits; p is their softmax or sigmoid.
        epsilon, per_image, background, exclusive: as in `soft_dice`.

    Returns:
        A scalar float32 from 0 (perfect) to 1.

    Raises:
        UserError: when the shapes are not (B, ..., C).
    """
    overlap, predicted, true = _regions(
        y_true, y_pred, per_image, background, exclusive
    )
    present = true > 0
    smallest = ops.min(ops.where(present, true, 1e30), axis=-1, keepdims=True)
    weight = ops.where(present, (smallest / ops.maximum(true, 1e-6)) ** 2, 1.0)
    overlap = ops.sum(weight * overlap, axis=-1)  # (B,)
    size = ops.sum(weight * (predicted + true), axis=-1)
    return ops.mean(1 - (2 * overlap + epsilon) / (size + epsilon))


def jaccard(
    y_true: Tensor,
    y_pred: Tensor,
    epsilon: float = 1e-6,
    *,
    per_image: bool = True,
    background: bool = True,
    present_only: bool = False,
    exclusive: bool = True,
) -> Tensor:
    """1 - mean of sum pg / (sum p + sum g - sum pg), the soft intersection over union.

    Rahman and Wang 2016.

    Args:
        y_true: (B, ..., C) target g, see `kerasseg.losses`.
        y_pred: (B, ..., C) logits; p is their softmax or sigmoid.
        epsilon, per_image, background, present_only, exclusive: as in `soft_dice`.

    Returns:
        A scalar float32 from 0 (perfect) to 1.

    Raises:
        UserError: when the shapes are not (B, ..., C).
    """
    overlap, predicted, true = _regions(
        y_true, y_pred, per_image, background, exclusive
    )
    index = (overlap + epsilon) / (predicted + true - overlap + epsilon)
    return _mean(1 - index, true, present_only)


def tversky(
    y_true: Tensor,
    y_pred: Tensor,
    alpha: float = 0.3,
    beta: float = 0.7,
    epsilon: float = 1e-6,
    *,
    per_image: bool = True,
    background: bool = True,
    present_only: bool = False,
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
        epsilon, per_image, background, present_only, exclusive: as in `soft_dice`.

    Returns:
        A scalar float32 from 0 (perfect) to 1.

    Raises:
        UserError: when the shapes are not (B, ..., C).
    """
    overlap, predicted, true = _regions(
        y_true, y_pred, per_image, background, exclusive
    )
    index = _tversky_index(overlap, predicted, true, alpha, beta, epsilon)
    return _mean(1 - index, true, present_only)


def focal_tversky(
    y_true: Tensor,
    y_pred: Tensor,
    alpha: float = 0.3,
    beta: float = 0.7,
    gamma: float = 4 / 3,
    epsilon: float = 1e-6,
    *,
    per_image: bool = True,
    background: bool = True,
    present_only: bool = False,
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
        epsilon, per_image, background, present_only, exclusive: as in `soft_dice`.

    Returns:
        A scalar float32 from 0 (perfect) to 1.

    Raises:
        UserError: when the shapes are not (B, ..., C).
    """
    overlap, predicted, true = _regions(
        y_true, y_pred, per_image, background, exclusive
    )
    loss = 1 - _tversky_index(overlap, predicted, true, alpha, beta, epsilon)
    # A power below 1 has an infinite slope at 0, where nothing is left to learn.
    tiny = 1e-7
    powered = ops.maximum(loss, tiny) ** (1 / gamma)
    return _mean(ops.where(loss > tiny, powered, 0.0), true, present_only)


def _tversky_index(
    overlap: Tensor,
    predicted: Tensor,
    true: Tensor,
    alpha: float,
    beta: float,
    epsilon: float,
) -> Tensor:
    wrong = alpha * (predicted - overlap) + beta * (true - overlap)
    return (overlap + epsilon) / (overlap + wrong + epsilon)


def _regions(
    y_true: Tensor, y_pred: Tensor, per_image: bool, background: bool, exclusive: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Soft sizes of overlap, predicted and true region, (B, C) or (1, C)."""
    y_true, valid, prediction = target_and_prediction(y_true, y_pred, exclusive)
    p = prediction.probability
    overlap, predicted, true = (
        _region(x, per_image, background) for x in (p * y_true, p * valid, y_true)
    )
    return overlap, predicted, true


def _region(x: Tensor, per_image: bool, background: bool) -> Tensor:
    """Sum over all pixels: (B, ..., C) -> (B, C), or (1, C) over the batch.

    One axis after the other: TensorFlow on a CPU adds the pixels of a channel one by
    one to a float32, which is off by 4e-4 after 1024 x 1024 pixels.
    """
    for axis in reversed(spatial_axes(x)):
        x = ops.sum(x, axis=axis)
    if not per_image:
        x = ops.sum(x, axis=0, keepdims=True)
    if background:
        return x
    if x.shape[-1] == 1:
        raise UserError(
            "background=False leaves class 0 out, and there is no other. Leave it True."
        )
    return x[:, 1:]


def _mean(loss: Tensor, true: Tensor, present_only: bool) -> Tensor:
    """Mean over images and classes of (B, C) losses."""
    if not present_only:
        return ops.mean(loss)
    present = ops.cast(true > 0, "float32")
    return divide_or_zero(ops.sum(loss * present), ops.sum(present))
