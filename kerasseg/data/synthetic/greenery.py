"""Trees with leafy crowns, hedges, and the far wood along the horizon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerasseg.data.synthetic.canvas import noise
from kerasseg.data.synthetic.stage import TREE, Stage, Thing, circle, pick

LEAVES = ((74, 104, 42), (92, 116, 50), (58, 88, 44), (118, 110, 48), (66, 98, 60))
BARK = (84, 70, 58)
LARGEST_SPRITE = 640


@dataclass(frozen=True)
class Tree:
    """x, z: its foot on the ground; height, radius of the crown, trunk: metres."""

    x: float
    z: float
    height: float
    radius: float
    trunk: float
    leaves: tuple[float, ...]

    @classmethod
    def random(
        cls, rng: np.random.Generator, x: float, z: float, height: float
    ) -> Tree:
        leaves = np.array(pick(rng, LEAVES)) * rng.uniform(0.75, 1.15)
        return cls(
            x=x,
            z=z,
            height=height,
            radius=height * rng.uniform(0.24, 0.36),
            trunk=height * rng.uniform(0.035, 0.05),
            leaves=tuple(leaves),
        )

    def thing(self) -> Thing:
        low = self.height * 0.35
        return Thing(
            self.z, self.paint, circle(self.x, self.z, self.radius), low, self.height
        )

    def paint(self, stage: Stage) -> None:
        code = stage.canvas.new_object(TREE)
        bark = stage.light.shade(BARK, self.z, (0.0, 0.3, -0.5))
        dark = [int(0.7 * c) for c in bark]
        half, top = self.trunk / 2, self.height * 0.55
        feet = [
            (-half * 1.3, 0),
            (half * 1.3, 0),
            (half * 0.7, top),
            (-half * 0.7, top),
        ]
        points = [(self.x + dx, y, self.z) for dx, y in feet]
        stage.canvas.polygon(stage.camera.project(points), bark, code)
        points = [(self.x + max(dx, half * 0.1), y, self.z) for dx, y in feet]
        stage.canvas.polygon(stage.camera.project(points), dark, code)
        for lean in (-0.5, 0.45):
            branch = [(self.x, 0.35 * self.height), (self.x + lean * self.radius, top)]
            ends = stage.camera.project([(x, y, self.z) for x, y in branch])
            width = stage.camera.pixels(half * 0.8, self.z)
            stage.canvas.stroke(ends, width, dark, code)
        middle = self.height - self.radius * 1.02
        self._crown(stage, middle, code)

    def _crown(self, stage, middle, code):
        rng = stage.rng
        centre = stage.camera.project((self.x, middle, self.z))
        across = stage.camera.pixels(self.radius, self.z) * 1.2
        size = int(np.clip(2 * across, 8, 8 * LARGEST_SPRITE))
        left, top = (centre - size / 2).astype(int)
        rows, columns = stage.canvas.pixels.shape[:2]
        if left > columns or top > rows or left + size < 0 or top + size < 0:
            return
        n = min(size, LARGEST_SPRITE)
        y = np.linspace(-1.2, 1.2, n, dtype=np.float32)[:, None]
        x = np.linspace(-1.2, 1.2, n, dtype=np.float32)
        lumps, twigs = noise(rng, n, n, 5), noise(rng, n, n, 16)
        leaf = noise(rng, n, n, min(110, n / 2.2))
        inside = x * x + y * y + 0.45 * lumps + 0.3 * twigs + 0.12 * leaf
        mask = inside < 0.92
        lx, ly, _ = stage.light.direction
        lit = 0.85 + 0.2 * (x * lx - y * max(ly, 0.4)) + 0.22 * twigs - 0.12 * lumps
        lit = np.maximum(lit + 0.24 * leaf, 0.25)
        picture = stage.light.paint_with(self.leaves, lit, self.z, (0.0, 0.8, -0.4))
        if n < size:
            pick = np.arange(size) * n // size
            picture, mask = picture[pick[:, None], pick], mask[pick[:, None], pick]
        stage.canvas.stamp(picture, mask, int(left), int(top), code)


def hedge(
    start: tuple[float, float],
    end: tuple[float, float],
    height: float,
    leaves: Sequence[float],
) -> Thing:
    """A cut hedge between two ground points (X, Z), `start` the nearer one."""

    def paint(stage: Stage):
        rng = stage.rng
        n = int(np.clip(stage.camera.pixels(height, max(1.0, start[1])), 8, 160))
        length = int(np.clip(n * np.hypot(*np.subtract(end, start)) / height, 8, 640))
        leaf = noise(rng, n, length, n / 2.5)
        lit = 0.85 + 0.3 * leaf + np.linspace(0.2, -0.2, n, dtype=np.float32)[:, None]
        depth = (start[1] + end[1]) / 2
        picture = stage.light.paint_with(leaves, lit, depth, (0.0, 0.6, -0.6))
        quad = stage.camera.project(
            [(p[0], y, p[1]) for p, y in ((start, 0), (end, 0), (end, height))]
            + [(start[0], height, start[1])]
        )
        stage.canvas.paste(picture, quad, TREE)

    return Thing(max(start[1], end[1]), paint, np.array([start, end]))


def paint_far_wood(stage: Stage) -> None:
    """A ragged line of trees along the horizon, where nothing nearer hides it."""
    rng, columns = stage.rng, stage.canvas.pixels.shape[1]
    depth = 190.0
    x = np.linspace(-1.1, 1.1, 80) * columns / stage.camera.focal * depth
    ragged = noise(rng, 3, 80, 3)[1] * 3 + noise(rng, 3, 80, 1)[1] * 1.5
    height = np.maximum(rng.uniform(3, 9) + ragged * rng.uniform(0.6, 1.6), 1.0)
    green = np.array(pick(rng, LEAVES)) * 0.8
    top = np.stack([x, height, np.full(80, depth)], 1)
    foot = [(x[-1], -4.0, depth), (x[0], -4.0, depth)]
    points = stage.camera.project(np.concatenate([top, foot]))
    stage.canvas.outline(points, stage.light.shade(green, depth), TREE)
