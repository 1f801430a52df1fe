"""What the peers of `benchmarks.planner` share: their images, and how they answer.

A file of arrays holds x0, y0, ... of the training, uint8 (H, W, 3) and (H, W), and vx0,
vy0, ... of the validation; 255 is ignored. The answer is a JSON line with the confusion
matrix (rows are labels) over all validation images, each at its own size.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import numpy as np

IGNORE = 255


class Work:
    """ARRAYS.npz MINUTES CLASSES SEED of the command line."""

    def __init__(self) -> None:
        arrays, minutes, classes, seed = sys.argv[1:5]
        self.classes, self.seed = int(classes), int(seed)
        self.seconds, self.began = 60 * float(minutes), time.monotonic()
        data = np.load(arrays)
        self.train, self.val = pairs(data, ""), pairs(data, "v")

    @property
    def share(self) -> float:
        """Of the time that is over."""
        return (time.monotonic() - self.began) / self.seconds

    def answer(self, ids_of: Callable[[np.ndarray], np.ndarray], steps: int) -> None:
        """ids_of: an image -> class ids of its size."""
        matrix = np.zeros((self.classes, self.classes), np.int64)
        for image, label in self.val:
            known = label != IGNORE
            both = self.classes * label[known].astype(np.int64) + ids_of(image)[known]
            counts = np.bincount(both, minlength=self.classes**2)
            matrix += counts.reshape(matrix.shape)
        print(json.dumps({"steps": steps, "matrix": matrix.tolist()}))


def pairs(data, prefix: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Images and labels of a split; prefix: "" of the training, "v" of validation."""
    count = sum(key.startswith(f"{prefix}x") for key in data.files)
    return [(data[f"{prefix}x{n}"], data[f"{prefix}y{n}"]) for n in range(count)]
