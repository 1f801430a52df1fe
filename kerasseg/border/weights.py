"""U-Net's border weights: pixels in narrow gaps between instances weigh more."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from keras import ops

from kerasseg import UserError
from kerasseg.border.distance import distance_transform
from kerasseg.border.nearest import id_batch, two_nearest
from kerasseg.border.volumes import two_nearest_in
from kerasseg.taxonomy import Tensor

CUT = 1e-4
"""Border terms below CUT * w0 are written as 0: they end at 4.29 sigma."""


def border_weights(
    instance: Tensor,
    w0: float = 10.0,
    sigma: float = 5.0,
    *,
    background_only: bool = True,
    class_weights: tuple[float, float] = (0.0, 0.0),
    sigma_1: float = 0.0,
    spacing: Sequence[float] = (),
) -> Tensor:
    """Pixel weights that are large in the narrow gaps between instances.

    w(x) = w_c(x) + w0 exp(-(d1(x) + d2(x))² / (2 sigma²))

    with d1 and d2 the exact distances to the nearest and the second nearest instance
    (Ronneberger et al. 2015, eq. 2). A straight gap of g background pixels has
    d1 + d2 = g + 1 all across it. Terms below w0 / 10000 (d1 + d2 > 4.29 sigma) are 0,
    and so is the term of an image with fewer than two instances.

    Where two instances touch there is no background and so no ridge: labels need a gap
    of a pixel there. As a loss weight take class_weights=(1, 1), or all pixels far from
    a border weigh nothing. The weights of U-Net's released plugin (Falk et al. 2019)
    are those of w0=50, sigma=6, sigma_1=10 and class_weights=(0.1, 1).

    Args:
        instance: (B, H, W) or (B, D, H, W) int32 ids, background <= 0. Ids are names:
            any number above 0 is one instance, however many pieces it has. All axes
            but B must be static. Pixels that an augmentation moved in from outside
            belong to no instance: fill with 0.
        w0: height of the ridge, the weight at d1 + d2 = 0.
        sigma: width of the ridge, 0.24 to 29.8 pixels.
        background_only: True leaves out the border term inside instances, as usual.
            False keeps it: there d1 = 0, so edges that face a neighbour weigh more.
        class_weights: w_c of background and of instance pixels, added everywhere.
        sigma_1: above 0, w_c of the background rises to that of instances with
            exp(-d1² / (2 sigma_1²)) as it comes near one, as in the released plugin.
        spacing: the pixels' sides along each axis but B, such as (3, 1, 1) of a
            volume; sigma and sigma_1 are then in its unit. Empty: 1.

    Returns:
        float32 of the shape of `instance`.

    Raises:
        UserError: when `sigma`, `sigma_1` or `spacing` is out of its range, or
            `instance` has another shape.

    >>> from kerasseg import border
    >>> np.asarray(border.border_weights(np.array([[[1, 0, 0, 2]]])))
    array([[[0.   , 8.353, 8.353, 0.   ]]], dtype=float32)
    """
    reach = _reach(sigma)
    ids, sides = _checked(instance, sigma_1, spacing)
    cell = ids > 0
    if len(ids.shape) == 3 and set(sides) == {1.0}:
        # Where d1 + d2 <= reach, the nearer of the two is at most reach / 2 away.
        nearest, second = two_nearest(ids, int(reach / 2), int(reach))
    else:
        nearest, second = two_nearest_in(ids, reach, sides)
    total = ops.sqrt(ops.cast(nearest, "float32")) + ops.sqrt(
        ops.cast(second, "float32")
    )
    term = w0 * ops.exp(-ops.square(total) / (2 * sigma**2))
    term = ops.where(total <= reach, term, 0.0)
    if background_only:
        term = ops.where(cell, 0.0, term)
    background, inside = class_weights
    if sigma_1:
        if set(sides) == {1.0}:
            away = ops.square(distance_transform(ops.logical_not(cell)))
        else:  # what is further is below 1e-6
            away, _ = two_nearest_in(ids, 5.3 * sigma_1, sides)
        near = ops.exp(-away / (2 * sigma_1**2))
        background = background + (inside - background) * near
    return term + ops.where(cell, inside, background)


def _checked(
    instance: Tensor, sigma_1: float, spacing: Sequence[float]
) -> tuple[Tensor, tuple[float, ...]]:
    """The ids as int32, and the sides of their pixels; else UserError."""
    ids = ops.cast(id_batch(instance, "instance", volumes=True), "int32")
    sides = tuple(map(float, spacing)) or (1.0,) * (len(ids.shape) - 1)
    if len(sides) != len(ids.shape) - 1 or not all(0 < s < math.inf for s in sides):
        raise UserError(
            f"spacing must be {len(ids.shape) - 1} numbers above 0, one for each axis, "
            f"got {tuple(spacing)}."
        )
    if not 0 <= sigma_1 < math.inf:
        raise UserError(f"sigma_1 must be 0 or more pixels, got {sigma_1}.")
    return ids, sides


def border_weight_map(
    instance: np.ndarray,
    w0: float = 10.0,
    sigma: float = 5.0,
    *,
    background_only: bool = True,
    class_weights: tuple[float, float] = (0.0, 0.0),
    sigma_1: float = 0.0,
) -> np.ndarray:
    """`border_weights` of one image on the host, for writing maps to disk.

    Args:
        instance: (H, W) int ids, 0 = background.
        w0, sigma, background_only, class_weights, sigma_1: as in `border_weights`.

    Returns:
        (H, W) float32.

    Raises:
        UserError: when `sigma` is not 0.24 to 29.8 pixels.
    """
    reach = _reach(sigma)
    height, width = instance.shape
    nearest = np.full((height, width), np.inf, np.float32)
    second = nearest.copy()
    for number, window in _windows(instance, int(reach)):
        outside = (instance[window] != number).astype(np.uint8)
        distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        later = np.maximum(nearest[window], distance)
        np.minimum(second[window], later, out=second[window])
        np.minimum(nearest[window], distance, out=nearest[window])
    total = nearest + second
    term = np.zeros((height, width), np.float32)
    close = total <= reach
    term[close] = w0 * np.exp(-np.square(total[close]) / (2 * sigma**2))
    if background_only:
        term[instance > 0] = 0
    background, inside = class_weights
    term += np.where(instance > 0, inside, background)
    if sigma_1 and (instance > 0).any():
        outside = (instance <= 0).astype(np.uint8)
        away = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        near = np.exp(-np.square(away) / (2 * sigma_1**2))
        term += np.where(instance > 0, 0, (inside - background) * near)
    return term.astype(np.float32)


def _windows(
    instance: np.ndarray, margin: int
) -> Iterator[tuple[int, tuple[slice, slice]]]:
    """Each id above 0 and its bounding box, `margin` pixels larger on all sides.

    Found from the runs of one id along the rows, in one pass over the image.
    """
    changes = instance[:, 1:] != instance[:, :-1]
    edge = np.ones((len(instance), 1), bool)
    row, start = np.nonzero(np.hstack([edge, changes]))
    _, end = np.nonzero(np.hstack([changes, edge]))
    number = instance[row, start]
    order = np.argsort(number, kind="stable")
    order = order[np.searchsorted(number, 0, "right", sorter=order) :]
    if not len(order):
        return
    number = number[order]
    first = np.flatnonzero(np.append(True, number[1:] != number[:-1]))
    bounds = np.stack(
        [
            np.minimum.reduceat(row[order], first) - margin,
            np.maximum.reduceat(row[order], first) + margin + 1,
            np.minimum.reduceat(start[order], first) - margin,
            np.maximum.reduceat(end[order], first) + margin + 1,
        ]
    )
    for name, (top, bottom, left, right) in zip(
        number[first], np.maximum(bounds, 0).T, strict=True
    ):
        yield name, np.s_[top:bottom, left:right]


def _reach(sigma: float) -> float:
    """The largest d1 + d2, in pixels, whose border term is not below CUT * w0."""
    reach = sigma * math.sqrt(2 * math.log(1 / CUT))
    if not 1 <= reach < 128:
        raise UserError(f"sigma must lie between 0.24 and 29.8 pixels, got {sigma}.")
    return reach
