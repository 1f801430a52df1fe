"""Daylight: colour of lit surfaces, haze, the sky, and what the sensor adds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike

from kerasseg.data.synthetic.camera import Camera
from kerasseg.data.synthetic.canvas import Canvas, noise

SKY = 0
UP = (0.0, 1.0, 0.0)

# name: share, sun strength, ambient, sun colour, zenith, horizon colour, cloud cover
WEATHERS = {
    "sunny": (0.4, 0.85, 0.46, (1, 0.96, 0.88), (112, 158, 222), (198, 218, 238), 0.3),
    "hazy": (0.15, 0.45, 0.65, (1, 0.95, 0.85), (176, 196, 220), (232, 234, 232), 0.5),
    "overcast": (0.3, 0.1, 0.88, (1, 1, 1), (176, 182, 190), (226, 228, 230), 0.9),
    "dusk": (0.15, 0.4, 0.4, (1, 0.7, 0.45), (98, 112, 156), (240, 186, 140), 0.5),
}


@dataclass(frozen=True)
class Light:
    """direction: unit vector towards the sun; sun, ambient: RGB factors; haze: RGB."""

    weather: str
    direction: tuple[float, float, float]
    sun: tuple[float, ...]
    ambient: tuple[float, ...]
    zenith: tuple[int, ...]
    haze: tuple[int, ...]
    haze_range: float
    clouds: float
    shadow: float

    @classmethod
    def random(cls, rng: np.random.Generator) -> Light:
        shares = np.array([values[0] for values in WEATHERS.values()])
        weather = list(WEATHERS)[int(rng.choice(len(shares), p=shares / shares.sum()))]
        _, strength, ambient, sun, zenith, haze, clouds = WEATHERS[weather]
        azimuth = rng.uniform(0, 2 * math.pi)
        low, high = (6, 18) if weather == "dusk" else (22, 60)
        elevation = math.radians(rng.uniform(low, high))
        direction = (
            math.cos(elevation) * math.sin(azimuth),
            math.sin(elevation),
            math.cos(elevation) * math.cos(azimuth),
        )
        strength *= rng.uniform(0.8, 1.2)
        return cls(
            weather=weather,
            direction=direction,
            sun=tuple(strength * c for c in sun),
            ambient=tuple(ambient * (0.9 + 0.1 * c / 255) for c in zenith),
            zenith=zenith,
            haze=haze,
            haze_range=rng.uniform(120, 420) * (0.6 if weather == "hazy" else 1.0),
            clouds=float(np.clip(clouds + rng.normal(0, 0.15), 0, 1)),
            shadow=0.55 * strength / (strength + 0.2),
        )

    def shade(
        self, albedo: Iterable[float], depth: float, normal: Sequence[float] = UP
    ) -> list[int]:
        """Colour (three ints) of a matt surface seen at the depth."""
        nx, ny, nz = normal
        lx, ly, lz = self.direction
        facing = max(0.0, nx * lx + ny * ly + nz * lz)
        clear = math.exp(-depth / self.haze_range)
        colour = []
        for base, sun, ambient, haze in zip(
            albedo, self.sun, self.ambient, self.haze, strict=True
        ):
            value = base * (ambient + sun * facing) * clear + haze * (1 - clear)
            colour.append(min(255, int(value)))
        return colour

    def shade_all(
        self, albedos: ArrayLike, depth: float, normal: Sequence[float] = UP
    ) -> np.ndarray:
        """`shade` for an array of albedos (..., 3) -> uint8."""
        black = np.array(self.shade((0, 0, 0), depth, normal))
        white = np.array(self.shade((100, 100, 100), depth, normal))
        lit = np.asarray(albedos) * ((white - black) / 100) + black
        return np.minimum(lit, 255).astype(np.uint8)

    def paint_with(
        self,
        albedo: Iterable[float],
        brightness: np.ndarray,
        depth: float,
        normal: Sequence[float] = UP,
    ) -> np.ndarray:
        """Picture uint8 (h, w, 3) of one albedo under a brightness (h, w), 0..2."""
        steps = np.arange(256)[:, None] / 128
        table = self.shade_all(steps * np.asarray(albedo), depth, normal)
        entries = cv2.convertScaleAbs(brightness, alpha=128)
        return cv2.LUT(cv2.cvtColor(entries, cv2.COLOR_GRAY2RGB), table[None])


def paint_sky(
    canvas: Canvas, camera: Camera, light: Light, rng: np.random.Generator
) -> None:
    """Gradient, glow around the sun and clouds, on the whole canvas."""
    rows, columns = canvas.pixels.shape[:2]
    h, w = -(-rows // 4), -(-columns // 4)
    height = np.linspace(0, 1, h, dtype=np.float32)[:, None]
    low = np.clip(height * rows / camera.centre[1], 0, 1)[..., None] ** 1.3
    sky = np.array(light.zenith, np.float32) * (1 - low)
    sky = np.repeat(sky + np.array(light.haze, np.float32) * low, w, 1)
    layers = ((2, 0.55), (5, 0.3), (14, 0.15))
    cloud = sum(weight * noise(rng, h, w, cells) for cells, weight in layers)
    cover = np.clip(cloud * 3 + light.clouds * 2 - 0.9, 0, 1)[..., None]
    shade = 235 - 70 * np.clip(cloud + 0.3, 0, 1)[..., None] * light.clouds
    grey = shade * (np.array(light.haze, np.float32) / max(light.haze))
    sky = sky * (1 - 0.8 * cover) + grey * (0.8 * cover)
    x, y, z = light.direction
    if z > 0.2 and light.shadow > 0.2:
        sun = camera.project((x * 1e4, y * 1e4 + camera.height, z * 1e4)) / 4
        far = np.hypot(
            np.arange(w, dtype=np.float32) - np.float32(sun[0]),
            np.arange(h, dtype=np.float32)[:, None] - np.float32(sun[1]),
        )
        sky += 130 * np.exp(-far / (0.16 * w))[..., None]
    coded = np.full((h, w, 4), SKY, np.uint8)
    coded[..., :3] = np.clip(sky, 0, 255)
    cv2.resize(coded, (columns, rows), canvas.pixels)


def expose(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Exposure, white balance, vignetting, blur and noise: uint8 RGB in and out."""
    height, width = image.shape[:2]
    # The camera's own exposure control, with its errors.
    aim = 116 * 2 ** rng.normal(0, 0.3) / max(float(image[::4, ::4].mean()), 1.0)
    gain = float(np.clip(aim, 0.7, 2.4)) * rng.normal(1, 0.03, 3)
    x = np.linspace(-1, 1, width, dtype=np.float32)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    vignette = 1 - np.float32(rng.uniform(0.02, 0.16)) * (x * x + y * y)
    picture: np.ndarray = image * (vignette[..., None] * gain.astype(np.float32))
    sigma = rng.uniform(0, 0.55)
    if sigma > 0.25:
        picture = cv2.GaussianBlur(picture, (3, 3), sigma)
    grain = rng.standard_normal(image.shape, np.float32)
    grain *= np.float32(rng.uniform(0.8, 4.5))
    picture += grain
    # A soft shoulder instead of a hard white clip, as cameras have it.
    levels = np.arange(256)
    shoulder = np.where(levels > 200, 200 + (levels - 200) * 0.75, levels)
    return cv2.LUT(np.clip(picture, 0, 255).astype(np.uint8), shoulder.astype(np.uint8))
