"""Counts and scores where classes overlap: each class is a question of its own."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from kerasseg import UserError
from kerasseg.metrics.confusion import mean_of_known, mean_over_classes, ratio
from kerasseg.metrics.exact import ExactCounts, counted
from kerasseg.taxonomy import Tensor

COUNTS = ("tp", "fp", "fn", "tn")
"""The columns of the counts: pixels where the class is there and found, not there and
found, there and missed, not there and not found."""


@keras.saving.register_keras_serializable(package="kerasseg")
class OverlapCounts(ExactCounts):
    """Pixel counts of each class over a whole data set, as exact as `ConfusionMatrix`.

    Args:
        num_classes: C.
        name: of the metric.
        threshold: a class is found where its answer is above: 0 of a logit, 0.5 of a
            probability.
        kwargs: those of `keras.metrics.Metric`.

    Raises:
        UserError: when `num_classes` is less than 1.

    >>> from kerasseg import metrics
    >>> metric = metrics.OverlapCounts(2)
    >>> label = np.array([[[1, 1], [0, 255], [0, 1]]])  # three pixels, two classes
    >>> metric.update_state(label, np.array([[[1, 0], [0, 1], [1, 1]]]))
    >>> metric.counts()
    array([[1, 1, 0, 1],
           [1, 0, 1, 0]])
    """

    def __init__(
        self,
        num_classes: int,
        name: str = "overlapping",
        threshold: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(num_classes, (num_classes, len(COUNTS)), name, **kwargs)
        self.threshold = threshold

    def update_state(
        self,
        label: Tensor,
        logits_or_planes: Tensor,
        sample_weight: Tensor | None = None,
    ) -> None:
        """Counts a batch.

        Args:
            label: (B, ..., C): 1 = the class is there, 0 = it is not; others are
                ignored for this class alone.
            logits_or_planes: (B, ..., C) logits, or 1 and 0: the class is found where
                it is above the threshold.
            sample_weight: broadcasts to the label from the left: (B,) weighs images,
                (B, H, W) pixels. Those of weight 0 are ignored, all others count once.

        Raises:
            UserError: when the shapes do not fit together.
        """
        _check(label, logits_or_planes, self.num_classes)
        label = ops.cast(label, "int32")
        seen = ops.cast(logits_or_planes, "float32") > self.threshold
        there = ops.equal(label, 1)
        valid = counted(sample_weight, there | ops.equal(label, 0))
        there, seen = valid & there, valid & seen
        hit, true, found, all_ = map(_sum, (there & seen, there, seen, valid))
        missed, wrong = true - hit, found - hit
        columns = [hit, wrong, missed, all_ - hit - wrong - missed]
        self.add(ops.stack(columns, axis=-1))

    def result(self) -> dict[str, Tensor]:
        """{"miou", "pixel_accuracy"}, scalar float32; absent classes are left out. The
        accuracy is that of all answers, one for each pixel and class."""
        counts = self.rounded()
        hit, wrong, missed, not_there = (counts[:, i] for i in range(len(COUNTS)))
        union = hit + wrong + missed
        present = ops.cast(union > 0, "float32")
        iou = hit / ops.maximum(union, 1.0)
        right = ops.sum(hit + not_there)
        return {
            "miou": ops.sum(iou) / ops.maximum(ops.sum(present), 1.0),
            "pixel_accuracy": right / ops.maximum(ops.sum(counts), 1.0),
        }

    def counts(self) -> np.ndarray:
        """The exact counts, from which `scores` derives every score: int64 (C, 4)."""
        return self.exact()

    def margins(self) -> np.ndarray:
        """int64 (3, C): hits, true and found pixels of each class."""
        return margins(self.exact())

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"threshold": self.threshold}


def counts(label: ArrayLike, planes: ArrayLike) -> np.ndarray:
    """Counts on the host, for each class in the order of `COUNTS`.

    They are those of segmentation_models_pytorch's get_stats(mode="multilabel"), summed
    over pixels.

    Args:
        label: (..., C): 1 = the class is there, 0 = it is not; others are ignored for
            this class alone.
        planes: (..., C) 1 and 0, or logits: the class is found where it is above 0.

    Returns:
        int64 (C, 4).

    Raises:
        UserError: when the shapes differ.

    >>> counts([[1, 1], [0, 255], [0, 1]], [[1, 0], [0, 1], [1, 1]])
    array([[1, 1, 0, 1],
           [1, 0, 1, 0]])
    """
    label, planes = np.asarray(label), np.asarray(planes)
    _check(label, planes, label.shape[-1] if label.ndim else 0)
    there, seen, absent = label == 1, planes > 0, label == 0
    cells = (there & seen, absent & seen, there & ~seen, absent & ~seen)
    pixels = tuple(range(label.ndim - 1))
    return np.stack([np.count_nonzero(cell, axis=pixels) for cell in cells], axis=-1)


def scores(
    counts: ArrayLike, absent: str = "nan", empty: str = "nan"
) -> dict[str, Any]:
    """Every score that the counts of a split hold.

    Of each class, with the counts tp, fp, fn, tn:

        iou        tp / (tp + fp + fn)
        dice       2 tp / (2 tp + fp + fn), the F1 of its pixels
        precision  tp / (tp + fp)
        recall     tp / (tp + fn)

    The means over classes are miou, mean_dice and class_accuracy (of the recalls), as
    macro averages elsewhere; micro_iou and micro_dice are of the counts of all classes
    together. pixel_accuracy is the share of right answers, one a pixel and class: high
    where classes are rare, so do not judge by it.

    Args:
        counts: (C, 4) of a split, or (N, C, 4) of its images.
        absent: what a class that is neither there nor found does to the means: "nan"
            leaves it out, "zero" counts it as 0.
        empty: what an image does to the means over images in a class that is neither
            there nor found: "nan" leaves it out, "one" counts it as 1 (MONAI's
            ignore_empty=False). "true" leaves out all images where the class is not
            there, so what is found in them is no fault (MONAI's default).

    Returns:
        float64 by name: (C,) for each class, NaN where the denominator is 0, else
        scalars. Of (N, C, 4) also the means over images of scores of single images:
        image_iou and image_dice (C,), and image_miou and image_mean_dice, the mean over
        the classes of an image, then over images.

    Raises:
        UserError: when the shape is another, or `absent` or `empty` is none of those.

    >>> found = scores([[1, 1, 0, 1], [1, 0, 1, 0]])
    >>> float(found["miou"]), float(found["micro_dice"])
    (0.5, 0.666667)
    """
    each = np.asarray(counts)
    if each.ndim not in (2, 3) or each.shape[-1] != len(COUNTS):
        raise UserError(
            "Expected counts (C, 4) of tp, fp, fn, tn, or (N, C, 4) of N images, got "
            f"shape {each.shape}."
        )
    if absent not in ("nan", "zero"):
        raise UserError(f"absent must be 'nan' or 'zero', got {absent!r}.")
    if empty not in ("nan", "one", "true"):
        raise UserError(f"empty must be 'nan', 'one' or 'true', got {empty!r}.")
    total = each.sum(0) if each.ndim == 3 else each
    hit, wrong, missed, _ = total.T.astype(np.float64)
    iou, dice = _iou(total), _dice(total)
    recall = ratio(hit, hit + missed)
    result = {
        "iou": iou,
        "miou": mean_over_classes(iou, absent),
        "pixel_accuracy": ratio(total[:, [0, 3]].sum(), total.sum()),
        "class_accuracy": mean_over_classes(recall, absent),
        "dice": dice,
        "mean_dice": mean_over_classes(dice, absent),
        "micro_iou": _iou(total.sum(0)),
        "micro_dice": _dice(total.sum(0)),
        "precision": ratio(hit, hit + wrong),
        "recall": recall,
    }
    if each.ndim == 3:
        for name, mean, of in (("iou", "miou", _iou), ("dice", "mean_dice", _dice)):
            values = of(each)  # (N, C)
            if empty == "one":
                values = np.nan_to_num(values, nan=1.0)
            elif empty == "true":
                values = np.where(each[..., 0] + each[..., 2] > 0, values, np.nan)
            result[f"image_{name}"] = mean_of_known(values, axis=0)
            result[f"image_{mean}"] = mean_of_known(
                mean_of_known(values, axis=1), axis=0
            )
    return result


def margins(counts: np.ndarray) -> np.ndarray:
    """(C, 4) -> int64 (3, C): hits, true and found pixels, all that IoU needs."""
    hit, wrong, missed, _ = counts.T
    return np.stack([hit, hit + missed, hit + wrong])


def _check(label: Tensor, planes: Tensor, num_classes: int) -> None:
    shape, other = tuple(label.shape), tuple(planes.shape)
    sizes = zip(shape, other, strict=False)
    alike = all(a == b or None in (a, b) for a, b in sizes)
    if not 2 <= len(shape) == len(other) or shape[-1] != num_classes or not alike:
        raise UserError(
            "Where classes overlap, expected a label and planes or logits of one shape "
            f"(..., {num_classes or 'C'}), got {shape} and {other}."
        )


def _sum(mask: Tensor) -> Tensor:
    """bool (..., C) -> int32 (C,): how often it holds for each class."""
    if len(mask.shape) == 2:
        return ops.sum(ops.cast(mask, "int32"), axis=0)
    # Rows as float32, exact up to 2**24: TensorFlow on a GPU adds up int32 on the host.
    rows = ops.sum(ops.cast(mask, "float32"), axis=-2)
    rows = ops.reshape(ops.cast(rows, "int32"), (-1, rows.shape[-1]))
    return ops.cast(ops.sum(rows, axis=0), "int32")


def _iou(counts: np.ndarray) -> Any:
    """(..., 4) -> (...); nan where the class is neither there nor found."""
    hit, wrong, missed = (counts[..., i].astype(np.float64) for i in range(3))
    return ratio(hit, hit + wrong + missed)


def _dice(counts: np.ndarray) -> Any:
    hit, wrong, missed = (counts[..., i].astype(np.float64) for i in range(3))
    return ratio(2 * hit, 2 * hit + wrong + missed)
