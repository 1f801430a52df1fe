"""What is kept of each image of a split, whichever its classes: rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasseg.metrics.confusion import mean_of_known, mean_over_classes, ratio
from kerasseg.metrics.intervals import bootstrap_miou, miou_of
from kerasseg.metrics.object_scores import ObjectScores
from kerasseg.metrics.surface_means import SurfaceMeans


class ImageScores:
    """The counts of each image, its group, its contours, objects and surfaces.

    Args:
        num_classes: C.
        trimap_width: pixels. Above 0, pixels at most so far away from a boundary are
            scored apart as well.
        tolerance: of the surface Dice; None: distances of surfaces are not measured.
    """

    def __init__(
        self,
        num_classes: int,
        trimap_width: float = 0.0,
        tolerance: float | None = None,
    ):
        self.num_classes = num_classes
        self.trimap_width = trimap_width
        self._margins: list[np.ndarray] = []  # (3, C) of each image
        self._groups: list[str] = []
        self._boundary: list[float] = []
        self._voxels: list[float] = []  # ml, of volumes
        self._objects: ObjectScores | None = None
        self.surfaces: SurfaceMeans | None = None
        if tolerance is not None:
            self.surfaces = SurfaceMeans(num_classes, tolerance)

    @property
    def samples(self) -> int:
        """The number of images."""
        return len(self._margins)

    def last_miou(self) -> float:
        """The mIoU of the image that came last."""
        return float(miou_of(self._margins[-1]))

    def columns(self) -> dict[str, np.ndarray]:
        """The scores of each image, (N,), or (N, C) of each class; NaN where there was
        nothing to score.

        Returns:
            miou, boundary_f1 (N,); iou, dice, hit_pixels, true_pixels, found_pixels
            (N, C), of volumes also true_ml and found_ml and no boundary_f1; and those
            of `ObjectScores.columns` and `SurfaceMeans.columns`, where objects and
            surfaces were scored.
        """
        hit, true, seen = np.stack(self._margins, axis=1)  # (N, C)
        found = {"miou": np.array([miou_of(one) for one in self._margins])}
        found |= {} if self._voxels else {"boundary_f1": np.array(self._boundary)}
        found |= self._objects.columns() if self._objects else {}
        found |= {"iou": ratio(hit, true + seen - hit)}
        found |= {"dice": ratio(2 * hit, true + seen)}
        found |= self.surfaces.columns() if self.surfaces else {}
        if self._voxels:
            voxels = np.array(self._voxels)[:, None]
            found |= {"true_ml": true * voxels, "found_ml": seen * voxels}
        pixels = {"hit_pixels": hit, "true_pixels": true, "found_pixels": seen}
        return found | pixels

    def shared(self) -> dict[str, Any]:
        """The scores that are the same whether the classes overlap or not.

        Returns:
            miou_interval: (2,) the 95 % bootstrap interval over images; where each has
            a group, and there are 2 or more, over groups; groups: their number, else 0;
            boundary_f1: SegNet's, the mean over the classes of an image, then over
            images, and of volumes in its place case_dice, case_iou, volume_error (C,):
            means over the volumes in which a class is or was found, the last of what it
            is too large or too small, in ml;
            those of `ObjectScores.scores` and `SurfaceMeans.scores`.
        """
        apart = set(self._groups) if all(self._groups) else set()
        groups = self._groups if len(apart) > 1 else None
        result = {
            "miou_interval": np.array(bootstrap_miou(self._margins, groups=groups)),
            "groups": len(apart) if groups else 0,
        }
        if self._voxels:
            result |= self._of_cases()
        else:
            boundary = mean_over_classes(np.array(self._boundary), "nan")
            result["boundary_f1"] = boundary
        result |= self._objects.scores() if self._objects else {}
        return result | (self.surfaces.scores() if self.surfaces else {})

    def _of_cases(self) -> dict[str, Any]:
        columns = self.columns()
        there = columns["true_pixels"] + columns["found_pixels"] > 0
        away = np.abs(columns["found_ml"] - columns["true_ml"])
        return {
            "case_dice": mean_of_known(columns["dice"], 0),
            "case_iou": mean_of_known(columns["iou"], 0),
            "volume_error": mean_of_known(np.where(there, away, np.nan), 0),
        }

    def note_voxel(self, spacing: float | Sequence[float]) -> None:
        """Keeps the size of a voxel of the volume that comes, sides in mm."""
        sides = np.broadcast_to(np.asarray(spacing, np.float64), 3)
        self._voxels.append(float(np.prod(sides)) / 1000)

    def note_image(self, margins: np.ndarray, contours: np.ndarray, group: str) -> None:
        """Keeps what every image has. contours: (C,) boundary F1."""
        self._margins.append(margins)
        self._groups.append(group)
        self._boundary.append(float(mean_over_classes(contours, "nan")))

    def add_objects(
        self, label: np.ndarray, ids: np.ndarray, instance: np.ndarray, classes: int
    ) -> None:
        self._objects = self._objects or ObjectScores(classes)
        self._objects.add(label, ids, instance)
