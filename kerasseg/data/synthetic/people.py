"""Pedestrians and cyclists: jointed figures with clothes, at any heading."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kerasseg.data.synthetic.stage import (
    BICYCLIST,
    PEDESTRIAN,
    Stage,
    Thing,
    circle,
    pick,
    turned,
)

SKINS = ((224, 178, 148), (198, 146, 112), (140, 96, 70), (96, 64, 48))
TOPS = (
    (158, 34, 38), (34, 52, 110), (40, 42, 46), (206, 200, 188), (64, 92, 62),
    (196, 130, 40), (96, 60, 110), (110, 112, 118),
)  # fmt: skip
# Seen from behind in few pixels, only the vest tells a cyclist from a walker.
VESTS = ((216, 230, 50), (216, 230, 50), (240, 120, 30))
TROUSERS = ((40, 50, 82), (34, 34, 38), (112, 98, 76), (84, 86, 92))
HAIR = ((36, 26, 22), (92, 62, 36), (176, 140, 84), (120, 118, 116))
FRONT = (0.0, 0.4, -0.8)
TALL = 1.75


@dataclass(frozen=True)
class Person:
    """A walking or cycling person; `swing` -1..1 is the phase of the legs."""

    x: float
    z: float
    yaw: float
    size: float
    swing: float
    top: tuple[int, ...]
    trousers: tuple[int, ...]
    skin: tuple[int, ...]
    hair: tuple[int, ...]
    cycling: bool

    @classmethod
    def random(
        cls,
        rng: np.random.Generator,
        x: float,
        z: float,
        yaw: float,
        cycling: bool = False,
    ) -> Person:
        helmet = ((220, 220, 216), (190, 40, 40), (60, 60, 64))
        vest = cycling and rng.random() < 0.75
        return cls(
            x=x,
            z=z,
            yaw=yaw,
            size=rng.uniform(0.92, 1.08),
            swing=rng.uniform(-1, 1),
            top=pick(rng, VESTS if vest else TOPS),
            trousers=pick(rng, TROUSERS),
            skin=pick(rng, SKINS),
            hair=pick(rng, helmet if cycling and rng.random() < 0.6 else HAIR),
            cycling=cycling,
        )

    def thing(self) -> Thing:
        paint = self._ride if self.cycling else self._walk
        radius = 0.4 if self.cycling else 0.25
        return Thing(self.z, paint, circle(self.x, self.z, radius), 0.0, TALL)

    def _walk(self, stage: Stage):
        if not stage.visible(0.2, self.z):
            return
        code = stage.canvas.new_object(PEDESTRIAN)
        step = 0.32 * self.swing
        hip, shoulder = 0.92, 1.45
        for side in (-1, 1):
            foot = side * step
            knee = foot * 0.5 + 0.08
            lift = 0.06 * max(0.0, -foot)
            leg = [(side * 0.09, hip, 0), (side * 0.09, 0.5, knee),
                   (side * 0.09, 0.07 + lift, foot)]  # fmt: skip
            self._limb(stage, leg, 0.17, self.trousers, code)
            shoe = [leg[-1], (side * 0.09, 0.05 + lift, foot + 0.14)]
            self._limb(stage, shoe, 0.11, (36, 32, 30), code)
        arms = []
        for side in (-1, 1):
            reach = -side * step * 0.8
            arms.append([(side * 0.23, shoulder - 0.05, 0),
                         (side * 0.27, 1.18, reach * 0.4),
                         (side * 0.26, 0.95, reach)])  # fmt: skip
        nearer = 0 if np.sin(self.yaw) < 0 else 1
        self._arm(stage, arms[1 - nearer], code)
        self._torso(stage, (0, hip - 0.08, 0), (0, shoulder, 0), code)
        self._arm(stage, arms[nearer], code)
        self._head(stage, (0, 1.62, 0.02), code)

    def _ride(self, stage: Stage):
        if not stage.visible(0.2, self.z):
            return
        code = stage.canvas.new_object(BICYCLIST)
        for forward in (-0.52, 0.52):
            self._wheel(stage, forward, code)
        crank, saddle = (0, 0.3, -0.05), (0, 0.95, -0.22)
        bars, rear = (0, 1.02, 0.42), (0, 0.34, -0.52)
        frame = [saddle, crank, rear, saddle, (0, 0.85, 0.36), crank]
        self._limb(stage, frame, 0.055, self.top[::-1], code)
        self._limb(stage, [bars, (0, 0.34, 0.52)], 0.06, (40, 40, 44), code)
        self._limb(
            stage, [(-0.27, 1.04, 0.4), (0.27, 1.04, 0.4)], 0.06, (30, 30, 32), code
        )
        for side in (-1, 1):
            pedal = 0.17 * self.swing * side
            leg = [(side * 0.1, 0.98, -0.18), (side * 0.12, 0.72 + pedal * 0.6, 0.18),
                   (side * 0.12, 0.3 + pedal, 0.02)]  # fmt: skip
            self._limb(stage, leg, 0.17, self.trousers, code)
            self._limb(
                stage,
                [leg[-1], (side * 0.12, leg[-1][1], 0.16)],
                0.1,
                (30, 30, 30),
                code,
            )
        self._torso(stage, (0, 0.92, -0.2), (0, 1.42, 0.06), code)
        for side in (-1, 1):
            arm = [(side * 0.21, 1.38, 0.05), (side * 0.28, 1.18, 0.2),
                   (side * 0.24, 1.06, 0.4)]  # fmt: skip
            self._arm(stage, arm, code)
        self._head(stage, (0, 1.6, 0.14), code)

    def _place(self, points):
        points = np.asarray(points, float) * self.size
        return turned(points, self.x, self.z, self.yaw)

    def _limb(self, stage, points, width, albedo, code):
        colour = stage.light.shade(albedo, self.z, FRONT)
        pixels = stage.camera.project(self._place(points))
        thick = stage.camera.pixels(width * self.size, self.z)
        stage.canvas.stroke(pixels, thick, colour, code)

    def _arm(self, stage, points, code):
        sleeve = [c * 0.88 for c in self.top]
        self._limb(stage, points, 0.12, sleeve, code)
        self._limb(stage, [points[-1], points[-1]], 0.1, self.skin, code)

    def _torso(self, stage, hip, neck, code):
        turn = abs(np.cos(self.yaw))
        shoulders, waist = 0.15 + 0.11 * turn, 0.13 + 0.06 * turn
        low, high = stage.camera.project(self._place([hip, neck]))
        scale = stage.camera.pixels(self.size, self.z)
        across = np.array((scale, 0.0))
        down = np.array((0.0, scale * 0.08))
        corners = [
            low - across * waist,
            low + across * waist,
            high + across * shoulders + down,
            high + across * shoulders * 0.6,
            high - across * shoulders * 0.6,
            high - across * shoulders + down,
        ]
        colour = stage.light.shade(self.top, self.z, FRONT)
        stage.canvas.polygon(np.array(corners), colour, code)
        shaded = stage.light.shade([c * 0.8 for c in self.top], self.z, FRONT)
        side = [corners[1], corners[2], (high + low) / 2 + across * waist * 0.3]
        stage.canvas.polygon(np.array(side), shaded, code)

    def _head(self, stage, point, code):
        x, y = stage.camera.project(self._place(point))
        radius = stage.camera.pixels(0.12 * self.size, self.z)
        skin = stage.light.shade(self.skin, self.z, FRONT)
        hair = stage.light.shade(self.hair, self.z, FRONT)
        away = np.cos(self.yaw) > 0.3
        stage.canvas.disc((x, y + radius * 0.6), radius * 0.6, skin, code)
        stage.canvas.disc((x, y), radius, hair, code)
        if not away:
            shift = np.sin(self.yaw) * 0.3 * radius
            stage.canvas.disc((x + shift, y + radius * 0.25), radius * 0.78, skin, code)

    def _wheel(self, stage, forward, code):
        angle = np.arange(17) * (2 * np.pi / 16)
        rim = np.stack(
            [np.zeros(17), 0.34 + 0.33 * np.sin(angle), forward + 0.33 * np.cos(angle)],
            1,
        )
        pixels = stage.camera.project(self._place(rim))
        grey = stage.light.shade((132, 132, 132), self.z, FRONT)
        black = stage.light.shade((24, 24, 26), self.z, FRONT)
        width = stage.camera.pixels(0.07, self.z)
        if np.ptp(pixels[:, 0]) > 3 * width:
            stage.canvas.polygon(pixels, grey, code)  # the spokes, blurred by turning
        stage.canvas.stroke(pixels, max(width, 2), black, code)
