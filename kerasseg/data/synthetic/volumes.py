"""Drawn volumes with exact labels: tissue in layers, with tubes and balls in it.

All is drawn in millimetres, so coarse slices show what they would show of a body: the
value of a voxel is the mean over its thickness only roughly, its label that of its
centre.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kerasseg.data.sample import Sample
from kerasseg.image_format import ImageFormat
from kerasseg.taxonomy import Taxonomy
from kerasseg.volume_format import Spacing, plain_geometry

TAXONOMY = Taxonomy.named(["background", "layer", "tube", "ball"])
IMAGES = ImageFormat.of(("intensity",), "float32")
BRIGHTNESS = (0.0, 1.0, 2.2, 1.6)
"""Of the classes, before the unit of a volume, its shading and its noise."""


def volumes(
    count: int,
    shape: tuple[int, int, int] = (16, 32, 32),
    spacing: Spacing = (2.0, 1.0, 1.0),
    seed: int = 0,
    start: int = 0,
) -> Iterator[Sample]:
    """`count` volumes, from number `start` on.

    shape: depth, height and width, voxels. spacing: millimetres (z, y, x).

    Values are in a unit of each volume's own, as those of magnetic resonance are: from
    volume to volume they differ ten thousand times.
    """
    for number in range(start, start + count):
        yield volume(number, shape, spacing, seed)


def volume(
    number: int, shape: tuple[int, int, int], spacing: Spacing, seed: int = 0
) -> Sample:
    """The volume of that number, float32 (D, H, W, 1), see `volumes`."""
    rng = np.random.default_rng((seed, number))
    axes = [np.arange(n) * mm for n, mm in zip(shape, spacing, strict=True)]
    extent = np.maximum([axis[-1] for axis in axes], spacing)
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    short = extent[1:].min()

    label = np.zeros(shape, np.uint8)
    label[_layer(rng, z, y, x, extent)] = 1
    for _ in range(rng.integers(1, 3)):
        points = _curve(rng, extent)
        label[_near(points, z, y, x) < rng.uniform(0.05, 0.09) * short] = 2
    for _ in range(rng.integers(2, 4)):
        centre = rng.uniform(0.15, 0.85, (1, 3)) * extent
        label[_near(centre, z, y, x) < rng.uniform(0.1, 0.17) * short] = 3

    image = np.array(BRIGHTNESS)[label]
    shading = 1 + 0.3 * rng.uniform(-1, 1) * (y / extent[1] - x / extent[2])
    image = image * shading + rng.normal(0, 0.25, shape)
    image = (image + 0.5) * 10 ** rng.uniform(0, 4)
    return Sample(
        f"volume-{number:05d}",
        image[..., None].astype(np.float32),
        label,
        volume=plain_geometry(shape, spacing),
    )


def _layer(rng: np.random.Generator, z, y, x, extent: np.ndarray) -> np.ndarray:
    """Between two wavy sheets across y."""
    waves = rng.uniform(0, 2 * np.pi, 2)
    bent = np.sin(2 * np.pi * z / extent[0] + waves[0])
    bent = bent + np.sin(2 * np.pi * x / extent[2] + waves[1])
    top = (rng.uniform(0.2, 0.5) + 0.06 * bent) * extent[1]
    return (y > top) & (y < top + rng.uniform(0.2, 0.35) * extent[1])


def _curve(rng: np.random.Generator, extent: np.ndarray) -> np.ndarray:
    """Points (N, 3) in millimetres of a bent line from one end of z to the other."""
    begin, bend, end = rng.uniform(0.1, 0.9, (3, 3)) * extent
    begin[0], end[0] = 0, extent[0]
    t = np.linspace(0, 1, 60)[:, None]
    return (1 - t) ** 2 * begin + 2 * t * (1 - t) * bend + t**2 * end


def _near(points: np.ndarray, z, y, x) -> np.ndarray:
    """Millimetres from each voxel to the nearest of the points (N, 3)."""
    nearest = np.inf
    for at in points:
        distance = (z - at[0]) ** 2 + (y - at[1]) ** 2 + (x - at[2]) ** 2
        nearest = np.minimum(nearest, distance)
    return np.sqrt(nearest)
