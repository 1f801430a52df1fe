"""All scores of a split: of pixels, contours, objects, surfaces, and calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasseg.metrics.boundary import boundary_f1, trimap
from kerasseg.metrics.calibration import calibration_bins, calibration_error
from kerasseg.metrics.confusion import cohen_kappa, count, margins, scores
from kerasseg.metrics.image_scores import ImageScores
from kerasseg.taxonomy import ignore_of


class SplitScores(ImageScores):
    """Takes the images of a split one by one and gives the scores of all together.

    Args:
        num_classes: C.
        trimap_width: pixels. Above 0, pixels at most so far away from a boundary of
            the label are scored apart as well (`kerasseg.metrics.trimap`).
        tolerance: of the surface Dice; None: distances of surfaces are not measured.
    """

    matrix: np.ndarray = np.zeros((0, 0), np.int64)
    """The confusion matrix of all images, int64 (C, C)."""
    _near_boundaries: np.ndarray | int = 0
    _bins: np.ndarray | int = 0

    def add(
        self,
        label: np.ndarray,
        ids: np.ndarray,
        probabilities: np.ndarray | None = None,
        instance: np.ndarray | None = None,
        *,
        spacing: float | Sequence[float] = 1.0,
        group: str = "",
    ) -> None:
        """Counts one image, or one volume: then all (H, W) are (D, H, W).

        Contours, trimaps and objects are of images alone.

        Args:
            label: (H, W) true class ids; those outside 0..C-1 are ignored.
            ids: (H, W) predicted class ids.
            probabilities: (H, W, C); None: they come to `calibrate` in parts.
            instance: (H, W) ids of true objects, if the split has objects; see
                `ObjectScores`.
            spacing: height and width of a pixel, for the distances of surfaces; of a
                volume depth, height and width of a voxel in mm, for its size too. Its
                first class is the background: its surface is not measured.
            group: the video, patient or place that the image comes from.
        """
        classes = self.num_classes
        matrix = count(label.ravel(), ids.ravel(), classes)
        self.matrix = self.matrix + matrix if self.samples else matrix
        contours = np.full(classes, np.nan)
        if label.ndim == 2:
            contours = boundary_f1(label, ids, classes)
        else:
            self.note_voxel(spacing)
        self.note_image(margins(matrix), contours, group)
        if self.trimap_width:
            near = trimap(label, self.trimap_width, ignore_of(classes))
            near_counts = count(near.ravel(), ids.ravel(), classes)
            self._near_boundaries = self._near_boundaries + near_counts
        if probabilities is not None:
            self.calibrate(label, probabilities)
        if instance is not None:
            self.add_objects(label, ids, instance, classes)
        if self.surfaces:
            known = label < classes
            ids = np.where(known, ids, ignore_of(classes))
            occur = np.union1d(label[known], ids[known])
            occur = occur[occur > 0] if label.ndim == 3 else occur
            masks = ((c, (label == c) & known, ids == c) for c in occur)
            self.surfaces.add(masks, spacing)

    def calibrate(self, label: np.ndarray, probabilities: np.ndarray) -> None:
        """Counts probabilities (..., C) of a label (...) for the calibration error."""
        self._bins = self._bins + calibration_bins(label, probabilities)

    def scores(self) -> dict[str, Any]:
        """The scores of all images together; NaN where there was nothing to score.

        Returns:
            Those of `kerasseg.metrics.scores`, of `ImageScores.shared`, and
            kappa: `kerasseg.metrics.cohen_kappa`;
            calibration_error;
            trimap_iou (C,) and trimap_miou, if there is a trimap_width.
        """
        result = scores(self.matrix) | self.shared()
        result["kappa"] = cohen_kappa(self.matrix)
        result["calibration_error"] = calibration_error(self._bins)
        if self.trimap_width:
            near = scores(self._near_boundaries)
            result["trimap_iou"], result["trimap_miou"] = near["iou"], near["miou"]
        return result
