"""All scores of a split: of pixels, contours, objects, and calibration."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasseg.border import connected_instances
from kerasseg.metrics.boundary import boundary_f1, trimap
from kerasseg.metrics.calibration import calibration_bins, calibration_error
from kerasseg.metrics.confusion import count, margins, scores
from kerasseg.metrics.intervals import bootstrap_miou, miou_of
from kerasseg.metrics.objects import object_counts, object_f1
from kerasseg.taxonomy import ignore_of


class SplitScores:
    """Takes the images of a split one by one and gives the scores of all together.

    Args:
        num_classes: C.
        trimap_width: pixels. Above 0, pixels at most so far away from a boundary of
            the label are scored apart as well (`kerasseg.metrics.trimap`).
    """

    def __init__(self, num_classes: int, trimap_width: float = 0.0):
        self.num_classes = num_classes
        self.trimap_width = trimap_width
        self._near_boundaries: np.ndarray | int = 0
        self.matrix: np.ndarray = np.zeros((0, 0), np.int64)
        """The confusion matrix of all images, int64 (C, C)."""
        self._margins: list[np.ndarray] = []
        self._boundary: list[float] = []
        self._bins: np.ndarray | int = 0
        self._objects: np.ndarray | None = None

    def add(
        self,
        label: np.ndarray,
        ids: np.ndarray,
        probabilities: np.ndarray,
        instance: np.ndarray | None = None,
    ) -> None:
        """Counts one image.

        Predicted objects are the connected pieces of one class other than 0. Where two
        true objects touch, the pixels that the label calls class 0 belong to neither.

        Args:
            label: (H, W) true class ids; those outside 0..C-1 are ignored.
            ids: (H, W) predicted class ids.
            probabilities: (H, W, C).
            instance: (H, W) ids of true objects, if the split has objects.
        """
        matrix = count(label.ravel(), ids.ravel(), self.num_classes)
        self.matrix = self.matrix + matrix if self._margins else matrix
        self._margins.append(margins(matrix))
        if self.trimap_width:
            near = trimap(label, self.trimap_width, ignore_of(self.num_classes))
            self._near_boundaries += count(near.ravel(), ids.ravel(), self.num_classes)
        contours = boundary_f1(label, ids, self.num_classes)
        if not np.isnan(contours).all():
            self._boundary.append(float(np.nanmean(contours)))
        self._bins = self._bins + calibration_bins(label, probabilities)
        if instance is not None:
            known = label < self.num_classes
            true = np.where(known & (label > 0), instance, 0)
            ignore = ignore_of(self.num_classes)
            seen = connected_instances(np.where(known, ids, 0), ignore=ignore)
            found = object_counts(true, seen)
            self._objects = found if self._objects is None else self._objects + found

    @property
    def samples(self) -> int:
        """The number of images."""
        return len(self._margins)

    def last_miou(self) -> float:
        """The mIoU of the image that came last."""
        return float(miou_of(self._margins[-1]))

    def scores(self) -> dict[str, Any]:
        """The scores of all images together; NaN where there was nothing to score.

        Returns:
            Those of `kerasseg.metrics.scores` and
            miou_interval: (2,) the 95 % bootstrap interval over images;
            boundary_f1: SegNet's, the mean over the classes of an image, then over
            images;
            calibration_error;
            trimap_iou (C,) and trimap_miou, if there is a trimap_width;
            object_f1, if the images came with instances.
        """
        result = scores(self.matrix)
        result["miou_interval"] = np.array(bootstrap_miou(self._margins))
        result["boundary_f1"] = np.mean(self._boundary) if self._boundary else np.nan
        result["calibration_error"] = calibration_error(self._bins)
        if self.trimap_width:
            near = scores(self._near_boundaries)
            result["trimap_iou"], result["trimap_miou"] = near["iou"], near["miou"]
        if self._objects is not None:
            result["object_f1"] = object_f1(self._objects)
        return result
