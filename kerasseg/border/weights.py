"""U-Net's border weights: pixels in narrow gaps between instances weigh more."""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np
from keras import ops

from kerasseg import UserError
from kerasseg.border.nearest import id_batch, two_nearest
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
) -> Tensor:
    """Pixel weights that are large in the narrow gaps between instances.

    w(x) = w_c(x) + w0 exp(-(d1(x) + d2(x))² / (2 sigma²))

    with d1 and d2 the exact distances to the nearest and the second nearest instance
    (Ronneberger et al. 2015, eq. 2). A straight gap of g background pixels has
    d1 + d2 = g + 1 all across it. Terms below w0 / 10000 (d1 + d2 > 4.29 sigma) are 0,
    and so is the term of an image with fewer than two instances.

    Where two instances touch there is no background and so no ridge: labels need a gap
    of a pixel there. As a loss weight take class_weights=(1, 1), or all pixels far from
    a border weigh nothing.

    Args:
        instance: (B, H, W) int32 ids, background <= 0. Ids are names: any number above
            0 is one instance, however many pieces it has. H and W must be static.
            Pixels that an augmentation moved in from outside belong to no instance:
            fill with 0.
        w0: height of the ridge, the weight at d1 + d2 = 0.
        sigma: width of the ridge, 0.24 to 29.8 pixels.
        background_only: True leaves out the border term inside instances, as usual.
            False keeps it: there d1 = 0, so edges that face a neighbour weigh more.
        class_weights: w_c of background and of instance pixels, added everywhere.

    Returns:
        (B, H, W) float32.

    Raises:
        UserError: when `sigma` is out of its range, or `instance` is not (B, H, W) with
            static H and W.

    >>> from kerasseg import border
    >>> np.asarray(border.border_weights(np.array([[[1, 0, 0, 2]]])))
    array([[[0.   , 8.353, 8.353, 0.   ]]], dtype=float32)
    """
    reach = _reach(sigma)
    ids = ops.cast(id_batch(instance, "instance"), "int32")
    cell = ids > 0
    # Where d1 + d2 <= reach, the nearer of the two is at most reach / 2 away.
    nearest, second = two_nearest(ids, int(reach / 2), int(reach))
    total = ops.sqrt(ops.cast(nearest, "float32")) + ops.sqrt(
        ops.cast(second, "float32")
    )
    term = w0 * ops.exp(-ops.square(total) / (2 * sigma**2))
    term = ops.where(total <= reach, term, 0.0)
    if background_only:
        term = ops.where(cell, 0.0, term)
    return term + ops.where(cell, class_weights[1], class_weights[0])


def border_weight_map(
    instance: np.ndarray,
    w0: float = 10.0,
    sigma: float = 5.0,
    *,
    background_only: bool = True,
    class_weights: tuple[float, float] = (0.0, 0.0),
) -> np.ndarray:
    """`border_weights` of one image on the host, for writing maps to disk.

    Args:
        instance: (H, W) int ids, 0 = background.
        w0, sigma, background_only, class_weights: as in `border_weights`.

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
    term += np.where(instance > 0, class_weights[1], class_weights[0])
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
