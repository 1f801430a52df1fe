"""The stage on which things paint themselves: canvas, camera and light."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from kerasseg.data.synthetic.camera import Camera
from kerasseg.data.synthetic.canvas import SUPERSAMPLING, Canvas
from kerasseg.data.synthetic.light import Light

(
    SKY,
    BUILDING,
    POLE,
    ROAD,
    PAVEMENT,
    TREE,
    SIGN,
    FENCE,
    CAR,
    PEDESTRIAN,
    BICYCLIST,
) = range(11)

THINNEST = 3.0 * SUPERSAMPLING
"""Canvas pixels; what would be thinner is not drawn, neither in picture nor label."""


@dataclass(frozen=True)
class Stage:
    """rng serves textures only; where things stand was decided before."""

    canvas: Canvas
    camera: Camera
    light: Light
    rng: np.random.Generator

    def in_view(self, things: Sequence[Thing]) -> list[Thing]:
        """The things whose footprints lie, at least in part, within the view."""
        starts = np.cumsum([0] + [len(t.footprint) for t in things[:-1]])
        ground = np.concatenate([t.footprint for t in things])
        depth = np.maximum(ground[:, 1], 1.0)
        middle, columns = self.camera.centre[0], self.canvas.pixels.shape[1]
        x = middle + self.camera.focal * ground[:, 0] / depth
        margin = self.camera.focal * 2.0 / depth
        right = np.maximum.reduceat(x + margin, starts) > 0
        left = np.minimum.reduceat(x - margin, starts) < columns
        return [t for t, seen in zip(things, right & left, strict=True) if seen]

    def visible(self, metres: float, depth: float) -> bool:
        """Whether something so wide is wide enough on the picture to be drawn."""
        return self.camera.pixels(metres, depth) >= THINNEST


@dataclass(frozen=True)
class Thing:
    """One object of the scene.

    depth: metres ahead; farther things are painted first.
    paint: paints it on a stage.
    footprint: X, Z of its corners on the ground (N, 2), for its shadow.
    low, high: between which heights it shades, metres; high 0 = no shadow.
    """

    depth: float
    paint: Callable[[Stage], None]
    footprint: np.ndarray
    low: float = 0.0
    high: float = 0.0


Item = TypeVar("Item")


def pick(rng: np.random.Generator, items: Sequence[Item]) -> Item:
    """One of the items, each as likely; quicker than `rng.choice`."""
    return items[int(rng.random() * len(items))]


def circle(x: float, z: float, radius: float) -> np.ndarray:
    """Footprint of something round: (10, 2)."""
    angle = np.arange(10) * (2 * np.pi / 10)
    return np.stack([x + radius * np.cos(angle), z + radius * np.sin(angle)], 1)


def turned(points: ArrayLike, x: float, z: float, yaw: float) -> np.ndarray:
    """Body points (..., 3) right, up, forward -> world; yaw: heading, clockwise."""
    points = np.asarray(points, np.float64)
    sine, cosine = np.sin(yaw), np.cos(yaw)
    right, up, forward = points[..., 0], points[..., 1], points[..., 2]
    world = np.empty(points.shape)
    world[..., 0] = right * cosine + forward * sine + x
    world[..., 1] = up
    world[..., 2] = forward * cosine - right * sine + z
    return world
