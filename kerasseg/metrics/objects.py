"""How many objects are found: matching of instances by overlap. On the host."""

from __future__ import annotations

import numpy as np

from kerasseg import UserError


def object_counts(true, seen, threshold: float = 0.5) -> np.ndarray:
    """Objects of one image matched at IoU > threshold: int64 (found, spurious, missed).

    true, seen (H, W) hold instance ids, 0 = background. Above 0.5 an object can match
    one other only, so no assignment has to be solved (Kaggle DSB 2018 counts so). The
    counts of several images add up.
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


def object_f1(counts) -> float:
    """F1 = 2 found / (2 found + spurious + missed); nan where there is no object."""
    found, spurious, missed = np.asarray(counts, np.int64)
    total = 2 * found + spurious + missed
    return float(2 * found / total) if total else float("nan")
