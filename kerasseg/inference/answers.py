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


def ids_of(
    scores: np.ndarray, exclusive: bool = True, least: float = 0.5
) -> np.ndarray:
    """Scores (..., C) -> class ids (...) of `label_type`; where classes overlap uint8
    (..., C), 1 where a score is above `least`, else 0: 0.5 of probabilities, 0 of
    logits."""
    if not exclusive:
        return (scores > least).astype(np.uint8)
    return scores.argmax(-1).astype(label_type(scores.shape[-1]))


def stacked(strips: Iterable[np.ndarray], height: int) -> np.ndarray:
    """Strips (rows, ...) one below the other, (height, ...), never held twice."""
    whole, end = np.zeros((0,)), 0
    for strip in strips:
        if not end:  # what they are is known after the first
            whole = np.empty((height, *strip.shape[1:]), strip.dtype)
        whole[end : end + len(strip)] = strip
        end += len(strip)
    return whole
