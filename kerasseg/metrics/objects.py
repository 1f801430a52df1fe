"""How many objects were found, and how well: instances matched by their overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kerasseg import UserError

THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
"""The least overlaps of the score of Kaggle's Data Science Bowl 2018, and of COCO."""


def object_counts(
    true: ArrayLike, seen: ArrayLike, threshold: float = 0.5, equal: bool = False
) -> np.ndarray:
    """Counts the objects of one image that match at IoU > threshold.

    Above 0.5 an object can match one other only, so no assignment has to be solved
    (Kaggle DSB 2018 counts so). Below, the assignment with the most matches is taken,
    and of these the one of the largest overlap, as StarDist does. The counts of several
    images add up.

    Args:
        true: (...) ids of the true instances, 0 = background; of any rank.
        seen: (...) ids of the predicted instances, 0 = background.
        threshold: least overlap, in [0, 1]; with `equal` above 0.
        equal: whether objects match at IoU = threshold too (StarDist, COCO).

    Returns:
        (3,) int64: found, spurious and missed objects.

    Raises:
        UserError: when the shapes differ, `threshold` is out of its range, or scipy,
            which assigns at thresholds up to 0.5, is missing.

    >>> object_counts([[1, 1, 0, 2]], [[7, 7, 0, 0]])
    array([1, 0, 1])
    """
    overlap, union, _ = _overlaps(true, seen)
    matched = _matched(overlap / union, threshold, equal)
    return _counts(len(matched[0]), overlap)


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


def average_precision(
    true: ArrayLike,
    seen: ArrayLike,
    thresholds: Sequence[float] = THRESHOLDS,
    equal: bool = False,
) -> float:
    """The score of one image in Kaggle's Data Science Bowl 2018.

    Mean over the thresholds of found / (found + spurious + missed). The score of a
    split is the mean over its images. It is not COCO's average precision, which ranks
    objects by a confidence.

    Args:
        true, seen, equal: as in `object_counts`.
        thresholds: least overlaps.

    Returns:
        The score in [0, 1], NaN where there is no object.

    Raises:
        UserError: as `object_counts`.

    >>> average_precision([[1, 1, 1, 2, 2]], [[5, 5, 5, 5, 0]])  # IoU 3/4
    0.25
    """
    overlap, union, _ = _overlaps(true, seen)
    return _average_precision(overlap, overlap / union, thresholds, equal)


def panoptic_counts(true: ArrayLike, seen: ArrayLike) -> np.ndarray:
    """What the panoptic quality of one class of objects is made of.

    Args:
        true, seen: as in `object_counts`.

    Returns:
        (4,) float64: found, spurious and missed objects at IoU > 0.5, and the sum of
        the IoU of those that were found. The counts of several images add up.

    Raises:
        UserError: when the shapes differ.

    >>> panoptic_counts([[1, 1, 1, 2]], [[5, 5, 0, 0]])
    array([1.      , 0.      , 1.      , 0.666667])
    """
    overlap, union, _ = _overlaps(true, seen)
    return _panoptic_counts(overlap, overlap / union)


def panoptic_quality(counts: ArrayLike) -> dict[str, float]:
    """PQ = sum of IoU / (found + spurious / 2 + missed / 2) (Kirillov et al. 2019).

    Args:
        counts: (4,) from `panoptic_counts`.

    Returns:
        pq; sq, the mean IoU of found objects; and rq, the F1 of objects: pq = sq rq.
        NaN where there is no object, of sq where none was found.

    >>> panoptic_quality([1, 0, 1, 0.6])["pq"]
    0.4
    """
    found, spurious, missed, overlap = np.asarray(counts, np.float64)
    total = found + (spurious + missed) / 2
    return {
        "pq": float(overlap / total) if total else float("nan"),
        "sq": float(overlap / found) if found else float("nan"),
        "rq": float(found / total) if total else float("nan"),
    }


def image_scores(true: ArrayLike, seen: ArrayLike) -> dict[str, Any]:
    """All scores of the objects of one image and class, which are matched once.

    Args:
        true, seen: as in `object_counts`.

    Returns:
        counts: (4,), see `panoptic_counts`; average_precision; aji.

    Raises:
        UserError: when the shapes differ.
    """
    found = _overlaps(true, seen)
    overlap, union, _ = found
    iou = overlap / union
    return {
        "counts": _panoptic_counts(overlap, iou),
        "average_precision": _average_precision(overlap, iou, THRESHOLDS, False),
        "aji": _aggregated_jaccard(found, iou, False),
    }


