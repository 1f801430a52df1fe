"""The street on the ground plane: carriageway, markings, kerbs, pavements, shadows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from kerasseg.data.synthetic.camera import Camera
from kerasseg.data.synthetic.canvas import FRACTION_BITS, Canvas, white_noise
from kerasseg.data.synthetic.light import Light
from kerasseg.data.synthetic.stage import PAVEMENT, ROAD, TREE, pick

# material: class, albedo, strength of its texture
MATERIALS = (
    (ROAD, (98, 98, 102), 0.10),  # asphalt; the street redraws its albedo
    (ROAD, (225, 225, 220), 0.06),  # white paint
    (ROAD, (214, 178, 60), 0.06),  # yellow paint
    (ROAD, (70, 70, 72), 0.08),  # gutter
    (PAVEMENT, (176, 172, 166), 0.05),  # kerb stone
    (PAVEMENT, (150, 146, 142), 0.09),  # slabs; redrawn too
    (PAVEMENT, (118, 114, 110), 0.06),  # joint between slabs
    (TREE, (86, 118, 52), 0.30),  # grass
)
ASPHALT, WHITE, YELLOW, GUTTER, KERB, SLAB, JOINT, GRASS = range(len(MATERIALS))

RANGE_S, CELLS_PER_M = 32, 32  # the lateral profile: -32..32 m
RANGE_Z, STEPS_PER_M = 256, 16  # the profile along the street: 0..256 m


@dataclass(frozen=True)
class Street:
    """A bent street. `s` is the distance from its middle, positive to the right.

    offset: where the middle is beside the camera, m; slope, bend: its tangent and
    curvature; half: half the carriageway's width; pavement: width on both sides.
    gaps: side roads as (side -1 or +1, from z, to z).
    """

    offset: float
    slope: float
    bend: float
    half: float
    pavement: float
    lanes: int
    gaps: tuple[tuple[int, float, float], ...]
    crossing: float
    edge_paint: int
    asphalt: tuple[float, float, float]
    slabs: tuple[float, float, float]
    dash: float

    @classmethod
    def random(cls, rng: np.random.Generator) -> Street:
        lanes = pick(rng, (2, 2, 2, 3, 4))
        half = lanes * rng.uniform(2.9, 3.5) / 2
        bent = rng.random() < 0.5
        gaps = []
        for side in (-1, 1):
            if rng.random() < 0.45:
                start = rng.uniform(12, 45)
                gaps.append((side, start, start + rng.uniform(6, 10)))
        grey, slab = rng.uniform(72, 125), rng.uniform(130, 175)
        red = rng.uniform(0, 1) ** 2 * 26
        return cls(
            offset=float(pick(rng, (-1, 1)) * half / lanes * rng.uniform(0.7, 1.2)),
            slope=rng.normal(0, 0.03),
            bend=float(bent * rng.normal(0, 0.0045)),
            half=half,
            pavement=rng.uniform(1.8, 3.6),
            lanes=lanes,
            gaps=tuple(gaps),
            crossing=rng.uniform(8, 30) if rng.random() < 0.22 else -1.0,
            edge_paint=pick(rng, (ASPHALT, WHITE, YELLOW)),
            asphalt=(grey, grey, grey + rng.uniform(-3, 8)),
            slabs=(slab + red, slab, slab - red * 0.6),
            dash=rng.uniform(1.5, 3.5),
        )

    def middle(self, z: float) -> float:
        """World X of the middle of the street z metres ahead."""
        return self.offset + self.slope * z + 0.5 * self.bend * z * z

    def place(self, s: float, z: float) -> float:
        """World X of the point s metres right of the middle, z metres ahead."""
        return self.middle(z) + s

    def heading(self, z: float) -> float:
        """The street's angle against straight ahead, radians."""
        return math.atan(self.slope + self.bend * z)

    def in_gap(self, side: int, low: float, high: float) -> bool:
        """Whether a side street meets that side between two distances, metres."""
        return any(g == side and low < z1 and high > z0 for g, z0, z1 in self.gaps)


