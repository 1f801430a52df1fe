"""How well a network answers on the same images in other light, and worse taken."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from kerasseg.image_format import ImageFormat
from kerasseg.inference.answers import ids_of
from kerasseg.metrics.confusion import mean_of_known
from kerasseg.runs import corruptions
from kerasseg.runs.counted import Counted
from kerasseg.taxonomy import Taxonomy, Tensor


class Robustness:
    """Scores each corruption at each strength, on the images that it is given.

    predict: images (B, H, W, bands) -> probabilities (B, H, W, C).

    Raises UserError as `corruptions.names_for`.
    """

    def __init__(
        self,
        predict: Callable[[Tensor], Tensor],
        taxonomy: Taxonomy,
        image_format: ImageFormat,
    ):
        self._predict, self._taxonomy, self._format = predict, taxonomy, image_format
        self._numbers = itertools.count()
        self._counted = {
            (name, strength): Counted(taxonomy)
            for name in corruptions.names_for(image_format)
            for strength in corruptions.STRENGTHS[name]
        }

    def add(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Scores images (B, H, W, bands) with their labels (B, H, W)."""
        numbers = [next(self._numbers) for _ in images]
        for (name, strength), counted in self._counted.items():
            made = [
                corruptions.corrupted(image, name, strength, self._format, number)
                for image, number in zip(images, numbers, strict=True)
            ]
            found = np.asarray(self._predict(np.stack(made)))
            counted.add(labels, ids_of(found, self._taxonomy.exclusive))

    def to_json(self) -> dict[str, Any]:
        """What stands in metrics.json: strengths and mIoU of each corruption, the
        weakest first, their mean, and the mean over all of them."""
        each: dict[str, dict[str, Any]] = {}
        for (name, strength), counted in self._counted.items():
            row = each.setdefault(name, {"strengths": [], "miou": []})
            row["strengths"].append(strength)
            row["miou"].append(counted.miou())
        for row in each.values():
            row["mean"] = float(mean_of_known(np.array(row["miou"])))
        means = np.array([row["mean"] for row in each.values()])
        return {"mean_miou": float(mean_of_known(means)), "corruptions": each}
