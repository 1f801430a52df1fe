"""All scores of a split whose classes overlap, as `split_scores` of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasseg.metrics import overlapping
from kerasseg.metrics.boundary import plane_boundary_f1, trimap
from kerasseg.metrics.calibration import calibration_bins, calibration_error
from kerasseg.metrics.confusion import cohen_kappa, mean_over_classes
from kerasseg.metrics.image_scores import ImageScores
from kerasseg.taxonomy import IGNORE


class OverlapScores(ImageScores):
    """Takes the images of a split one by one and gives the scores of all together.

    Args:
        num_classes: C.
        trimap_width: pixels. Above 0, pixels at most so far away from a boundary of a
            class are scored apart as well, in this class (`kerasseg.metrics.trimap`).
        tolerance: of the surface Dice; None: distances of surfaces are not measured.
    """

    def __init__(
        self,
        num_classes: int,
        trimap_width: float = 0.0,
        tolerance: float | None = None,
    ):
        super().__init__(num_classes, trimap_width, tolerance)
        self._counts: list[np.ndarray] = []
        self._near_boundaries = np.zeros((num_classes, 4), np.int64)
        self._bins: list[np.ndarray | int] = [0] * num_classes

    def add(
        self,
        label: np.ndarray,
        planes: np.ndarray,
        probabilities: np.ndarray | None = None,
        instance: np.ndarray | None = None,
        *,
        spacing: float | Sequence[float] = 1.0,
        group: str = "",
    ) -> None:
        """Counts one image, or one volume: then all (H, W) are (D, H, W).

        Contours, trimaps and objects are of images alone. Objects are counted where
        there is one class: predicted ones are the connected pieces of its plane.

        Args:
            label: (H, W, C): 1 = the class is there, 0 = it is not; others are ignored
                for this class alone.
            planes: (H, W, C) 1 and 0, the classes that were found.
            probabilities: (H, W, C), each in [0, 1]; None: they come to `calibrate` in
                parts.
            instance: (H, W) ids of true objects, if the split has objects.
            spacing: height and width of a pixel, for the distances of surfaces; of a
                volume depth, height and width of a voxel in mm, for its size too.
            group: the video, patient or place that the image comes from.
        """
        counts = overlapping.counts(label, planes)
        self._counts.append(counts)
        contours = np.full(self.num_classes, np.nan)
        if label.ndim == 3:
            contours = plane_boundary_f1(label, planes)
        else:
            self.note_voxel(spacing)
        self.note_image(overlapping.margins(counts), contours, group)
        if probabilities is not None:
            self.calibrate(label, probabilities)
        if self.trimap_width:
            for c in range(self.num_classes):
                near = trimap(label[..., c], self.trimap_width)[..., None]
                near_counts = overlapping.counts(near, planes[..., c, None])
                self._near_boundaries[c] += near_counts[0]
        known = label <= 1
        if instance is not None and self.num_classes == 1:
            ids = np.where(known, label, IGNORE)[..., 0]
            self.add_objects(ids, planes[..., 0].astype(np.uint8), instance, 2)
        if self.surfaces:
            there, seen = label == 1, (planes > 0) & known
            masks = ((c, there[..., c], seen[..., c]) for c in range(self.num_classes))
            self.surfaces.add(masks, spacing)

    def calibrate(self, label: np.ndarray, probabilities: np.ndarray) -> None:
        """Counts probabilities (..., C) of a label (..., C) for the calibration
        error."""
        for c in range(self.num_classes):
            p = probabilities[..., c]
            answers = np.stack([1 - p, p], axis=-1)
            self._bins[c] = self._bins[c] + calibration_bins(label[..., c], answers)

    @property
    def counts(self) -> np.ndarray:
        """The counts of all images, int64 (C, 4), see `overlapping.COUNTS`."""
        return np.sum(self._counts, axis=0)

    def scores(self) -> dict[str, Any]:
        """The scores of all images together; NaN where there was nothing to score.

        Returns:
            Those of `kerasseg.metrics.overlapping.scores`, of `ImageScores.shared`, and
            kappa: of the answers of each class, mean over the classes;
            calibration_error: likewise;
            trimap_iou (C,) and trimap_miou, if there is a trimap_width.
        """
        result = overlapping.scores(np.stack(self._counts)) | self.shared()
        hit, wrong, missed, absent = self.counts.T
        tables = np.array([[absent, wrong], [missed, hit]]).transpose(2, 0, 1)
        kappas, errors = map(cohen_kappa, tables), map(calibration_error, self._bins)
        result["kappa"] = float(mean_over_classes(np.array([*kappas]), "nan"))
        result["calibration_error"] = float(
            mean_over_classes(np.array([*errors]), "nan")
        )
        if "class_pq" in result:  # of two classes, the first of which is "not there"
            result["class_pq"] = result["class_pq"][1:]
        if self.trimap_width:
            near = overlapping.scores(self._near_boundaries)
            result["trimap_iou"], result["trimap_miou"] = near["iou"], near["miou"]
        return result