def paint_ground(
    canvas: Canvas, camera: Camera, light: Light, street: Street, shadow: np.ndarray
) -> None:
    """Everything below the horizon; shadow: uint8 mask of the canvas, 255 = shaded."""
    rows, columns = canvas.pixels.shape[:2]
    first, x, z = camera.ground(rows, columns)
    seen = np.isfinite(z)
    z = np.minimum(z, RANGE_Z - 1).astype(np.float32)
    s = x - (
        np.float32(street.offset)
        + z * (np.float32(street.slope) + z * np.float32(street.bend / 2))
    )
    step = (z * STEPS_PER_M).astype(np.int32)
    profiles, along = _profiles(street)
    material = cv2.remap(
        profiles,
        (s + RANGE_S) * CELLS_PER_M - np.float32(0.5),
        along[step],
        cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_REPLICATE,
    )

    albedo: list[Sequence[float]] = [values[1] for values in MATERIALS]
    albedo[ASPHALT], albedo[SLAB] = street.asphalt, street.slabs
    near = z[:, z.shape[1] // 2, None]  # haze by row: the roll is small
    clear = np.exp(near * np.float32(-1 / light.haze_range))
    strength = _table([values[2] for values in MATERIALS], np.float32)
    gain = cv2.LUT(material, strength) * _texture(s, z) / (1 + near * np.float32(0.04))
    gain += 1
    gain *= 1 - shadow[first:] * np.float32(light.shadow / 255)
    joints = (material == SLAB) & (step % (STEPS_PER_M - 2) == 0) & (near < 14)
    gain[joints] *= np.float32(0.82)
    gain *= clear
    lit = np.array([light.shade(a, 0.0) for a in albedo], np.float32)
    classes = _table([values[0] for values in MATERIALS], np.uint8)
    planes = []
    for channel in range(3):
        plane = cv2.LUT(material, _table(lit[:, channel], np.float32)) * gain
        plane += (1 - clear) * np.float32(light.haze[channel])
        planes.append(cv2.convertScaleAbs(plane))
    patch = cv2.merge([*planes, cv2.LUT(material, classes)])
    cv2.copyTo(patch, seen.view(np.uint8), canvas.pixels[first:])


def shadow_mask(
    canvas: Canvas,
    camera: Camera,
    light: Light,
    footprints: Sequence[tuple[np.ndarray, float, float]],
) -> np.ndarray:
    """Where objects shade the ground: the sun's cast shadow and dark contact below.

    footprints: (points (N, 2) X Z, low, high): a prism between two heights, m.
    """
    rows, columns = canvas.pixels.shape[:2]
    mask = np.zeros((rows, columns), np.uint8)
    lx, ly, lz = light.direction
    away = -np.array([lx, lz]) / max(ly, 0.15)
    cast = light.shadow > 0.2

    def fill(ground, value):
        ground = ground[ground[:, 1] > 1.0]
        if len(ground) < 3:
            return
        points = np.zeros((len(ground), 3))
        points[:, ::2] = ground
        fixed = np.rint(camera.project(points) * (1 << FRACTION_BITS)).astype(np.int32)
        cv2.fillPoly(mask, [fixed], value, 8, FRACTION_BITS)

    for points, low, high in footprints:
        if cast:
            both = np.concatenate([points + away * low, points + away * high])
            hull = cv2.convexHull(both.astype(np.float32))[:, 0]
            fill(hull, 255)
    if not cast:  # overcast: only the contact shadow
        for points, low, _ in footprints:
            if low == 0:
                fill(np.asarray(points), 255)
    size = max(3, rows // 90 | 1)
    return cv2.blur(mask, (size, size))


def _profiles(street):
    """Materials (variants, cells) across the street, and the variant of each z step."""
    s = (np.arange(2 * RANGE_S * CELLS_PER_M) + 0.5) / CELLS_PER_M - RANGE_S
    distance = np.abs(s)
    outer = street.half + street.pavement
    base = np.full(s.shape, GRASS, np.uint8)
    base[distance < outer] = SLAB
    base[(distance < outer) & (distance % 0.9 < 0.03)] = JOINT
    base[distance < street.half + 0.18] = KERB
    base[distance < street.half] = GUTTER
    base[distance < street.half - 0.25] = ASPHALT
    if street.edge_paint != ASPHALT:
        base[np.abs(distance - street.half + 0.5) < 0.07] = street.edge_paint
    dashed = base.copy()
    width = 2 * street.half / street.lanes
    for lane in range(1, street.lanes):
        line = np.abs(s + street.half - lane * width) < 0.075
        dashed[line] = WHITE
        if street.lanes == 4 and lane == 2:
            base[line] = WHITE
    zebra = base.copy()
    zebra[(distance < street.half - 0.2) & ((s + 40) % 1.1 < 0.55)] = WHITE
    variants = [base, dashed, zebra]
    z = np.arange(RANGE_Z * STEPS_PER_M) / STEPS_PER_M
    along = (z % (3 * street.dash) < street.dash).astype(np.float32)
    if street.crossing > 0:
        along[(z > street.crossing) & (z < street.crossing + 2.8)] = 2
    for side, low, high in street.gaps:
        for source in range(3):
            opened = variants[source].copy()
            opened[(s * side > street.half - 0.6)] = ASPHALT
            variants.append(opened)
        inside = (z > low) & (z < high)
        along[inside] = along[inside] % 3 + len(variants) - 3
    return np.stack(variants), along


def _texture(s, z):
    """Grain and patches fixed to the ground, float32 like s."""
    tile = white_noise()

    def at(x, y):
        return cv2.remap(tile, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)

    fine = at(s * np.float32(24), z * np.float32(16))
    broad = at(s * np.float32(1.7), z * np.float32(0.35))
    return cv2.addWeighted(fine, 1.4, broad, 0.5, 0.0)


def _table(values, dtype):
    """(1, 256) look-up table that starts with the values."""
    table = np.zeros((1, 256), dtype)
    table[0, : len(values)] = values
    return table
