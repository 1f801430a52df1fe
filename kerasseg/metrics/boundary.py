"""How well contours are met: boundary F1 and the trimap of a label. On the host."""

from __future__ import annotations

import cv2
import numpy as np

from kerasseg import UserError
from kerasseg.labels.borders import borders
from kerasseg.taxonomy import IGNORE


def boundary_f1(
    label, predicted, num_classes: int, tolerance: float = 0.0075
) -> np.ndarray:
    """Boundary F1 of one image (H, W), per class: float64 (C,).

    Precision is the share of predicted boundary pixels with a true boundary pixel of
    the same class within `tolerance` times the image diagonal, recall the reverse,
    F1 = 2 P R / (P + R) (Csurka et al. 2013; 0.75 % as SegNet, 4.5 pixels at 360x480).
    nan for classes without a boundary in the ground truth. SegNet's BF is the mean over
    the classes of an image, then over images: np.nanmean(np.nanmean(f1s, axis=1)).

    Approximation: the Berkeley benchmark that SegNet used matches boundary pixels one
    to one; here, as usual, any pixel in reach matches (distance transform), so values
    can be a little higher. A boundary lies between two valid pixels of different
    classes: neither ignored pixels nor the image border make one.
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
        true = true_borders & (label == c)
        if not true.any():
            continue
        seen = seen_borders & (predicted == c)
        precision = (_distance(true)[seen] <= reach).mean() if seen.any() else 0.0
        recall = (_distance(seen)[true] <= reach).mean() if seen.any() else 0.0
        total = precision + recall
        f1[c] = 2 * precision * recall / total if total else 0.0
    return f1


def trimap(label, width: float, ignore: int = IGNORE) -> np.ndarray:
    """The label (H, W) near its boundaries only; all other pixels become `ignore`.

    Kept are pixels at most `width` pixels away from a pixel of another id, ignored ones
    included (VOC draws contours as a void band; DeepLab v1 section 5, after Kohli et
    al. 2009). Trimap IoU: scores(sum of count(trimap(label, width), predicted, C)).
    """
    label = np.asarray(label)
    near = np.zeros(label.shape, bool)
    for c in np.unique(label[label != ignore]):
        near |= (label == c) & (_distance(label != c) <= width)
    return np.where(near, label, ignore)


def _distance(mask: np.ndarray) -> np.ndarray:
    """Exact Euclidean distance of every pixel to the mask; inf if it is empty."""
    if not mask.any():
        return np.full(mask.shape, np.inf)
    return cv2.distanceTransform(
        (~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )
