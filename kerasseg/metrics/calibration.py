"""Calibration: whether a probability of 0.8 is right in 80 % of the pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from kerasseg import UserError


def calibration_bins(
    label: ArrayLike, probabilities: ArrayLike, bins: int = 15
) -> np.ndarray:
    """Counts pixels by confidence, the highest probability of a pixel.

    The bins of several images add up. Hits / pixels over confidence / pixels is the
    reliability diagram.

    Args:
        label: (...) class ids; those outside 0..C-1 are ignored.
        probabilities: (..., C), after the softmax.
        bins: their number. Bin b holds confidences in (b / bins, (b + 1) / bins].

    Returns:
        (bins, 3) float64: pixels, sum of their confidences, pixels that were right.

    Raises:
        UserError: when the shapes do not fit, or a value is above 1.

    >>> calibration_bins([0, 1], [[0.9, 0.1], [0.8, 0.2]], bins=2)
    array([[0. , 0. , 0. ],
           [2. , 1.7, 1. ]])
    """
    true, p = np.asarray(label), np.asarray(probabilities)
    if true.shape != p.shape[:-1]:
        raise UserError(
            f"Expected probabilities {(*true.shape, 'C')} for a label {true.shape}, "
            f"got {p.shape}."
        )
    valid = (true >= 0) & (true < p.shape[-1])
    true, p = true[valid], p[valid]
    confidence = p.max(-1).astype(np.float64)
    if confidence.size and confidence.max() > 1 + 1e-4:
        raise UserError(
            f"Expected probabilities, got a value of {confidence.max():g}. "
            "Apply a softmax to logits first."
        )
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    hit = p.argmax(-1) == true
    columns = [np.ones_like(confidence), confidence, hit]
    return np.stack([np.bincount(index, c, minlength=bins) for c in columns], axis=1)


def calibration_error(bins: ArrayLike) -> float:
    """ECE = sum over bins of |hits - confidence| / pixels (Guo et al. 2017, eq. 3).

    Args:
        bins: (bins, 3) from `calibration_bins`.

    Returns:
        The error in [0, 1], NaN where no pixel was counted.

    >>> calibration_error([[2, 1.7, 1]])
    0.35
    """
    bins = np.asarray(bins, np.float64)
    pixels = bins[:, 0].sum()
    if not pixels:
        return float("nan")
    return float(np.abs(bins[:, 2] - bins[:, 1]).sum() / pixels)
