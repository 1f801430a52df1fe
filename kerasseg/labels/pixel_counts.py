"""How many pixels each class of a label has, in little memory."""

from __future__ import annotations

import numpy as np

ROWS_AT_ONCE = 1 << 20
"""Pixels that are counted at once: NumPy counts 64-bit copies of the ids."""


def pixel_counts(label: np.ndarray, num_classes: int) -> np.ndarray:
    """int64 (C,): pixels of each class of a label.

    label: (H, W) ids, those from C on count nowhere; where classes overlap (H, W, C), 1
    where a class is.

    >>> pixel_counts(np.array([[0, 2, 2, 255]]), 3).tolist()
    [1, 0, 2]
    >>> pixel_counts(np.array([[[1, 1], [0, 255]]]), 2).tolist()
    [1, 1]
    """
    counts = np.zeros(num_classes, np.int64)
    step = max(1, ROWS_AT_ONCE // max(1, label[:1].size))
    for first in range(0, len(label), step):
        part = label[first : first + step]
        if part.ndim == 3:
            counts += (part == 1).sum((0, 1))
        else:
            counts += np.bincount(part.ravel(), minlength=num_classes)[:num_classes]
    return counts