def aggregated_jaccard(true: ArrayLike, seen: ArrayLike, unique: bool = False) -> float:
    """Aggregated Jaccard index of one image (Kumar et al. 2017; MoNuSeg).

    Every true object is paired with the predicted one of the largest IoU. The sum of
    their intersections is divided by the sum of their unions and of the pixels of all
    objects without a pair.

    Args:
        true, seen: as in `object_counts`.
        unique: whether an object may be in one pair only (AJI+ of HoVer-Net, by the
            assignment of the largest sum of IoU).

    Returns:
        The score in [0, 1], NaN where there is no object.

    Raises:
        UserError: when the shapes differ, and with `unique` where scipy is missing.

    >>> aggregated_jaccard([[1, 1, 1, 2]], [[5, 5, 0, 0]])  # 2 / (3 + 1)
    0.5
    """
    found = _overlaps(true, seen)
    return _aggregated_jaccard(found, found[0] / found[1], unique)


def _average_precision(
    overlap: np.ndarray, iou: np.ndarray, thresholds: Sequence[float], equal: bool
) -> float:
    if not sum(overlap.shape):
        return float("nan")
    found = [
        _counts(len(_matched(iou, least, equal)[0]), overlap) for least in thresholds
    ]
    return float(np.mean([counts[0] / counts.sum() for counts in found]))


def _panoptic_counts(overlap: np.ndarray, iou: np.ndarray) -> np.ndarray:
    matched = _matched(iou, 0.5, False)
    return np.append(_counts(len(matched[0]), overlap), iou[matched].sum())


def _aggregated_jaccard(found: tuple, iou: np.ndarray, unique: bool) -> float:
    overlap, union, (true_sizes, seen_sizes) = found
    if not overlap.size:
        pixels = true_sizes.sum() + seen_sizes.sum()
        return 0.0 if pixels else float("nan")
    rows, columns = np.arange(len(iou)), iou.argmax(1)
    if unique:
        rows, columns = _assignment(iou)
    meet = iou[rows, columns] > 0
    rows, columns = rows[meet], columns[meet]
    alone = np.delete(true_sizes, rows).sum() + np.delete(seen_sizes, columns).sum()
    return float(overlap[rows, columns].sum() / (union[rows, columns].sum() + alone))


def _overlaps(
    true: ArrayLike, seen: ArrayLike
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Pixels of the intersection and of the union of each two objects, int64 (T, S),
    and the sizes of the objects (T,) and (S,)."""
    true, seen = np.asarray(true), np.asarray(seen)
    if true.shape != seen.shape:
        raise UserError(
            "Expected true and seen instances of one shape, got "
            f"{true.shape} and {seen.shape}."
        )
    true_ids, true_index = np.unique(true, return_inverse=True)
    seen_ids, seen_index = np.unique(seen, return_inverse=True)
    cells = true_index.ravel() * len(seen_ids) + seen_index.ravel()
    overlap = np.bincount(cells, minlength=len(true_ids) * len(seen_ids))
    overlap = overlap.reshape(len(true_ids), len(seen_ids))
    sizes = overlap.sum(1)[true_ids != 0], overlap.sum(0)[seen_ids != 0]
    overlap = overlap[true_ids != 0][:, seen_ids != 0]
    return overlap, sizes[0][:, None] + sizes[1] - overlap, sizes


def _matched(
    iou: np.ndarray, threshold: float, equal: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the objects that match."""
    if not (0 < threshold <= 1 if equal else 0 <= threshold < 1):
        kind = "(0, 1]" if equal else "[0, 1)"
        raise UserError(f"threshold must be in {kind}, got {threshold}.")
    match = iou >= threshold if equal else iou > threshold
    if threshold > 0.5 or (threshold == 0.5 and not equal) or not match.any():
        rows, columns = np.nonzero(match)
        return rows, columns
    rows, columns = _assignment(match + iou / (2 * min(iou.shape)))
    good = match[rows, columns]
    return rows[good], columns[good]


def _assignment(gain: np.ndarray) -> tuple[Any, Any]:
    """Rows and columns of the one-to-one assignment of the largest sum."""
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError as error:
        raise UserError(
            "Objects that may match several others are assigned by scipy, which is "
            "missing. Install it with: pip install 'kerasseg[datasets]'."
        ) from error
    return linear_sum_assignment(gain, maximize=True)


def _counts(found: int, overlap: np.ndarray) -> np.ndarray:
    true, seen = overlap.shape
    return np.array([found, seen - found, true - found], np.int64)
