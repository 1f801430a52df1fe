"""How many objects were found: instances matched by their overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from kerasseg import UserError


def object_counts(
    true: ArrayLike, seen: ArrayLike, threshold: float = 0.5
) -> np.ndarray:
    """Counts the objects of one image that match at IoU > threshold.

    Above 0.5 an object can match one other only, so no assignment has to be solved
    (Kaggle DSB 2018 counts so). The counts of several images add up.

    Args:
        true: (H, W) ids of the true instances, 0 = background.
        seen: (H, W) ids of the predicted instances, 0 = background.
        threshold: least overlap, in [0.5, 1).

    Returns:
        (3,) int64: found, spurious and missed objects.

    Raises:
        UserError: when the shapes differ, or `threshold` is out of its range.

    >>> object_counts([[1, 1, 0, 2]], [[7, 7, 0, 0]])
    array([1, 0, 1])
    """
    true, seen = np.asarray(true), np.asarray(seen)
    if true.shape != seen.shape:
        raise UserError(
            "Expected true and seen instances of one shape, got "
            f"{true.shape} and {seen.shape}."
        )
    if not 0.5 <= threshold < 1:
        raise UserError(
            f"threshold must be in [0.5, 1), got {threshold}: below 0.5 one object "
            "could match several."
        )
    true_ids, true_index = np.unique(true, return_inverse=True)
    seen_ids, seen_index = np.unique(seen, return_inverse=True)
    cells = true_index.ravel() * len(seen_ids) + seen_index.ravel()
    overlap = np.bincount(cells, minlength=len(true_ids) * len(seen_ids))
    overlap = overlap.reshape(len(true_ids), len(seen_ids))
    union = overlap.sum(1, keepdims=True) + overlap.sum(0) - overlap
    match = (overlap > threshold * union)[true_ids != 0][:, seen_ids != 0]
    found = match.sum()
    return np.array([found, match.shape[1] - found, match.shape[0] - found], np.int64)


def object_f1(counts: ArrayLike) -> float:
    """F1 = 2 found / (2 found + spurious + missed).

    Args:
        counts: (3,) from `object_counts`.

    Returns:
        The score in [0, 1], NaN where there is no object.

    >>> object_f1([1, 0, 1])
    0.666667
    """
    found, spurious, missed = np.asarray(counts, np.int64)
    total = 2 * found + spurious + missed
    return float(2 * found / total) if total else float("nan")
