"""Losses on the overlap of two regions: Dice and its relatives.

All take a one-hot target (B, ..., C), all-zero where ignored, and logits of the same
shape, and return a scalar float32. Probabilities under ignored pixels are set to zero
first, so an ignored pixel belongs to neither region. Regions are compared for every
class of every image, then follows the plain mean. Options they share:

epsilon: added on both sides of the fraction. A class neither present nor predicted
    thus costs 0; one that is absent but predicted costs almost 1, however little of
    it is predicted.
per_image: False takes the sums over the whole batch. Small classes are often absent
    from single images, which makes the loss per image jump.
background: False leaves class 0 out.
present_only: True takes the mean over the classes that occur in the target.
"""

from __future__ import annotations

from keras import ops

from kerasseg.losses.prediction import (
    ratio,
    spatial_axes,
    target_and_prediction,
    valid_pixels,
)


def soft_dice(
    y_true,
    y_pred,
    squared=True,
    epsilon=1e-6,
    from_logits=True,
    *,
    per_image=True,
    background=True,
    present_only=False,
):
    """1 - mean of (2 sum pg + epsilon) / (sum p^2 + sum g^2 + epsilon).

    squared: this denominator of V-Net (Milletari et al. 2016); False takes the plain
    sums, sum p + sum g, of Drozdzal et al. 2016.
    from_logits: False if y_pred holds probabilities already.
    """
    y_true, prediction = target_and_prediction(y_true, y_pred)
    p = prediction.probability if from_logits else prediction.logits
    p_size, y_size = (ops.square(p), ops.square(y_true)) if squared else (p, y_true)
    overlap = _region(p * y_true, per_image, background)
    predicted = _region(_masked(p_size, y_true), per_image, background)
    true = _region(y_size, per_image, background)
    dice = (2 * overlap + epsilon) / (predicted + true + epsilon)
    return _mean(1 - dice, true, present_only)


def generalised_dice(y_true, y_pred, epsilon=1e-6, *, per_image=True, background=True):
    """1 - 2 sum_c w_c sum pg / sum_c w_c (sum p + sum g), w_c = 1 / (sum g)^2.

    Sudre et al. 2017: small classes weigh as much as large ones. The weights are
    taken relative to that of the smallest class present, which changes nothing but
    keeps them from vanishing beside epsilon; an absent class weighs as much as that.
    """
    overlap, predicted, true = _regions(y_true, y_pred, per_image, background)
    present = true > 0
    smallest = ops.min(ops.where(present, true, 1e30), axis=-1, keepdims=True)
    weight = ops.where(present, (smallest / ops.maximum(true, 1e-6)) ** 2, 1.0)
    overlap = ops.sum(weight * overlap, axis=-1)  # (B,)
    size = ops.sum(weight * (predicted + true), axis=-1)
    return ops.mean(1 - (2 * overlap + epsilon) / (size + epsilon))


def jaccard(
    y_true,
    y_pred,
    epsilon=1e-6,
    *,
    per_image=True,
    background=True,
    present_only=False,
):
    """1 - mean of sum pg / (sum p + sum g - sum pg), the soft intersection over union.

    Rahman and Wang 2016.
    """
    overlap, predicted, true = _regions(y_true, y_pred, per_image, background)
    index = (overlap + epsilon) / (predicted + true - overlap + epsilon)
    return _mean(1 - index, true, present_only)


def tversky(
    y_true,
    y_pred,
    alpha=0.3,
    beta=0.7,
    epsilon=1e-6,
    *,
    per_image=True,
    background=True,
    present_only=False,
):
    """1 - mean of TP / (TP + alpha FP + beta FN), soft counts.

    Salehi et al. 2017, eq. 2: alpha weighs false positives, beta false negatives.
    alpha = beta = 0.5 is the plain Dice, alpha = beta = 1 Jaccard.
    """
    overlap, predicted, true = _regions(y_true, y_pred, per_image, background)
    index = _tversky_index(overlap, predicted, true, alpha, beta, epsilon)
    return _mean(1 - index, true, present_only)


def focal_tversky(
    y_true,
    y_pred,
    alpha=0.3,
    beta=0.7,
    gamma=4 / 3,
    epsilon=1e-6,
    *,
    per_image=True,
    background=True,
    present_only=False,
):
    """Mean of (1 - Tversky index)^(1 / gamma).

    Abraham and Khan 2019, eq. 4, with gamma in [1, 3]; the exponent is its inverse.
    (Many implementations call the exponent gamma.) alpha weighs false positives,
    beta false negatives, as in `tversky`; the paper names them the other way round.
    """
    overlap, predicted, true = _regions(y_true, y_pred, per_image, background)
    loss = 1 - _tversky_index(overlap, predicted, true, alpha, beta, epsilon)
    # A power below 1 has an infinite slope at 0, where nothing is left to learn.
    tiny = 1e-7
    powered = ops.maximum(loss, tiny) ** (1 / gamma)
    return _mean(ops.where(loss > tiny, powered, 0.0), true, present_only)


def _tversky_index(overlap, predicted, true, alpha, beta, epsilon):
    wrong = alpha * (predicted - overlap) + beta * (true - overlap)
    return (overlap + epsilon) / (overlap + wrong + epsilon)


def _regions(y_true, y_pred, per_image, background):
    """Soft sizes of overlap, predicted and true region, (B, C) or (1, C)."""
    y_true, prediction = target_and_prediction(y_true, y_pred)
    p = prediction.probability
    return tuple(
        _region(x, per_image, background)
        for x in (p * y_true, _masked(p, y_true), y_true)
    )


def _masked(p, y_true):
    return p * ops.expand_dims(valid_pixels(y_true), -1)


def _region(x, per_image, background):
    """Sum over all pixels: (B, ..., C) -> (B, C), or (1, C) over the batch.

    One axis after the other: TensorFlow on a CPU adds the pixels of a channel one by
    one to a float32, which is off by 4e-4 after 1024 x 1024 pixels.
    """
    for axis in reversed(spatial_axes(x)):
        x = ops.sum(x, axis=axis)
    if not per_image:
        x = ops.sum(x, axis=0, keepdims=True)
    return x if background else x[:, 1:]


def _mean(loss, true, present_only):
    """Mean over images and classes of (B, C) losses."""
    if not present_only:
        return ops.mean(loss)
    present = ops.cast(true > 0, "float32")
    return ratio(ops.sum(loss * present), ops.sum(present))
