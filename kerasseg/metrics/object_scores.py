"""Scores of objects over the images of a split, class by class."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasseg.border import connected_instances
from kerasseg.metrics.confusion import mean_of_known
from kerasseg.metrics.objects import image_scores, object_f1, panoptic_quality
from kerasseg.taxonomy import ignore_of


class ObjectScores:
    """Takes the objects of images one by one.

    Predicted objects are the connected pieces of one class other than 0. A class
    without a true object in all the images (road, sky) is none of objects: its pieces
    do not count.

    Args:
        num_classes: C.
    """

    def __init__(self, num_classes: int):
        self.num_classes = num_classes
        self._counts: list[np.ndarray] = []  # (C, 4) of each image
        self._precision: list[np.ndarray] = []  # (C,)
        self._jaccard: list[np.ndarray] = []  # (C,)

    def add(self, label: np.ndarray, ids: np.ndarray, instance: np.ndarray) -> None:
        """Counts the objects of one image.

        Where two true objects touch, the pixels that the label calls class 0 belong to
        neither.

        Args:
            label: (H, W) true class ids; those outside 0..C-1 are ignored.
            ids: (H, W) predicted class ids.
            instance: (H, W) ids of true objects, 0 = none.
        """
        known = label < self.num_classes
        true = np.where(known & (label > 0), instance, 0)
        seen = np.where(known, ids, 0)
        pieces = connected_instances(seen, ignore=ignore_of(self.num_classes))
        counts = np.zeros((self.num_classes, 4))
        precision, jaccard = np.full((2, self.num_classes), np.nan)
        for c in np.union1d(np.unique(label[true > 0]), np.unique(seen[seen > 0])):
            found = image_scores(
                np.where(label == c, true, 0), np.where(seen == c, pieces, 0)
            )
            counts[c] = found["counts"]
            precision[c], jaccard[c] = found["average_precision"], found["aji"]
        self._counts.append(counts)
        self._precision.append(precision)
        self._jaccard.append(jaccard)

    def scores(self) -> dict[str, Any]:
        """The scores of all images together; NaN where there is no object.

        Returns:
            object_f1: of all objects at IoU > 0.5;
            average_precision: over the IoU thresholds 0.5 to 0.95, mean over images,
            then over classes (Kaggle's Data Science Bowl 2018);
            aji: aggregated Jaccard index, mean over images, then over classes;
            pq, sq, rq: panoptic quality of each class, mean over classes;
            class_pq: (C,) the panoptic quality of each class.
        """
        there = self._of_objects()
        total = np.sum(self._counts, axis=0)  # (C, 4)
        quality = [panoptic_quality(counts) for counts in total]
        each = {name: [one[name] for one in quality] for name in ("pq", "sq", "rq")}
        means = {
            name: mean_of_known(np.array(values)[there])
            for name, values in each.items()
        }
        return {
            "object_f1": object_f1(total[there, :3].sum(0)),
            "average_precision": self._mean_over_images(self._precision),
            "aji": self._mean_over_images(self._jaccard),
            **means,
            "class_pq": np.where(there, each["pq"], np.nan),
        }

    def columns(self) -> dict[str, np.ndarray]:
        """The scores of each image, (N,)."""
        there = self._of_objects()
        counts = np.array(self._counts)[:, there, :3].sum(1)  # (N, 3)
        names = "objects_found", "objects_spurious", "objects_missed"
        return dict(zip(names, counts.astype(int).T, strict=True)) | {
            "average_precision": mean_of_known(np.array(self._precision)[:, there], 1),
            "aji": mean_of_known(np.array(self._jaccard)[:, there], 1),
        }

    def _of_objects(self) -> np.ndarray:
        """bool (C,): the classes that have true objects."""
        return np.sum(self._counts, axis=0)[:, [0, 2]].sum(1) > 0

    def _mean_over_images(self, values: list[np.ndarray]) -> Any:
        return mean_of_known(mean_of_known(np.array(values), 0)[self._of_objects()])
