"""Boundary loss: probabilities weighted with their distance to the true border."""

from __future__ import annotations

from keras import ops

from kerasseg import UserError
from kerasseg.losses.arguments import divide_or_zero, target_and_prediction
from kerasseg.losses.distances import (
    anywhere,
    classes_first,
    classes_last,
    to_nearest,
)
from kerasseg.taxonomy import Tensor


def boundary(
    y_true: Tensor,
    y_pred: Tensor,
    distance: Tensor | None = None,
    *,
    exclusive: bool = True,
) -> Tensor:
    """Mean over labelled pixels of sum_c phi_c (p_c - g_c), phi the signed distance.

    Kervadec et al. 2019, eq. 4: half the squared distance between the borders. The
    paper then drops the constant sum of phi_c g_c; with it the loss is never
    negative and 0 for a perfect prediction. Meant to be added to a loss on regions,
    not to stand alone. Where the classes overlap it is the mean over the labelled
    pixels of all classes, as in the authors' code.

    Args:
        y_true: (B, ..., C) target g, see `kerasseg.losses`.
        y_pred: (B, ..., C) logits; p is their softmax or sigmoid.
        distance: (B, ..., C) signed distances in pixels, as `signed_distance` gives
            them. By default they are computed from the target.
        exclusive: False where the classes overlap.

    Returns:
        A scalar float32, pixels.

    Raises:
        UserError: when the shapes do not fit together.

    >>> import numpy as np
    >>> from kerasseg import losses
    >>> y_true = np.eye(2)[[[[0, 0, 1, 1]]]]
    >>> one_pixel_off = 100 * np.eye(2)[[[[0, 1, 1, 1]]]]
    >>> float(losses.boundary(y_true, one_pixel_off))
    0.25
    """
    y_true, valid, prediction = target_and_prediction(y_true, y_pred, exclusive)
    if distance is None:
        # Negative where ignored, also where the classes overlap.
        distance = signed_distance(ops.where(valid > 0, y_true, -1.0), exclusive)
    phi = ops.cast(distance, "float32")
    if len(phi.shape) != len(y_true.shape):
        raise UserError(
            f"Expected signed distances of the target's shape {tuple(y_true.shape)}, "
            f"got {tuple(phi.shape)}."
        )
    return divide_or_zero(
        ops.sum(phi * valid * (prediction.probability - y_true)), ops.sum(valid)
    )


def signed_distance(y_true: Tensor, exclusive: bool = True) -> Tensor:
    """Distance of every pixel to the border of each class.

    Outside a class: the distance to its nearest pixel. Inside: minus the distance to
    the nearest pixel that is not of it, plus 1, so that the border pixels have 0, as
    in the authors' code. 0 everywhere for a class that is absent from an image or
    fills it. Ignored pixels make no border and get 0.

    Args:
        y_true: (B, ..., C) target, see `kerasseg.losses`; all but B static.
        exclusive: False where the classes overlap. Pixels that are ignored for one
            class then make no border of that class alone.

    Returns:
        (B, ..., C) float32, pixels. No gradient flows through it.

    Raises:
        UserError: when the target has no such shape.

    >>> import numpy as np
    >>> from kerasseg import losses
    >>> distance = losses.signed_distance(np.eye(2)[[[[0, 0, 1, 1]]]])
    >>> np.asarray(distance)[0, 0, :, 0].tolist()
    [-1.0, 0.0, 1.0, 2.0]
    """
    if len(y_true.shape) < 3 or None in y_true.shape[1:]:
        raise UserError(
            "Signed distances are computed for a target (B, ..., C) with static sides, "
            f"got shape {tuple(y_true.shape)}. Pass `distance` for others."
        )
    by_class = classes_first(ops.cast(y_true, "float32"))  # (B, C, ...)
    inside = by_class > 0.5
    if exclusive:
        labelled = ops.max(by_class, axis=1, keepdims=True) > 0.5  # (B, 1, ...)
    else:
        labelled = by_class >= 0
    outside = ops.logical_and(labelled, ops.logical_not(inside))
    signed = ops.where(inside, 1 - to_nearest(outside), to_nearest(inside))
    both = ops.logical_and(anywhere(inside), anywhere(outside))
    signed = ops.where(ops.logical_and(both, labelled), signed, 0.0)
    return ops.stop_gradient(classes_last(signed))
