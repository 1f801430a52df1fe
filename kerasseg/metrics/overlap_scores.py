"""All scores of a split whose classes overlap, as `split_scores` of others."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasseg.border import connected_instances
from kerasseg.metrics import overlapping
from kerasseg.metrics.boundary import plane_boundary_f1, trimap
from kerasseg.metrics.calibration import calibration_bins, calibration_error
from kerasseg.metrics.intervals import bootstrap_miou, miou_of
from kerasseg.metrics.objects import object_counts, object_f1


class OverlapScores:
    """Takes the images of a split one by one and gives the scores of all together.

    Args:
        num_classes: C.
        trimap_width: pixels. Above 0, pixels at most so far away from a boundary of a
            class are scored apart as well, in this class (`kerasseg.metrics.trimap`).
    """

    def __init__(self, num_classes: int, trimap_width: float = 0.0):
        self.num_classes = num_classes
        self.trimap_width = trimap_width
        self._counts: list[np.ndarray] = []
        self._near_boundaries = np.zeros((num_classes, 4), np.int64)
        self._boundary: list[float] = []
        self._bins: list[np.ndarray | int] = [0] * num_classes
        self._objects: np.ndarray | None = None

    def add(
        self,
        label: np.ndarray,
        planes: np.ndarray,
        probabilities: np.ndarray,
        instance: np.ndarray | None = None,
    ) -> None:
        """Counts one image.

        Objects are counted where there is one class: predicted ones are the connected
        pieces of its plane.

        Args:
            label: (H, W, C): 1 = the class is there, 0 = it is not; others are ignored
                for this class alone.
            planes: (H, W, C) 1 and 0, the classes that were found.
            probabilities: (H, W, C), each in [0, 1].
            instance: (H, W) ids of true objects, if the split has objects.
        """
        self._counts.append(overlapping.counts(label, planes))
        contours = plane_boundary_f1(label, planes)
        if not np.isnan(contours).all():
            self._boundary.append(float(np.nanmean(contours)))
        for c in range(self.num_classes):
            true, p = label[..., c], probabilities[..., c]
            answers = np.stack([1 - p, p], axis=-1)
            self._bins[c] = self._bins[c] + calibration_bins(true, answers)
            if self.trimap_width:
                near = trimap(true, self.trimap_width)[..., None]
                near_counts = overlapping.counts(near, planes[..., c, None])
                self._near_boundaries[c] += near_counts[0]
        if instance is not None and self.num_classes == 1:
            there = label[..., 0] == 1
            known = there | (label[..., 0] == 0)
            seen = connected_instances(np.where(known, planes[..., 0], 0))
            found = object_counts(np.where(there, instance, 0), seen)
            self._objects = found if self._objects is None else self._objects + found

    @property
    def samples(self) -> int:
        """The number of images."""
        return len(self._counts)

    @property
    def counts(self) -> np.ndarray:
        """The counts of all images, int64 (C, 4), see `overlapping.COUNTS`."""
        return np.sum(self._counts, axis=0)

    def last_miou(self) -> float:
        """The mIoU of the image that came last."""
        return float(miou_of(overlapping.margins(self._counts[-1])))

    def scores(self) -> dict[str, Any]:
        """The scores of all images together; NaN where there was nothing to score.

        Returns:
            Those of `kerasseg.metrics.overlapping.scores` and
            miou_interval: (2,) the 95 % bootstrap interval over images;
            boundary_f1: the mean over the classes of an image, then over images;
            calibration_error: of the answers of each class, mean over the classes;
            trimap_iou (C,) and trimap_miou, if there is a trimap_width;
            object_f1, if there is one class and the images came with instances.
        """
        result = overlapping.scores(np.stack(self._counts))
        margins = [overlapping.margins(one) for one in self._counts]
        result["miou_interval"] = np.array(bootstrap_miou(margins))
        result["boundary_f1"] = np.mean(self._boundary) if self._boundary else np.nan
        errors = np.array([calibration_error(bins) for bins in self._bins])
        known = errors[~np.isnan(errors)]
        result["calibration_error"] = known.mean() if known.size else np.nan
        if self.trimap_width:
            near = overlapping.scores(self._near_boundaries)
            result["trimap_iou"], result["trimap_miou"] = near["iou"], near["miou"]
        if self._objects is not None:
            result["object_f1"] = object_f1(self._objects)
        return result
