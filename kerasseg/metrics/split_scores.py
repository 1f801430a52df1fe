"""All that `evaluate` counts on a split, image by image, and the scores they give."""

from __future__ import annotations

import numpy as np


class Counts:
    """Adds up confusion, contours, calibration and objects over images."""

    def __init__(self, num_classes: int):
        self.num_classes = num_classes
        self._matrices, self._boundary, self._bins, self._objects = [], [], 0, None

    def add(self, label, ids, probabilities, instance=None) -> None:
        """One image: label and ids (H, W), probabilities (H, W, C), instance (H, W).

        Where two true objects touch, the pixels that the label calls class 0 belong to
        neither; predicted objects are the connected pieces of one class other than 0.
        """
        from kerasseg import border, metrics

        self._matrices.append(metrics.count(label, ids, self.num_classes))
        contours = metrics.boundary_f1(label, ids, self.num_classes)
        if not np.isnan(contours).all():
            self._boundary.append(np.nanmean(contours))
        self._bins = self._bins + metrics.calibration_bins(label, probabilities)
        if instance is not None:
            known = label < self.num_classes
            true = np.where(known & (label > 0), instance, 0)
            seen = border.connected_instances(np.where(known, ids, 0))
            found = metrics.object_counts(true, seen)
            self._objects = found if self._objects is None else self._objects + found

    @property
    def matrices(self) -> np.ndarray:
        """Confusion matrices (N, C, C) of the images."""
        return np.stack(self._matrices)

    def scores(self) -> dict:
        """Of all images together; nan where nothing was there to score.

        boundary_f1 is SegNet's: the mean over the classes of an image, then over
        images. miou_interval: 95 % bootstrap over images.
        """
        from kerasseg import metrics

        matrices = self.matrices
        scores = metrics.scores(matrices.sum(axis=0))
        scores["miou_interval"] = np.array(metrics.bootstrap(matrices))
        scores["boundary_f1"] = np.mean(self._boundary) if self._boundary else np.nan
        scores["calibration_error"] = metrics.calibration_error(self._bins)
        if self._objects is not None:
            scores["object_f1"] = metrics.object_f1(self._objects)
        return scores
