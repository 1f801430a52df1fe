"""The counts of a split whose images come one after the other, and their mean IoU."""

from __future__ import annotations

import numpy as np

from kerasseg import metrics
from kerasseg.metrics import overlapping
from kerasseg.taxonomy import Taxonomy


class Counted:
    """Counts answers of exclusive classes, and of classes that overlap."""

    def __init__(self, taxonomy: Taxonomy):
        self._classes, self._exclusive = taxonomy.num_classes, taxonomy.exclusive
        wide = self._classes if self._exclusive else len(overlapping.COUNTS)
        self.counts = np.zeros((self._classes, wide), np.int64)

    def add(self, label: np.ndarray, ids: np.ndarray) -> None:
        """Counts a label with its answer, both (..., H, W), or where classes overlap
        (..., H, W, C)."""
        if self._exclusive:
            self.counts += metrics.count(label.ravel(), ids.ravel(), self._classes)
        else:
            self.counts += overlapping.counts(label, ids)

    def miou(self) -> float:
        """NaN where nothing was to score."""
        found = metrics if self._exclusive else overlapping
        return float(found.scores(self.counts)["miou"])
