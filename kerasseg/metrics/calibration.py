"""Whether confidences can be believed: bins and their error. On the host."""

from __future__ import annotations

import numpy as np

from kerasseg import UserError


def calibration_bins(label, probabilities, bins: int = 15) -> np.ndarray:
    """Pixels by confidence: float64 (bins, 3) of pixels, sum of confidence, hits.

    label (...,) int ids, those outside 0..C-1 are ignored; probabilities (..., C). Bin
    b holds confidences (highest probability of a pixel) in (b / bins, (b + 1) / bins].
    The bins of several images add up; hits / pixels over confidence / pixels is the
    reliability diagram.
    """
    label, probabilities = np.asarray(label), np.asarray(probabilities)
    if label.shape != probabilities.shape[:-1]:
        raise UserError(
            f"Expected probabilities {(*label.shape, 'C')} for a label {label.shape}, "
            f"got {probabilities.shape}."
        )
    valid = (label >= 0) & (label < probabilities.shape[-1])
    label, probabilities = label[valid], probabilities[valid]
    confidence = probabilities.max(-1).astype(np.float64)
    if confidence.size and confidence.max() > 1 + 1e-4:
        raise UserError(
            f"Expected probabilities, got a value of {confidence.max():g}. "
            "Apply a softmax to logits first."
        )
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    hit = probabilities.argmax(-1) == label
    columns = [np.ones_like(confidence), confidence, hit]
    return np.stack([np.bincount(index, c, minlength=bins) for c in columns], axis=1)


def calibration_error(bins) -> float:
    """ECE = sum over bins of |hits - confidence| / pixels (Guo et al. 2017, eq. 3)."""
    bins = np.asarray(bins, np.float64)
    pixels = bins[:, 0].sum()
    if not pixels:
        return float("nan")
    return float(np.abs(bins[:, 2] - bins[:, 1]).sum() / pixels)
