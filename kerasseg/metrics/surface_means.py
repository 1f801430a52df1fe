"""Distances of the surfaces of each class over the images of a split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from kerasseg.metrics.confusion import mean_of_known
from kerasseg.metrics.surfaces import surface_distances, surface_scores

NAMES = ("assd", "hausdorff", "surface_dice")


class SurfaceMeans:
    """Takes images one by one and gives the mean surface scores of each class.

    Args:
        num_classes: C.
        tolerance: of the surface Dice, in the units of the spacing.
    """

    def __init__(self, num_classes: int, tolerance: float = 1.0):
        self.num_classes = num_classes
        self.tolerance = tolerance
        self._images: list[np.ndarray] = []  # (C, 3)

    def add(
        self,
        masks: Iterable[tuple[int, np.ndarray, np.ndarray]],
        spacing: float | Sequence[float] = 1.0,
    ) -> None:
        """Measures one image.

        Args:
            masks: of each class that is there or was found its id, and bool (H, W)
                where it is and where it was found; both False where ignored.
            spacing: height and width of a pixel.

        Raises:
            UserError: when scipy, which measures, is missing.
        """
        found = np.full((self.num_classes, len(NAMES)), np.nan)
        for c, there, seen in masks:
            distances = surface_distances(there, seen, spacing)
            found[c] = list(surface_scores(distances, self.tolerance).values())
        self._images.append(found)

    def scores(self) -> dict[str, Any]:
        """The means over images, and of these over classes; NaN where nothing is known.

        Distances are means over the images in which the class is and was found: where
        it was missed, or found wrongly, they are infinite. Such images are counted, and
        their surface Dice is 0.

        Returns:
            assd, hausdorff (its 95th percentile), surface_dice: (C,);
            surface_missing: (C,) images where the class is, or was found, but not both;
            mean_assd, mean_hausdorff, mean_surface_dice.
        """
        values = np.array(self._images).reshape(-1, self.num_classes, len(NAMES))
        missing = np.isinf(values[..., 0]).sum(0)
        means = mean_of_known(np.where(np.isinf(values), np.nan, values), 0)  # (C, 3)
        result = dict(zip(NAMES, means.T, strict=True))
        result |= {
            f"mean_{name}": mean_of_known(one, 0) for name, one in result.items()
        }
        return result | {"surface_missing": missing}

    def columns(self) -> dict[str, np.ndarray]:
        """The scores of each image, (N, C)."""
        return dict(zip(NAMES, np.array(self._images).transpose(2, 0, 1), strict=True))
