"""A pinhole camera behind the windscreen. World: X right, Y up, Z ahead, in metres."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

NEAR = 0.6
"""Nothing nearer than this is projected."""


@dataclass(frozen=True)
class Camera:
    """focal and centre (x, y of the vanishing point) in canvas pixels; height in m."""

    focal: float
    centre: tuple[float, float]
    height: float
    roll: float

    @classmethod
    def random(cls, rng: np.random.Generator, rows: int, columns: int) -> Camera:
        focal = rng.uniform(0.82, 1.0) * math.sqrt(rows * columns * 4 / 3)
        horizon = rng.uniform(0.42, 0.52) * rows
        middle = rng.uniform(0.44, 0.56) * columns
        roll = math.radians(rng.normal(0, 0.8))
        return cls(focal, (middle, horizon), rng.uniform(1.25, 1.7), roll)

    def project(self, points: ArrayLike) -> np.ndarray:
        """World (..., 3) -> canvas (..., 2) x, y in pixels."""
        points = np.asarray(points, np.float64)
        scale = self.focal / np.maximum(points[..., 2], NEAR)
        u = points[..., 0] * scale
        v = (self.height - points[..., 1]) * scale
        sine, cosine = math.sin(self.roll), math.cos(self.roll)
        pixels = np.empty((*points.shape[:-1], 2))
        pixels[..., 0] = u * cosine - v * sine + self.centre[0]
        pixels[..., 1] = u * sine + v * cosine + self.centre[1]
        return pixels

    def ground(self, rows: int, columns: int) -> tuple[int, np.ndarray, np.ndarray]:
        """Where the pixels look at the ground: first row, X and Z of each (rows, W).

        Z is at most 400 m; pixels above the horizon get Z = inf.
        """
        sine, cosine = math.sin(self.roll), math.cos(self.roll)
        tilt = max(abs(self.centre[0]), abs(columns - self.centre[0])) * abs(sine)
        first = max(0, int(self.centre[1] - tilt))
        x = np.arange(columns, dtype=np.float32) - np.float32(self.centre[0])
        y = np.arange(first, rows, dtype=np.float32)[:, None] - self.centre[1]
        y = y.astype(np.float32)
        u = x * np.float32(cosine) + y * np.float32(sine)
        v = y * np.float32(cosine) - x * np.float32(sine)
        below = v > 0
        lowest = self.focal * self.height / 400
        scale = np.float32(self.height) / np.maximum(v, np.float32(lowest))
        return first, u * scale, np.where(below, scale * self.focal, np.inf)

    def pixels(self, metres: float, depth: float) -> float:
        """Length in canvas pixels of `metres` across the line of sight."""
        return self.focal * metres / depth
