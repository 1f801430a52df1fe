"""What is made of probabilities, with NumPy alone, for devices."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeAlias

import numpy as np

from kerasseg.taxonomy import label_type

Each: TypeAlias = Callable[[np.ndarray], None]
"""Is given the probabilities float32 (rows, W, C) of an image, from its top to its
bottom, strip by strip."""


class Segment(Protocol):
    """Image (H, W, C) -> ids (H, W), or where classes overlap 0 and 1 (H, W, classes);
    `each` is given the probabilities."""

    def __call__(self, image: np.ndarray, each: Each | None = None) -> np.ndarray: ...


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
