"""Confidence intervals of scores: the percentile bootstrap over images (Efron 1979)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kerasseg import UserError
from kerasseg.metrics.confusion import iou_of, mean_over_classes, scores


def bootstrap(
    matrices: ArrayLike,
    score: str = "miou",
    level: float = 0.95,
    rounds: int = 1000,
    seed: int = 0,
    groups: Sequence[str] | None = None,
) -> tuple[Any, Any]:
    """Confidence interval of a score.

    Images are drawn N times with replacement, their matrices added and scored. Frames
    of one video and slices of one patient are not independent: with their groups, whole
    groups are drawn, or the interval is too narrow (the cluster bootstrap, Field and
    Welsh 2007).

    Args:
        matrices: (N, C, C), one for each image.
        score: a name that `scores` gives.
        level: share of the rounds that lie inside the interval.
        rounds: how often N images are drawn.
        seed: of the drawing.
        groups: (N,) the video, patient or place of each image; None: each is its own.

    Returns:
        Lower and upper end, each float64 of the score's shape. Of one group both are
        its score.

    Raises:
        UserError: when the shape is another.
    """
    matrices = np.asarray(matrices)
    if matrices.ndim != 3:
        raise UserError(f"Expected matrices (N, C, C), got shape {matrices.shape}.")
    matrices = matrices if groups is None else _added_up(matrices, groups)
    return _interval(matrices, lambda m: scores(m)[score], level, rounds, seed)


def bootstrap_miou(
    margins: ArrayLike,
    level: float = 0.95,
    rounds: int = 1000,
    seed: int = 0,
    groups: Sequence[str] | None = None,
) -> tuple[Any, Any]:
    """What `bootstrap` gives for "miou", out of the `margins` of each image, (N, 3, C):
    of many classes they take much less memory than matrices."""
    counts = np.asarray(margins)
    counts = counts if groups is None else _added_up(counts, groups)
    return _interval(counts, miou_of, level, rounds, seed)


def _added_up(counts: np.ndarray, groups: Sequence[str]) -> np.ndarray:
    """Counts (N, ...) of images -> (G, ...) of their groups."""
    if len(groups) != len(counts):
        raise UserError(
            f"Expected a group for each of the {len(counts)} images, got {len(groups)}."
        )
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    total = np.zeros((len(names), *counts.shape[1:]), counts.dtype)
    np.add.at(total, index, counts)
    return total


def miou_of(margins: np.ndarray) -> np.floating:
    """The mIoU of `scores` out of `margins`."""
    return mean_over_classes(iou_of(margins), "nan")


def _interval(
    counts: np.ndarray, score: Callable, level: float, rounds: int, seed: int
) -> tuple[Any, Any]:
    """The interval of a score of counts (N, ...) that add up over images."""
    images = len(counts)
    random = np.random.default_rng(seed)
    times = random.multinomial(images, np.full(images, 1 / images), size=rounds)
    drawn = times.astype(np.float64) @ counts.reshape(images, -1)
    values = np.stack([score(one) for one in drawn.reshape(rounds, *counts.shape[1:])])
    tail = 50 * (1 - level)
    return tuple(np.nanpercentile(values, [tail, 100 - tail], axis=0))
