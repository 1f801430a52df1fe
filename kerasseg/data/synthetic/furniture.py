"""Street furniture: lamp posts, signs, traffic lights, fences, and void clutter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kerasseg.data.synthetic.canvas import VOID_CODE, noise
from kerasseg.data.synthetic.stage import FENCE, POLE, SIGN, Stage, Thing, circle, pick

STEEL = ((128, 130, 132), (84, 88, 90), (54, 66, 60), (168, 168, 166))
FRONT = (0.0, 0.2, -1.0)
RED, WHITE, BLUE, GREEN = (196, 30, 34), (236, 236, 232), (26, 70, 168), (24, 110, 70)
LAMPS = ((250, 40, 30), (250, 170, 40), (60, 250, 130))


@dataclass(frozen=True)
class Post:
    """A post that may carry a lamp, a traffic light or signs.

    signs: (kind, height of its middle, radius), metres.
    arm: reach of the lamp's arm, m, negative to the left; 0 = no lamp.
    """

    x: float
    z: float
    height: float
    width: float
    colour: tuple[int, ...]
    arm: float
    signs: tuple[tuple[str, float, float], ...]

    @classmethod
    def random(
        cls, rng: np.random.Generator, x: float, z: float, kind: str, inward: int
    ) -> Post:
        """kind: "lamp", "sign", "board" or "traffic"; inward: -1 or 1, to the road."""
        height = {"lamp": 6.5, "sign": 2.9, "board": 3.3, "traffic": 3.3}[kind]
        height *= rng.uniform(0.9, 1.25)
        signs = []
        if kind == "sign":
            signs.append((_shape(rng), height - 0.35, rng.uniform(0.36, 0.5)))
            if rng.random() < 0.4:
                signs.append(("plate", height - 1.2, rng.uniform(0.3, 0.42)))
        elif kind == "board":
            signs.append((pick(rng, ("blue", "green")), height - 0.5, 1.0))
        elif kind == "traffic":
            signs.append(
                (pick(rng, ("lights0", "lights1", "lights2")), height - 0.4, 0.62)
            )
        elif rng.random() < 0.25:
            signs.append((_shape(rng), rng.uniform(2.3, 2.8), rng.uniform(0.34, 0.45)))
        return cls(
            x=x,
            z=z,
            height=height,
            width=rng.uniform(0.17, 0.25) * (1.15 if kind == "lamp" else 1.0),
            colour=pick(rng, STEEL),
            arm=inward * rng.uniform(0.9, 1.9) if kind == "lamp" else 0.0,
            signs=tuple(signs),
        )

    def thing(self) -> Thing:
        return Thing(
            self.z, self.paint, circle(self.x, self.z, self.width), 0.0, self.height
        )

    def paint(self, stage: Stage) -> None:
        if stage.visible(self.width, self.z):
            self._pole(stage)
        for kind, y, radius in self.signs:
            if stage.visible(0.75 * radius, self.z):  # at least 4 pixels across
                paint_sign(stage, kind, self.x, y, self.z, radius)

    def _pole(self, stage):
        code = stage.canvas.new_object(POLE)
        half = self.width / 2
        for left, right, share in ((-half, half, 1.0), (half * 0.2, half, 0.68)):
            base = [c * share for c in self.colour]
            colour = stage.light.shade(base, self.z, FRONT)
            ends = [(left, 0), (right, 0), (right, self.height), (left, self.height)]
            points = [(self.x + dx, y, self.z) for dx, y in ends]
            stage.canvas.polygon(stage.camera.project(points), colour, code)
        if self.arm:
            dark = stage.light.shade(self.colour, self.z, (0.0, -0.5, -0.5))
            tip, top = self.x + self.arm, self.height + 0.5
            bend = [(self.x, self.height - 0.1), (self.x + self.arm * 0.4, top - 0.1)]
            points = [(x, y, self.z) for x, y in [*bend, (tip, top)]]
            width = stage.camera.pixels(half * 1.5, self.z)
            stage.canvas.stroke(stage.camera.project(points), width, dark, code)
            head = [(self.x + self.arm * 0.7, top, self.z), (tip, top, self.z)]
            stage.canvas.stroke(stage.camera.project(head), width * 1.8, dark, code)


def paint_sign(
    stage: Stage, kind: str, x: float, y: float, z: float, radius: float
) -> None:
    """One sign of a kind of `_shape`, or "plate", "blue", "green", "lights0..2"."""
    canvas, code = stage.canvas, stage.canvas.new_object(SIGN)
    centre = stage.camera.project((x, y, z))
    scale = stage.camera.pixels(radius, z)

    def shape(corners, colour):
        points = centre + np.array(corners) * (scale, -scale)
        canvas.polygon(points, stage.light.shade(colour, z, FRONT), code)

    def disc(dx, dy, size, colour):
        middle = centre + np.array((dx, -dy)) * scale
        canvas.disc(middle, size * scale, colour, code)

    def lit(colour):
        return stage.light.shade(colour, z, FRONT)

    if kind in ("ban", "order"):
        disc(0, 0, 1.0, lit(RED if kind == "ban" else WHITE))
        disc(0, 0, 0.7 if kind == "ban" else 0.9, lit(WHITE if kind == "ban" else BLUE))
        dark = (30, 30, 30) if kind == "ban" else WHITE
        shape(_box(0.12, 0.42), dark)
    elif kind in ("warning", "yield"):
        up = 1 if kind == "warning" else -1
        corner = np.array([(-1.0, -0.75 * up), (1.0, -0.75 * up), (0.0, 1.05 * up)])
        shape(corner * 1.1, RED)
        shape(corner * 0.66 - (0, 0.05 * up), WHITE)
        if up == 1:
            shape(_box(0.09, 0.28), (20, 20, 20))
    elif kind in ("blue", "green"):
        shape(_box(1.5, 0.85), WHITE)
        shape(_box(1.42, 0.77), BLUE if kind == "blue" else GREEN)
        for line in (0.36, -0.05, -0.45):
            shape(_box(0.85, 0.09, -0.3, line), WHITE)
        shape(_box(0.12, 0.5, 1.0, 0), WHITE)
    elif kind == "plate":
        shape(_box(1.0, 0.6), WHITE)
        shape(_box(0.7, 0.1, 0, 0.15), (40, 40, 40))
        shape(_box(0.5, 0.1, 0, -0.2), (40, 40, 40))
    else:
        shape(_box(0.52, 1.1), (26, 28, 28))
        for lamp, dy in enumerate((0.7, 0.0, -0.7)):
            on = lamp == int(kind[-1])
            disc(0, dy, 0.27, LAMPS[lamp] if on else lit((52, 48, 44)))


def fence(
    start: tuple[float, float], end: tuple[float, float], height: float, style: str
) -> Thing:
    """A fence between two ground points (X, Z): "planks", "rails" or "mesh"."""

    def paint(stage: Stage):
        nearest = max(1.0, start[1])
        n = int(np.clip(stage.camera.pixels(height, nearest) * 1.2, 12, 256))
        length = float(np.hypot(*np.subtract(end, start)))
        m = int(np.clip(n * length / height, 12, 2048))
        albedo, tone, opacity = _fence_texture(style, n, m, length, stage.rng)
        depth = (start[1] + end[1]) / 2
        texture = stage.light.paint_with(albedo, tone, depth, (0.4, 0.3, -0.6))
        quad = stage.camera.project(
            [(p[0], y, p[1]) for p, y in ((start, 0), (end, 0), (end, height))]
            + [(start[0], height, start[1])]
        )
        stage.canvas.paste(texture, quad, FENCE, opacity)

    return Thing(
        max(start[1], end[1]), paint, np.array([start, end, end, start]), 0.0, height
    )


def _fence_texture(style, n, m, length, rng):
    """Albedo (3,), brightness (n, m), and opacity float32 (n, m) or None."""
    along = np.linspace(0, length, m, dtype=np.float32, endpoint=False)
    up = np.linspace(1, 0, n, dtype=np.float32)[:, None]
    if style == "planks":
        albedo = np.array((136, 104, 72), np.float32) * rng.uniform(0.8, 1.2)
        tone = 1 + 0.12 * noise(rng, 3, m, 3)[1] + 0.1 * noise(rng, n, m, 3)
        groove = (along % 0.42 < 0.09) | ((up > 0.9) & (along % 2.4 >= 0))
        tone = np.where(groove, 0.45 * tone, tone)
        return albedo, tone, None
    spacing, bar = (0.34, 0.13) if style == "rails" else (0.62, 0.16)
    bars = along % spacing < bar
    posts = along % 2.5 < 0.2
    across = (up > 0.88) | ((up > 0.1) & (up < 0.2)) | ((up > 0.5) & (up < 0.57))
    metal = bars | posts | across
    if style == "mesh":
        metal = metal | ((up * 8 % 1) < 0.3)
    albedo = np.array(pick(rng, ((44, 50, 48), (176, 178, 176))), np.float32)
    opacity = np.where(metal, np.float32(1), np.float32(0.55))
    return albedo, np.ones((n, m), np.float32), opacity


def clutter(rng: np.random.Generator, x: float, z: float) -> Thing:
    """A wheelie bin or a grey box: things of no class, so void."""
    width, height = rng.uniform(0.5, 1.0), rng.uniform(0.8, 1.3)
    colours = ((52, 78, 54), (60, 62, 66), (92, 92, 96))
    colour = pick(rng, colours)

    def paint(stage: Stage):
        if not stage.visible(width, z):
            return
        lower = [(x - width / 2, 0, z), (x + width / 2, 0, z)]
        upper = [(x + width * 0.55, height, z), (x - width * 0.55, height, z)]
        points = stage.camera.project(lower + upper)
        stage.canvas.polygon(points, stage.light.shade(colour, z, FRONT), VOID_CODE)
        lid = [(p[0], p[1] - 0.15, p[2]) for p in upper]
        points = stage.camera.project([*upper, *lid[::-1]])
        stage.canvas.polygon(points, stage.light.shade((40, 42, 44), z), VOID_CODE)

    return Thing(z, paint, circle(x, z, width / 2), 0.0, height)


def _shape(rng):
    return pick(rng, ("ban", "order", "warning", "yield"))


def _box(half_width, half_height, dx=0.0, dy=0.0):
    w, h = half_width, half_height
    return np.array(
        [(dx - w, dy - h), (dx + w, dy - h), (dx + w, dy + h), (dx - w, dy + h)]
    )
