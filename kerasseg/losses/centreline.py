"""Centreline Dice: whether thin things, as vessels and roads, stay connected."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from keras import ops

from kerasseg import UserError
from kerasseg.losses.arguments import (
    check_numbers,
    spatial_axes,
    target_and_prediction,
)
from kerasseg.losses.regions import reduced_over_classes, region_sum
from kerasseg.taxonomy import Tensor


def centreline_dice(
    y_true: Tensor,
    y_pred: Tensor,
    iterations: int = 10,
    epsilon: float = 1.0,
    *,
    per_image: bool = True,
    background: bool = False,
    present_only: bool = False,
    class_weights: Sequence[float] | None = None,
    reduction: str = "mean",
    exclusive: bool = True,
) -> Tensor:
    """1 - the harmonic mean of what of each centreline lies in the other mask.

    Shit et al. 2021 (clDice), algorithms 1 and 2: the share of the prediction's soft
    skeleton that lies in the target, and the share of the target's skeleton that the
    prediction covers. Ignored pixels are as the outside of the image. Meant to be added
    to a loss on regions; the authors take half of each.

    Args:
        y_true: (B, ..., C) target, see `kerasseg.losses`.
        y_pred: (B, ..., C) logits; their softmax or sigmoid has a skeleton, too.
        iterations: erosions by a pixel: as many as the thickest line's radius. The
            authors' code has 10.
        epsilon: pixels that are added on both sides of each share.
        per_image: False takes the sums over the whole batch, as the authors do.
        background: True where class 0 has a centreline, too. Where the classes overlap
            there is no background, and it makes no difference.
        present_only, class_weights, reduction, exclusive: as in `soft_dice`.

    Returns:
        A scalar float32 from 0 (perfect) to 1, or as in `soft_dice`. The authors and
        MONAI take one sum over all classes; here each has its own, and the mean is
        taken.

    Raises:
        UserError: as `soft_dice`, and when `iterations` is not a whole number of 0 or
            more, or there are more than 3 spatial axes.

    >>> import numpy as np
    >>> from kerasseg import losses
    >>> row = np.eye(2)[[[[0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]]]]
    >>> gap = np.eye(2)[[[[0, 0, 0, 0], [1, 1, 0, 1], [0, 0, 0, 0]]]]
    >>> float(losses.centreline_dice(row, 100 * gap, 1))  # 1 - 2 0.8 / (1 + 0.8)
    0.111111
    """
    if isinstance(iterations, bool) or iterations != int(iterations) or iterations < 0:
        raise UserError(
            f"iterations must be a whole number of 0 or more, got {iterations}."
        )
    check_numbers(epsilon=epsilon)
    y_true, valid, prediction = target_and_prediction(y_true, y_pred, exclusive)
    if len(y_true.shape) > 5:
        raise UserError(
            "centreline_dice knows 1 to 3 spatial axes, got a target of shape "
            f"{tuple(y_true.shape)}."
        )
    background = background or not exclusive
    inside = valid * ops.ones_like(y_true) > 0
    p = prediction.probability * valid

    def share(skeleton, mask):
        """The share of a skeleton that lies in a mask."""
        common = region_sum(skeleton * mask, per_image, background)
        size = region_sum(skeleton, per_image, background)
        return (common + epsilon) / ops.maximum(size + epsilon, 1e-12)

    precision = share(_skeleton(p, inside, int(iterations)), y_true)
    sensitivity = share(_skeleton(y_true, inside, int(iterations)), p)
    both = ops.maximum(precision + sensitivity, 1e-12)
    return reduced_over_classes(
        1 - 2 * precision * sensitivity / both,
        region_sum(y_true, per_image, background),
        background,
        present_only,
        class_weights,
        reduction,
    )


def _skeleton(x: Tensor, inside: Tensor, iterations: int) -> Tensor:
    """Soft skeleton (B, ..., C): what openings of ever thinner masks take away."""

    def ridge(x, eroded):
        opened = _dilated(ops.where(inside, eroded, 0.0))
        return ops.where(inside, ops.relu(x - opened), 0.0)

    eroded = _eroded(x, inside)
    skeleton = ridge(x, eroded)
    for _ in range(iterations):
        x, eroded = eroded, _eroded(eroded, inside)
        new = ridge(x, eroded)
        skeleton = skeleton + ops.relu(new - skeleton * new)
    return skeleton


def _eroded(x: Tensor, inside: Tensor) -> Tensor:
    """The least of a pixel and its neighbours along the axes; outside nothing is."""
    rank = len(spatial_axes(x))
    x = -ops.where(inside, x, 1.0)
    lines = [tuple(3 if a == axis else 1 for a in range(rank)) for axis in range(rank)]
    return functools.reduce(ops.minimum, (-_largest(x, line) for line in lines))


def _dilated(x: Tensor) -> Tensor:
    """The largest of a pixel and its neighbours, also those at corners."""
    return _largest(x, (3,) * len(spatial_axes(x)))


def _largest(x: Tensor, around: tuple[int, ...]) -> Tensor:
    return ops.max_pool(x, around, 1, "same", data_format="channels_last")
