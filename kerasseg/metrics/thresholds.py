"""The threshold of one class: where its logits are cut for the best IoU."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from kerasseg import UserError
from kerasseg.metrics.confusion import ratio


def best_threshold(logits: ArrayLike, label: ArrayLike, gain: float = 0.0) -> float:
    """The threshold t that gives `logits > t` the best IoU with the class.

    It is exact: every cut between two logits is tried. The result lies in the middle of
    its gap. A classifier of the best F1 or IoU cuts at half the best F1 (Lipton et al.
    2014, arXiv 1402.1892), so rarely at a probability of 0.5.

    Args:
        logits: (N,) of one class; their order alone matters, so also probabilities.
        label: (N,) 1 = the class is there, 0 = it is not; others are ignored.
        gain: of all thresholds that are at most so much worse than the best IoU the one
            closest to 0 is taken: a smaller gain is chance.

    Returns:
        The threshold; 0 where it makes no difference, or the class is not there.

    Raises:
        UserError: when the shapes differ.

    >>> best_threshold([-3.0, -2.0, -1.0, 2.0], [0, 0, 1, 1])
    -1.5
    """
    z, true = np.asarray(logits, np.float64), np.asarray(label)
    if z.ndim != 1 or z.shape != true.shape:
        raise UserError(
            "Expected logits and label (N,) of one class, got "
            f"{z.shape} and {true.shape}."
        )
    known = (true == 0) | (true == 1)
    z, there = z[known], true[known] == 1
    total = there.sum()
    if not total:
        return 0.0
    order = np.argsort(-z, kind="stable")
    z, hits = z[order], np.cumsum(there[order])
    # Cut after the k-th logit, where the next one is another.
    ends = np.flatnonzero(np.append(z[1:] != z[:-1], True))
    upper, lower = z[ends], np.append(z[ends[:-1] + 1], z[-1] - 1)
    iou = hits[ends] / (total + ends + 1 - hits[ends])
    cuts = np.where((lower <= 0) & (upper > 0), 0.0, (lower + upper) / 2)
    good = np.flatnonzero(iou >= iou.max() - gain)
    return float(cuts[good[np.argmin(np.abs(cuts[good]))]])


def iou_above(
    logits: np.ndarray, label: np.ndarray, thresholds: ArrayLike
) -> np.ndarray:
    """IoU of each class (C,) of `logits > thresholds`; both (N, C), as the threshold of
    `best_threshold`. NaN where a class is neither there nor found."""
    seen, there, absent = logits > thresholds, label == 1, label == 0
    hits = np.count_nonzero(seen & there, axis=0)
    wrong = np.count_nonzero(seen & absent, axis=0)
    return ratio(hits, np.count_nonzero(there, axis=0) + wrong)
