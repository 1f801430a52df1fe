"""What is made of probabilities, with NumPy alone, for devices."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from kerasseg.taxonomy import label_type


def ids_of(probabilities: np.ndarray, exclusive: bool = True) -> np.ndarray:
    """Probabilities (..., C) -> class ids (...) of `label_type`; where classes overlap
    uint8 (..., C), 1 where a class is more likely than not, else 0."""
    if not exclusive:
        return (probabilities > 0.5).astype(np.uint8)
    return probabilities.argmax(-1).astype(label_type(probabilities.shape[-1]))


def stacked(strips: Iterable[np.ndarray], height: int) -> np.ndarray:
    """Strips (rows, ...) one below the other, (height, ...), never held twice."""
    whole, end = np.zeros((0,)), 0
    for strip in strips:
        if not end:  # what they are is known after the first
            whole = np.empty((height, *strip.shape[1:]), strip.dtype)
        whole[end : end + len(strip)] = strip
        end += len(strip)
    return whole
