"""Houses: facades with windows in perspective, shops, gables, roofs and chimneys."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kerasseg.data.synthetic.canvas import noise
from kerasseg.data.synthetic.stage import BUILDING, Stage, Thing, pick

WALLS = (
    (150, 92, 70),
    (172, 128, 92),
    (196, 176, 142),
    (214, 206, 192),
    (132, 116, 104),
    (120, 76, 64),
    (168, 160, 150),
    (188, 150, 118),
)
ROOFS = ((92, 70, 62), (76, 76, 82), (118, 74, 56), (60, 58, 60))
SHOPS = ((160, 36, 36), (36, 72, 130), (30, 96, 66), (40, 40, 44), (200, 170, 60))
DOORS = ((54, 34, 28), (30, 50, 80), (120, 30, 30), (40, 64, 44))
FLOOR = 3.0
"""Height of a storey, metres."""


@dataclass(frozen=True)
class House:
    """wall: its corners on the ground, near and far end of the street side, (2, 2) X Z.

    outward: unit X, Z from the street into the house.
    """

    wall: np.ndarray
    outward: np.ndarray
    floors: int
    bays: int
    depth: float
    colour: tuple[int, ...]
    roof: tuple[int, ...]
    pitched: bool
    shop: tuple[int, ...]
    glass: tuple[float, float]
    frame: int

    @classmethod
    def random(
        cls, rng: np.random.Generator, wall: ArrayLike, outward: ArrayLike
    ) -> House:
        wall, outward = np.asarray(wall, float), np.asarray(outward, float)
        length = float(np.hypot(*(wall[1] - wall[0])))
        colour = np.array(pick(rng, WALLS)) * rng.uniform(0.75, 1.1)
        floors = pick(rng, (2, 3, 3, 4, 4, 5))
        shop = pick(rng, SHOPS) if rng.random() < 0.35 else ()
        return cls(
            wall=wall,
            outward=outward,
            floors=floors,
            bays=max(1, round(length / rng.uniform(2.2, 3.4))),
            depth=rng.uniform(7, 11),
            colour=tuple(colour),
            roof=pick(rng, ROOFS),
            pitched=bool(floors < 5 and rng.random() < 0.7),
            shop=shop,
            glass=(rng.uniform(0.35, 0.6), rng.uniform(0.45, 0.62)),
            frame=int(rng.uniform(150, 240)),
        )

    def thing(self) -> Thing:
        near, far = self.wall
        back = self.outward * self.depth
        corners = np.array([near, far, far + back, near + back])
        height = self.floors * FLOOR
        return Thing(max(near[1], far[1]), self.paint, corners, 0.0, height)

    def paint(self, stage: Stage) -> None:
        rng = stage.rng
        near, far = self.wall
        top = self.floors * FLOOR
        back = near + self.outward * self.depth
        if near[1] < far[1] and near[1] > 1.5:
            self._gable(stage, near, back, top)
        if self.pitched:
            self._roof(stage, near, far, top, rng)
        # Texture only as fine as its nearest part within the view needs.
        half_view = stage.camera.focal / stage.camera.centre[0]
        nearest = max(1.0, min(near[1], far[1]), abs(far[0]) * half_view * 0.7)
        texture = self._facade(stage, nearest, rng)
        quad = stage.camera.project(
            [
                (near[0], 0, near[1]),
                (far[0], 0, far[1]),
                (far[0], top, far[1]),
                (near[0], top, near[1]),
            ]
        )
        if quad[0, 0] > quad[1, 0]:  # seen from its other end: keep it unmirrored
            quad, texture = quad[[1, 0, 3, 2]], texture[:, ::-1]
        stage.canvas.paste(np.ascontiguousarray(texture), quad, BUILDING)

    def _gable(self, stage, near, back, top):
        colour = stage.light.shade(self.colour, near[1], (0.0, 0.0, -1.0))
        corners = [(near, 0), (back, 0), (back, top)]
        if self.pitched:
            corners.append(((near + back) / 2, top + 0.3 * self.depth))
        corners.append((near, top))
        points = stage.camera.project([(p[0], y, p[1]) for p, y in corners])
        stage.canvas.polygon(points, colour, BUILDING)

    def _roof(self, stage, near, far, top, rng):
        ridge = self.outward * self.depth / 2
        rise = top + 0.3 * self.depth
        x, z = self.outward
        normal = (-0.5 * x, 0.86, -0.5 * z)
        colour = stage.light.shade(self.roof, near[1], normal)
        corners = [(near, top), (far, top), (far + ridge, rise), (near + ridge, rise)]
        points = stage.camera.project([(p[0], y, p[1]) for p, y in corners])
        stage.canvas.polygon(points, colour, BUILDING)
        for share in rng.uniform(0.05, 0.95, rng.integers(0, 3)):
            foot = near + (far - near) * share + ridge
            x, z = foot
            low, high = rise - 0.6, rise + 1.0
            front, rear = z - 0.5, z + 0.5
            chimney = [
                (x, low, front),
                (x, high, front),
                (x, high, rear),
                (x, low, rear),
            ]
            points = stage.camera.project(chimney)
            stage.canvas.polygon(
                points, stage.light.shade(self.colour, near[1], normal), BUILDING
            )

    def _facade(self, stage, nearest, rng):
        """Lit picture, uint8 (floors * n, bays * n, 3), n by the size on the canvas."""
        pixels = stage.camera.pixels(FLOOR, nearest)
        n = int(np.clip(2 ** np.ceil(np.log2(max(pixels, 1)) - 0.3), 8, 64))
        depth = float(self.wall[:, 1].mean())
        normal = (-self.outward[0], 0.0, -self.outward[1])

        def lit(albedo):
            return stage.light.shade_all(albedo, depth, normal)

        floors, bays = self.floors, self.bays
        h, w = floors * n, bays * n
        tone = 1 + 0.1 * noise(rng, h, w, floors * 4)
        tone[: max(1, n // 8)] *= 0.75  # eaves
        if n >= 32:
            tone[:: n // 16] *= 0.9  # courses of bricks
        picture = stage.light.paint_with(self.colour, tone, depth, normal)
        cells = picture.reshape(floors, n, bays, n, 3)
        wide, tall = (max(1, round(share * n / 2)) for share in self.glass)
        middle, edge = n // 2, max(1, n // 16)
        y0, y1, x0, x1 = middle - tall, middle + tall, middle - wide, middle + wide
        frame = lit((self.frame,) * 3)
        cells[:, y0:y1, :, x0:x1] = frame
        pane = rng.uniform(0.5, 1.5, (floors, 1, bays, 1, 1)) ** 2
        glass = lit(np.minimum(pane * (58, 68, 82), 200))
        cells[:, y0 + edge : y1 - edge, :, x0 + edge : x1 - edge] = glass
        if n >= 16:
            cells[:, y0:y1, :, middle : middle + max(1, n // 32)] = frame
        self._ground_floor(cells[-1], n, lit, rng)
        return picture

    def _ground_floor(self, cells, n, lit, rng):
        """cells: (n, bays, n, 3) of the lowest storey."""
        if self.shop:
            cells[: n // 4] = lit(self.shop)
            cells[n // 4 : n - n // 8, :, n // 12 + 1 :] = lit((62, 66, 74))
            goods = lit(rng.uniform(30, 190, (1, self.bays, 1, 3)))
            cells[n // 2 : n - n // 8, :, n // 4 : n - n // 4] = goods
            return
        door = int(rng.random() * self.bays)
        cells[:, door] = lit(self.colour)
        colour = lit(pick(rng, DOORS))
        cells[n // 4 :, door, n // 2 - n // 5 : n // 2 + n // 5] = colour
