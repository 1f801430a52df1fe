"""Contours: boundary F1, and the trimap of a label."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike

from kerasseg import UserError
from kerasseg.labels.borders import borders
from kerasseg.taxonomy import IGNORE


def boundary_f1(
    label: ArrayLike,
    predicted: ArrayLike,
    num_classes: int,
    tolerance: float = 0.0075,
) -> np.ndarray:
    """Boundary F1 of one image, for each class.

    F1 = 2 P R / (P + R). The precision P is the share of predicted boundary pixels with
    a true boundary pixel of the same class within reach, the recall R the reverse
    (Csurka et al. 2013). SegNet's BF is the mean over the classes of an image, then
    over images: np.nanmean(np.nanmean(f1s, axis=1)).

    Approximation: the Berkeley benchmark that SegNet used matches boundary pixels one
    to one; here, as usual, any pixel in reach matches (distance transform), so values
    can be a little higher. A boundary lies between two valid pixels of different
    classes: neither ignored pixels nor the image border make one.

    Args:
        label: (H, W) true class ids; those outside 0..C-1 are ignored.
        predicted: (H, W) class ids.
        num_classes: C.
        tolerance: the reach as a share of the image diagonal. 0.75 %, as in SegNet, are
            4.5 pixels at 360 x 480.

    Returns:
        (C,) float64 in [0, 1]; NaN for classes without a boundary in the label.

    Raises:
        UserError: when the two are not (H, W) of one size.

    >>> label = np.repeat([[0, 0, 0, 1, 1, 1]], 30, axis=0)
    >>> shifted = np.roll(label, 1, axis=1) * (np.arange(6) > 0)
    >>> boundary_f1(label, shifted, 3, tolerance=0.04)  # 1.2 pixels
    array([ 1.,  1., nan])
    """
    label, predicted = np.asarray(label), np.asarray(predicted)
    if label.ndim != 2 or label.shape != predicted.shape:
        raise UserError(
            "Expected one label and one prediction of shape (H, W), got "
            f"{label.shape} and {predicted.shape}."
        )
    valid = (label >= 0) & (label < num_classes)
    reach = tolerance * np.hypot(*label.shape)
    f1 = np.full(num_classes, np.nan)
    true_borders, seen_borders = (
        borders(ids, both_sides=True, valid=valid) for ids in (label, predicted)
    )
    for c in np.unique(label[valid]):
        true, seen = true_borders & (label == c), seen_borders & (predicted == c)
        f1[c] = _f1(true, seen, reach)
    return f1


def plane_boundary_f1(
    label: ArrayLike, planes: ArrayLike, tolerance: float = 0.0075
) -> np.ndarray:
    """Boundary F1 of one image whose classes overlap: `boundary_f1` in each plane.

    Args:
        label: (H, W, C): 1 = the class is there, 0 = it is not; others are ignored.
        planes: (H, W, C) 1 and 0.
        tolerance: the reach as a share of the image diagonal.

    Returns:
        (C,) float64 in [0, 1]; NaN for classes without a boundary in the label.

    Raises:
        UserError: when the two are not (H, W, C) of one size.
    """
    label, planes = np.asarray(label), np.asarray(planes)
    if label.ndim != 3 or label.shape != planes.shape:
        raise UserError(
            "Expected one label and one prediction of shape (H, W, C), got "
            f"{label.shape} and {planes.shape}."
        )
    reach = tolerance * np.hypot(*label.shape[:2])
    f1 = np.full(label.shape[-1], np.nan)
    for c in range(label.shape[-1]):
        true, seen = label[..., c] == 1, planes[..., c] == 1
        valid = true | (label[..., c] == 0)
        true_edge, seen_edge = (
            inside & borders(inside, both_sides=True, valid=valid)
            for inside in (true, seen)
        )
        f1[c] = _f1(true_edge, seen_edge, reach)
    return f1


def trimap(label: ArrayLike, width: float, ignore: int = IGNORE) -> np.ndarray:
    """The label near its boundaries only; all other pixels become `ignore`.

    The trimap IoU of a split is scores(sum of count(trimap(label, width), predicted,
    C)) (Kohli et al. 2009; DeepLab v1, section 5).

    Args:
        label: (H, W) class ids.
        width: pixels. Kept are pixels at most so far away from a pixel of another id,
            ignored ones included: VOC draws contours as a band of ignored pixels.
        ignore: the id of ignored pixels.

    Returns:
        (H, W) class ids, of the type of `label`.

    >>> trimap(np.array([[0, 0, 0, 1, 1, 1]]), width=1)
    array([[255, 255,   0,   1, 255, 255]])
    """
    label = np.asarray(label)
    near = np.zeros(label.shape, bool)
    for c in np.unique(label[label != ignore]):
        near |= (label == c) & (_distance(label != c) <= width)
    return np.where(near, label, ignore)


def _f1(true: np.ndarray, seen: np.ndarray, reach: float) -> float:
    """Of two masks of boundary pixels; nan without a true one."""
    if not true.any():
        return float("nan")
    if not seen.any():
        return 0.0
    precision = (_distance(true)[seen] <= reach).mean()
    recall = (_distance(seen)[true] <= reach).mean()
    total = precision + recall
    return 2 * precision * recall / total if total else 0.0


def _distance(mask: np.ndarray) -> np.ndarray:
    """Exact Euclidean distance of every pixel to the mask; inf if it is empty."""
    if not mask.any():
        return np.full(mask.shape, np.inf)
    return cv2.distanceTransform(
        (~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )
