"""The confusion matrix, and the scores that follow from it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from kerasseg import UserError
from kerasseg.metrics import targets
from kerasseg.metrics.exact import ExactCounts, counted
from kerasseg.taxonomy import Tensor

MOST_CLASSES = 4096
"""Of a confusion matrix: this many take 134 MB, 65535 would take 34 GB."""


@keras.saving.register_keras_serializable(package="kerasseg")
class ConfusionMatrix(ExactCounts):
    """Pixel counts over a whole data set: rows true, columns predicted.

    Args:
        num_classes: C.
        name: of the metric.
        threshold: where one channel, of two classes, is cut: 0 of a logit, 0.5 of a
            probability.
        kwargs: those of `keras.metrics.Metric`.

    Raises:
        UserError: when `num_classes` is less than 1, or more than `MOST_CLASSES`.

    >>> from kerasseg import metrics
    >>> metric = metrics.ConfusionMatrix(2)
    >>> metric.update_state(np.array([[0, 1, 255]]), np.array([[0, 0, 0]]))
    >>> metric.matrix()
    array([[1, 0],
           [1, 0]])
    """

    def __init__(
        self,
        num_classes: int,
        name: str = "confusion",
        threshold: float = 0.0,
        **kwargs: Any,
    ):
        refuse_large(num_classes)
        self.threshold = threshold
        # One column more: valid pixels that were predicted as no class.
        super().__init__(num_classes, (num_classes, num_classes + 1), name, **kwargs)

    def update_state(
        self,
        label: Tensor,
        logits_or_ids: Tensor,
        sample_weight: Tensor | None = None,
    ) -> None:
        """Counts a batch.

        Args:
            label: (B, ...) ids, also (B, ..., 1), or a one-hot target (B, ..., C). Ids
                outside 0..C-1, and pixels without any class, are ignored.
            logits_or_ids: (B, ..., C) logits or probabilities, or (B, ...) predicted
                ids as whole numbers. Of two classes also (B, ..., 1): one channel,
                class 1 where it is above the threshold.
            sample_weight: broadcasts to the ids. Pixels of weight 0 are ignored, all
                others count once.

        Raises:
            UserError: when the shapes do not fit together, or can be read in two ways.
        """
        label, ids = targets.ids_of(
            label, logits_or_ids, self.num_classes, self.threshold
        )
        valid = (label >= 0) & (label < self.num_classes)
        valid = counted(sample_weight, valid)
        self.add(_count(label, ids, valid, self.num_classes))

    def result(self) -> dict[str, Tensor]:
        """{"miou", "pixel_accuracy"}, scalar float32; absent classes are left out."""
        counts = self.rounded()
        hit = ops.diagonal(counts[:, : self.num_classes])
        true = ops.sum(counts, axis=1)
        union = true + ops.sum(counts[:, : self.num_classes], axis=0) - hit
        present = ops.cast(union > 0, "float32")
        iou = hit / ops.maximum(union, 1.0)
        return {
            "miou": ops.sum(iou) / ops.maximum(ops.sum(present), 1.0),
            "pixel_accuracy": ops.sum(hit) / ops.maximum(ops.sum(true), 1.0),
        }

    def matrix(self, rejected: bool = False) -> np.ndarray:
        """The exact counts, from which `scores` derives every score.

        Args:
            rejected: whether to add a column for predictions of no class, see `count`.

        Returns:
            int64 (C, C), with `rejected` (C, C + 1).

        Raises:
            UserError: when a valid pixel was predicted as no class, without `rejected`.
        """
        return _columns(self.exact(), rejected)

    def margins(self) -> np.ndarray:
        """int64 (3, C): hits, true and predicted pixels of each class."""
        return margins(self.matrix())

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"threshold": self.threshold}


def count(
    label: ArrayLike, predicted: ArrayLike, num_classes: int, rejected: bool = False
) -> np.ndarray:
    """Confusion matrix on the host: rows true, columns predicted.

    Args:
        label: (...) class ids, or a one-hot target (..., C). Pixels outside 0..C-1, and
            those without any class, are ignored.
        predicted: (...) class ids, or (..., C) logits or probabilities. All as
            `ConfusionMatrix` takes them; flat ids (N,) are never mistaken.
        num_classes: C.
        rejected: True counts predictions outside 0..C-1 in a last column. Cityscapes
            takes them as a miss of the true class and a hit of none.

    Returns:
        int64 (C, C), with `rejected` (C, C + 1).

    Raises:
        UserError: when the shapes do not fit together or can be read in two ways, a
            valid pixel is predicted as no class without `rejected`, or `num_classes` is
            more than `MOST_CLASSES`.

    >>> count([0, 1, 1, 255], [0, 0, 1, 1], 2)
    array([[1, 0],
           [1, 1]])
    """
    refuse_large(num_classes)
    label, predicted = targets.ids_on_host(label, predicted, num_classes)
    valid = (label >= 0) & (label < num_classes)
    true, seen = label[valid], predicted[valid]
    seen[(seen < 0) | (seen >= num_classes)] = num_classes
    cells = np.bincount(
        true * (num_classes + 1) + seen, minlength=num_classes * (num_classes + 1)
    )
    return _columns(cells.reshape(num_classes, num_classes + 1), rejected)


def refuse_large(num_classes: int) -> None:
    """Raises UserError for more classes than a confusion matrix can be made of."""
    if num_classes > MOST_CLASSES:
        raise UserError(
            f"A confusion matrix of {num_classes} classes is too large: {MOST_CLASSES} "
            "are the most that can be trained and scored. Bring classes together "
            "(prepare --merge, --keep)."
        )


def scores(matrix: ArrayLike, absent: str = "nan") -> dict[str, Any]:
    """Every score that a confusion matrix holds.

    With n_ij pixels of class i seen as j, t_i the row sums and s_j the column sums
    (Long et al. 2015, section 5):

        iou             n_ii / (t_i + s_i - n_ii), for each class
        dice            2 n_ii / (t_i + s_i), for each class
        recall          n_ii / t_i, for each class
        precision       n_ii / s_i, for each class
        miou            mean iou
        mean_dice       mean dice
        class_accuracy  mean recall
        pixel_accuracy  sum n_ii / sum t_i
        fw_iou          sum t_i iou_i / sum t_i

    Args:
        matrix: (C, C), or (C, C + 1) with rejected pixels in the last column.
        absent: what a class without pixels does to the means. "nan" leaves it out
            (FCN, Cityscapes), "zero" counts it as 0 (BDD100K, SegNet's script).

    Returns:
        float64 by name: (C,) for each class, NaN where the denominator is 0, else
        scalars.

    Raises:
        UserError: when the shape is another, or `absent` is neither of the two.

    >>> float(scores([[4, 2], [1, 3]])["miou"])  # (4 / 7 + 3 / 6) / 2
    0.535714
    """
    matrix = np.asarray(matrix)
    classes = matrix.shape[0] if matrix.ndim == 2 else 0
    if matrix.ndim != 2 or matrix.shape[1] - classes not in (0, 1):
        raise UserError(
            f"Expected a matrix (C, C) or (C, C + 1), got shape {matrix.shape}."
        )
    if absent not in ("nan", "zero"):
        raise UserError(f"absent must be 'nan' or 'zero', got {absent!r}.")
    matrix = matrix.astype(np.float64)
    hit, true, seen = np.diag(matrix), matrix.sum(1), matrix[:, :classes].sum(0)
    iou, recall = ratio(hit, true + seen - hit), ratio(hit, true)
    dice = ratio(2 * hit, true + seen)
    return {
        "iou": iou,
        "miou": mean_over_classes(iou, absent),
        "pixel_accuracy": ratio(hit.sum(), true.sum()),
        "class_accuracy": mean_over_classes(recall, absent),
        "dice": dice,
        "mean_dice": mean_over_classes(dice, absent),
        "fw_iou": ratio((true * np.nan_to_num(iou)).sum(), true.sum()),
        "precision": ratio(hit, seen),
        "recall": recall,
    }


def cohen_kappa(matrix: ArrayLike) -> float:
    """Agreement beyond chance: (p_o - p_e) / (1 - p_e) (Cohen 1960).

    p_o is the pixel accuracy, p_e what it would be if truth and prediction had nothing
    to do with each other.

    Args:
        matrix: (C, C).

    Returns:
        1 where all agrees, 0 for chance; NaN where chance agrees always, or no pixel
        was counted.

    Raises:
        UserError: when the shape is another.

    >>> cohen_kappa([[4, 2], [1, 3]])
    0.4
    """
    counts = np.asarray(matrix, np.float64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise UserError(f"Expected a matrix (C, C), got shape {counts.shape}.")
    total = counts.sum()
    if not total:
        return float("nan")
    agreed = np.trace(counts) / total
    chance = counts.sum(0) @ counts.sum(1) / total**2
    return float((agreed - chance) / (1 - chance)) if chance < 1 else float("nan")


def _count(label: Tensor, ids: Tensor, valid: Tensor, num_classes: int) -> Tensor:
    """int32 counts (C, C + 1); exact, on any backend, inside a compiled step."""
    rejected = (ids < 0) | (ids >= num_classes)
    cell = label * (num_classes + 1) + ops.where(rejected, num_classes, ids)
    size = num_classes * (num_classes + 1)
    cell = ops.reshape(ops.where(valid, cell, size), (-1,))
    counts = ops.segment_sum(ops.ones_like(cell), cell, num_segments=size + 1)
    return ops.reshape(counts[:size], (num_classes, num_classes + 1))


def _columns(counts: np.ndarray, rejected: bool) -> np.ndarray:
    if rejected:
        return counts
    if lost := int(counts[:, -1].sum()):
        raise UserError(
            f"{lost} valid pixels were predicted as an id outside 0..{len(counts) - 1}."
            " Pass rejected=True to count them in a column of their own."
        )
    return counts[:, :-1]


def margins(matrix: np.ndarray) -> np.ndarray:
    """(C, C) -> int64 (3, C): hits, row sums and column sums, all that IoU needs."""
    return np.stack([np.diag(matrix), matrix.sum(1), matrix.sum(0)])


def iou_of(margins: np.ndarray) -> np.ndarray:
    """The IoU of each class (C,) out of `margins`; nan where it never occurs."""
    hit, true, seen = margins
    return ratio(hit, true + seen - hit)


def ratio(part: Any, whole: Any) -> Any:
    """part / whole as float64, nan where whole is 0."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan)[()]


def mean_of_known(values: np.ndarray, axis: int | None = None) -> Any:
    """The mean of the values that are not nan; nan where all are."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0).sum(axis), known.sum(axis))


def mean_over_classes(values: np.ndarray, absent: str) -> np.floating:
    """Mean over classes, or images; nan where nothing is known."""
    if absent == "zero":
        return np.nan_to_num(values).mean()
    known = values[~np.isnan(values)]
    return known.mean() if known.size else np.float64("nan")
