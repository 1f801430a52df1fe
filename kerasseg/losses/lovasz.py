"""Lovasz-softmax and hinge: convex surrogates of the mean intersection over union."""

from __future__ import annotations

from collections.abc import Sequence

from keras import ops

from kerasseg import UserError
from kerasseg.losses.arguments import (
    class_vector,
    divide_or_zero,
    target_and_prediction,
)
from kerasseg.taxonomy import Tensor


def lovasz_softmax(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    per_image: bool = False,
    classes: str = "present",
    class_weights: Sequence[float] | None = None,
    exclusive: bool = True,
) -> Tensor:
    """Mean over the classes present of the Lovasz extension of their Jaccard loss.

    For each class: the errors |g - p| of all labelled pixels, sorted from large to
    small, times what each adds to 1 - intersection / union when the pixels are taken
    to be wrong in this order (Berman et al. 2018, eq. 9 and algorithm 1). Sorts all
    pixels once for each class.

    Where the classes overlap it is `lovasz_hinge`, of all classes.

    Args:
        y_true: (B, ..., C) hard target g, see `kerasseg.losses`.
        y_pred: (B, ..., C) logits; p is their softmax.
        per_image: True takes each image by itself and averages. False sorts the batch
            as one picture.
        classes: "present", or "all": a class that is absent costs its largest
            probability. Where the classes overlap all count, whatever this says.
        class_weights: C numbers, of a weighted mean over the classes.
        exclusive: False where the classes overlap.

    Returns:
        A scalar float32. It is 1 - mean IoU where all p are 0 or 1.

    Raises:
        UserError: when the shapes are not (B, ..., C), or an option is not as above.

    >>> import numpy as np
    >>> from kerasseg import losses
    >>> y_true = np.eye(2)[[[0, 0, 1, 1]]]
    >>> surely = 100 * np.eye(2)[[[0, 1, 1, 1]]]  # IoU 1/2 and 2/3
    >>> float(losses.lovasz_softmax(y_true, surely))
    0.416667
    """
    if not exclusive:
        return lovasz_hinge(
            y_true,
            y_pred,
            per_image=per_image,
            class_weights=class_weights,
            exclusive=False,
        )
    y_true, valid, prediction = target_and_prediction(y_true, y_pred)
    error = ops.abs(y_true - prediction.probability)
    return _extension(error * valid, y_true, per_image, classes, class_weights)


def lovasz_hinge(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    per_image: bool = False,
    classes: str = "all",
    class_weights: Sequence[float] | None = None,
    exclusive: bool = True,
) -> Tensor:
    """Mean over the classes of the Lovasz extension of their Jaccard loss of margins.

    Yu and Blaschko 2015, as in Berman's `lovasz_hinge`: as `lovasz_softmax`, but the
    errors are max(0, 1 - z) of the logit z where the class is, max(0, 1 + z) where it
    is not. Of exclusive classes each is asked against all others.

    Args:
        y_true: (B, ..., C) hard target, see `kerasseg.losses`.
        y_pred: (B, ..., C) logits z.
        per_image: as in `lovasz_softmax`.
        classes: "all", or "present". A class that is absent costs its largest error.
        class_weights: C numbers, of a weighted mean over the classes.
        exclusive: False where the classes overlap.

    Returns:
        A scalar float32, 0 where all logits are beyond 1 on the right side.

    Raises:
        UserError: as `lovasz_softmax`.
    """
    y_true, valid, prediction = target_and_prediction(y_true, y_pred, exclusive)
    side = ops.where(y_true > 0.5, 1.0, -1.0)
    error = ops.relu(1 - side * prediction.logits)
    return _extension(error * valid, y_true, per_image, classes, class_weights)


def _extension(
    error: Tensor,
    y_true: Tensor,
    per_image: bool,
    classes: str,
    class_weights: Sequence[float] | None,
) -> Tensor:
    """Weighted mean over classes, then over images, of the errors (B, ..., C), sorted
    and summed with the steps of the Jaccard loss."""
    if classes not in ("present", "all"):
        raise UserError(f'classes must be "present" or "all", got {classes!r}.')
    error, true = _by_class(error, per_image), _by_class(y_true, per_image)
    order = ops.argsort(-ops.stop_gradient(error), axis=-1)
    error = ops.take_along_axis(error, order, axis=-1)  # (B, C, N), descending
    step = _jaccard_steps(ops.take_along_axis(true, order, axis=-1))
    present = ops.max(true, axis=-1) > 0.5  # (B, C)
    # Of an absent class the first wrong pixel takes the Jaccard loss from 0 to 1.
    loss = ops.where(present, ops.sum(error * step, axis=-1), error[..., 0])
    weight = ops.ones_like(loss)
    if classes == "present":
        weight = ops.cast(present, "float32")
    if class_weights is not None:
        weight = weight * class_vector(class_weights, y_true.shape[-1])
    loss = ops.sum(weight * loss, axis=-1)
    # A NaN in the target, which sorting can hide, makes the loss NaN.
    hidden = 0 * ops.sum(y_true)
    return ops.mean(divide_or_zero(loss, ops.sum(weight, axis=-1))) + hidden


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
