"""Cars, vans and buses: an extruded profile with glass, wheels, lights and plates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from kerasseg.data.synthetic.stage import CAR, Stage, Thing, pick, turned

# Profile from the tail's foot over the roof to the nose's foot: forward, up (m).
# Points 2..5 are the glass house: rear belt, rear roof, front roof, front belt.
PROFILES = {
    "hatch": (
        (-2.0, 0.3), (-2.05, 0.75), (-1.95, 1.0), (-1.55, 1.46),
        (0.1, 1.5), (0.95, 0.98), (1.85, 0.82), (2.05, 0.6), (2.02, 0.28),
    ),
    "saloon": (
        (-2.25, 0.3), (-2.3, 0.9), (-1.55, 0.98), (-0.95, 1.4),
        (0.2, 1.43), (1.0, 0.95), (2.1, 0.8), (2.3, 0.6), (2.25, 0.28),
    ),
    "suv": (
        (-2.2, 0.4), (-2.25, 0.9), (-2.15, 1.15), (-1.85, 1.76),
        (0.3, 1.78), (1.0, 1.18), (2.05, 1.05), (2.2, 0.75), (2.18, 0.38),
    ),
    "van": (
        (-2.6, 0.4), (-2.62, 0.9), (-2.6, 1.25), (-2.5, 2.2),
        (1.0, 2.25), (1.9, 1.25), (2.4, 1.1), (2.6, 0.75), (2.58, 0.38),
    ),
    "bus": (
        (-5.0, 0.4), (-5.05, 0.9), (-5.0, 1.5), (-4.95, 3.0),
        (4.8, 3.0), (5.0, 1.3), (5.02, 1.1), (5.05, 0.8), (5.0, 0.38),
    ),
}  # fmt: skip
HALF_WIDTH = {"hatch": 0.86, "saloon": 0.88, "suv": 0.93, "van": 1.0, "bus": 1.25}
PAINTS = (
    (178, 182, 186), (40, 42, 46), (150, 24, 28), (30, 52, 110), (214, 214, 210),
    (92, 98, 104), (24, 74, 60), (120, 130, 142), (196, 170, 60), (70, 100, 150),
)  # fmt: skip
GLASS, TYRE, HUB = (44, 52, 60), (26, 26, 28), (140, 142, 146)
WHEEL = 0.33


@dataclass(frozen=True)
class Vehicle:
    """x, z: its middle on the ground; yaw: heading, radians right of straight ahead."""

    x: float
    z: float
    yaw: float
    kind: str
    paint_colour: tuple[int, ...]
    lamps_on: bool

    @classmethod
    def random(
        cls, rng: np.random.Generator, x: float, z: float, yaw: float
    ) -> Vehicle:
        kinds = list(PROFILES)
        kind = kinds[int(rng.choice(5, p=(0.38, 0.27, 0.18, 0.11, 0.06)))]
        if kind == "bus" and z < 14:
            kind = "van"
        colour = np.array(pick(rng, PAINTS)) * rng.uniform(0.85, 1.1)
        return cls(x, z, yaw, kind, tuple(colour), bool(rng.random() < 0.3))

    def thing(self) -> Thing:
        half = HALF_WIDTH[self.kind]
        back, front = PROFILES[self.kind][1][0], PROFILES[self.kind][-2][0]
        body = [(-half, 0, back), (half, 0, back), (half, 0, front), (-half, 0, front)]
        corners = turned(body, self.x, self.z, self.yaw)[:, ::2]
        height = max(y for _, y in PROFILES[self.kind])
        depth = 0.5 * (self.z + float(corners[:, 1].min()))
        return Thing(depth, self.paint, corners, 0.0, height)

    def paint(self, stage: Stage) -> None:
        mesh = _mesh(self.kind)
        world = turned(mesh.points, self.x, self.z, self.yaw)
        if world[:, 2].min() < 1.2:
            return
        code = stage.canvas.new_object(CAR)
        pixels = stage.camera.project(world)
        eye = turned((-self.x, stage.camera.height, -self.z), 0, 0, -self.yaw)
        sight = mesh.middles - eye
        seen = np.einsum("fi,fi->f", mesh.normals, sight) < 0
        normals = turned(mesh.normals, 0, 0, self.yaw)

        def fill(points, albedo, normal):
            stage.canvas.polygon(
                points, stage.light.shade(albedo, self.z, tuple(normal)), code
            )

        for wheel in mesh.wheels:
            drum = cv2.convexHull(pixels[wheel].reshape(-1, 2).astype(np.float32))
            fill(drum[:, 0], TYRE, (0.0, 0.0, -0.3))
        detailed = stage.camera.pixels(1.7, self.z) > 10
        for number in np.argsort(-np.linalg.norm(sight, axis=1)):
            if not seen[number]:
                continue
            corners, normal = pixels[mesh.faces[number]], normals[number]
            if number < 2:
                colour = stage.light.shade(self.paint_colour, self.z, tuple(normal))
                stage.canvas.outline(corners, colour, code)
                self._flank(fill, corners, normal)
                if detailed:
                    for wheel in mesh.wheels[2 * number : 2 * number + 2]:
                        self._wheel(fill, pixels[wheel[0]])
                continue
            fill(corners, self.paint_colour, normal)
            if number in mesh.glass:
                inner = corners.mean(0) + (corners - corners.mean(0)) * 0.88
                sky = 1 + 1.4 * max(0.0, float(normal[1]))  # what it mirrors
                fill(inner, [c * sky for c in GLASS], normal)
        if detailed:
            for end, face in ((0, 2), (1, len(mesh.faces) - 1)):
                if seen[face]:
                    self._end(fill, pixels[mesh.ends[end]], end, normals[face])

    def _flank(self, fill, corners, normal):
        """Side windows between the belt and the roof, and the dark sill."""
        belt_back, roof_back, roof_front, belt_front = corners[2:6]

        def at(along, up):
            low = belt_back + (belt_front - belt_back) * along
            high = roof_back + (roof_front - roof_back) * along
            return low + (high - low) * up

        panes = {"bus": 7, "van": 1}.get(self.kind, 2)
        edges = np.linspace(0.72 if self.kind == "van" else 0.06, 0.94, panes + 1)
        for start, stop in zip(edges[:-1] + 0.02, edges[1:] - 0.02, strict=True):
            quad = [at(start, 0.06), at(stop, 0.06), at(stop, 0.86), at(start, 0.86)]
            fill(np.array(quad), GLASS, normal)
        rise = (corners[1] - corners[0]) * 0.18
        sill = [corners[0], corners[-1], corners[-1] + rise, corners[0] + rise]
        fill(np.array(sill), (38, 38, 40), normal)

    def _wheel(self, fill, rim):
        middle = rim.mean(0)
        for radius, albedo in ((1.2, (22, 22, 24)), (1.0, TYRE), (0.6, HUB)):
            fill(middle + (rim - middle) * radius, albedo, (0.0, 0.3, -0.3))

    def _end(self, fill, plane, end, normal):
        """Bumper, lights and plate of the tail (end 0) or the nose (1).

        plane: pixels of its foot left, foot right, top right, top left.
        """

        def box(x0, x1, y0, y1):
            left, right = plane[[0, 3]], plane[[1, 2]]
            rows = [(p[0] + (p[1] - p[0]) * y) for y in (y0, y1) for p in (left, right)]
            (low_l, low_r), (high_l, high_r) = rows[:2], rows[2:]
            x0, x1 = (x0 + 1) / 2, (x1 + 1) / 2
            low, high = low_r - low_l, high_r - high_l
            corners = (low_l + low * x0, low_l + low * x1)
            return np.array([*corners, high_l + high * x1, high_l + high * x0])

        fill(box(-0.98, 0.98, 0.0, 0.3), (44, 44, 46), normal)
        if end:
            fill(box(-0.5, 0.5, 0.45, 0.85), (30, 30, 32), normal)
        lamp = (232, 232, 224) if end else (188, 22, 24)
        bright = (255, 252, 230) if end else (255, 60, 50)
        for x0, x1 in ((-0.96, -0.64), (0.64, 0.96)):
            fill(box(x0, x1, 0.5, 0.98), bright if self.lamps_on else lamp, normal)
        plate = (230, 230, 226) if end else (226, 196, 60)
        fill(box(-0.3, 0.3, 0.34, 0.56), plate, normal)


@dataclass(frozen=True)
class Mesh:
    """One kind of vehicle in its own axes: right, up, forward.

    faces: rows into points; 0 and 1 are the left and right flank, then the strips from
    tail to nose. middles, normals: (faces, 3). wheels: rows (outer rim, inner rim), two
    on the left, two on the right. ends: corners of tail and nose.
    """

    points: np.ndarray
    faces: list[np.ndarray]
    middles: np.ndarray
    normals: np.ndarray
    glass: tuple[int, ...]
    wheels: list[np.ndarray]
    ends: list[np.ndarray]


@cache
def _mesh(kind: str) -> Mesh:
    profile, half = np.array(PROFILES[kind]), HALF_WIDTH[kind]
    count = len(profile)
    width = np.full(count, half)
    width[3:5] *= 0.96 if kind in ("van", "bus") else 0.8
    left = np.stack([-width, profile[:, 1], profile[:, 0]], 1)
    points = np.concatenate([left, left * (-1, 1, 1)])
    row = np.arange(count)
    faces = [row, row + count]
    normals = [np.array((-1.0, 0, 0)), np.array((1.0, 0, 0))]
    for i in range(count - 1):
        faces.append(np.array((i, i + 1, count + i + 1, count + i)))
        forward, up = profile[i + 1] - profile[i]
        normals.append(np.array((0.0, forward, -up)) / np.hypot(forward, up))
    middles = np.array([points[face].mean(0) for face in faces])
    angle = np.arange(14) * (2 * np.pi / 14)
    wheels, rims = [], []
    for side in (-1, 1):
        for axle in (profile[0, 0] * 0.64, profile[-1, 0] * 0.66):
            first = 2 * count + 28 * len(wheels)
            wheels.append(np.arange(first, first + 28).reshape(2, 14))
            for right in (half, half - 0.22):
                y = WHEEL + WHEEL * np.sin(angle)
                z = axle + WHEEL * np.cos(angle)
                rims.append(np.stack([np.full(14, side * right), y, z], 1))
    return Mesh(
        points=np.concatenate([points, *rims]),
        faces=faces,
        middles=middles,
        normals=np.array(normals),
        glass=(6,) if kind == "van" else (4, 6),
        wheels=wheels,
        ends=[
            np.array((0, count, count + 1, 1)),
            np.array((count - 1, 2 * count - 1, 2 * count - 2, count - 2)),
        ],
    )
