"""Lovasz-softmax: the convex surrogate of the mean intersection over union."""

from __future__ import annotations

from keras import ops

from kerasseg.losses.arguments import (
    divide_or_zero,
    target_and_prediction,
    valid_pixels,
)
from kerasseg.taxonomy import Tensor


def lovasz_softmax(
    y_true: Tensor, y_pred: Tensor, *, per_image: bool = False
) -> Tensor:
    """Mean over the classes present of the Lovasz extension of their Jaccard loss.

    For each class: the errors |g - p| of all labelled pixels, sorted from large to
    small, times what each adds to 1 - intersection / union when the pixels are taken
    to be wrong in this order (Berman et al. 2018, eq. 9 and algorithm 1). Sorts all
    pixels once for each class.

    Args:
        y_true: (B, ..., C) one-hot (hard) target g, all-zero where ignored.
        y_pred: (B, ..., C) logits; p is their softmax.
        per_image: True takes each image by itself and averages. False sorts the batch
            as one picture.

    Returns:
        A scalar float32. It is 1 - mean IoU where all p are 0 or 1.

    Raises:
        UserError: when the shapes are not (B, ..., C).

    >>> import numpy as np
    >>> from kerasseg import losses
    >>> y_true = np.eye(2)[[[0, 0, 1, 1]]]
    >>> surely = 100 * np.eye(2)[[[0, 1, 1, 1]]]  # IoU 1/2 and 2/3
    >>> float(losses.lovasz_softmax(y_true, surely))
    0.416667
    """
    y_true, prediction = target_and_prediction(y_true, y_pred)
    valid = ops.expand_dims(valid_pixels(y_true), -1)
    error = ops.abs(y_true - prediction.probability) * valid
    error, true = _by_class(error, per_image), _by_class(y_true, per_image)
    order = ops.argsort(-ops.stop_gradient(error), axis=-1)
    error = ops.take_along_axis(error, order, axis=-1)  # (B, C, N), descending
    step = _jaccard_steps(ops.take_along_axis(true, order, axis=-1))
    present = ops.cast(ops.max(true, axis=-1) > 0, "float32")  # (B, C)
    loss = ops.sum(ops.sum(error * step, axis=-1) * present, axis=-1)
    return ops.mean(divide_or_zero(loss, ops.sum(present, axis=-1)))


def _by_class(x: Tensor, per_image: bool) -> Tensor:
    """(B, ..., C) -> (B, C, N), or (1, C, B * N)."""
    classes = x.shape[-1]
    batch = ops.shape(x)[0] if per_image else 1
    return ops.transpose(ops.reshape(x, (batch, -1, classes)), (0, 2, 1))


def _jaccard_steps(true: Tensor) -> Tensor:
    """How much the Jaccard loss grows with each further wrong pixel; (..., N).

    A wrong pixel of the class leaves the intersection, one of another class enters
    the union. Written out for each case, because differences of neighbouring Jaccard
    values near 1 would lose most digits of a float32.
    """
    true = ops.cast(true > 0.5, "int32")  # int32: float32 counts only to 2^24
    size = ops.sum(true, axis=-1, keepdims=True)
    intersection = ops.cast(size - ops.cumsum(true, axis=-1), "float32")
    union = ops.cast(size + ops.cumsum(1 - true, axis=-1), "float32")
    entering = intersection / (union * ops.maximum(union - 1, 1.0))
    return ops.where(true > 0, 1 / ops.maximum(union, 1.0), entering)
