"""One synthetic scene, or a series of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kerasseg import UserError
from kerasseg.data.sample import Sample
from kerasseg.data.synthetic.camera import Camera
from kerasseg.data.synthetic.canvas import SUPERSAMPLING, VOID_CODE, Canvas
from kerasseg.data.synthetic.greenery import paint_far_wood
from kerasseg.data.synthetic.ground import Street, paint_ground, shadow_mask
from kerasseg.data.synthetic.layout import arrange
from kerasseg.data.synthetic.light import Light, expose, paint_sky
from kerasseg.data.synthetic.stage import Stage
from kerasseg.taxonomy import Taxonomy

TAXONOMY = Taxonomy(
    names=(
        "Sky",
        "Building",
        "Pole",
        "Road",
        "Pavement",
        "Tree",
        "SignSymbol",
        "Fence",
        "Car",
        "Pedestrian",
        "Bicyclist",
    ),
    colours=(
        (128, 128, 128),
        (128, 0, 0),
        (192, 192, 128),
        (128, 64, 128),
        (0, 0, 192),
        (128, 128, 0),
        (192, 128, 128),
        (64, 64, 128),
        (64, 0, 128),
        (64, 64, 0),
        (0, 128, 192),
    ),
)
"""CamVid's 11 classes in CamVid's order and colours."""

SMALLEST = 32
"""Pixels of the shorter side."""


def scene(seed: int, index: int, height: int, width: int) -> Sample:
    """The scene number `index` of the endless series that `seed` names.

    The same four numbers give the same scene, whatever was drawn before; another size
    gives the same street with other textures and fewer or more of its small things.
    image: uint8 (height, width, 3) RGB. label: uint8 ids of `TAXONOMY`, 255 = void.
    instance: uint16, one id per car, pedestrian, bicyclist, sign, pole and tree,
    0 elsewhere.

    Raises UserError for sides below 32 pixels and for negative seed or index.
    """
    if min(height, width) < SMALLEST:
        raise UserError(
            f"A synthetic scene needs at least {SMALLEST} pixels a side, "
            f"got height {height}, width {width}."
        )
    if seed < 0 or index < 0:
        raise UserError(f"seed and index must be >= 0, got {seed} and {index}.")
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, index])))
    canvas = Canvas(height, width)
    light = Light.random(rng)
    rows, columns = height * SUPERSAMPLING, width * SUPERSAMPLING
    camera = Camera.random(rng, rows, columns)
    street = Street.random(rng)
    things = arrange(rng, street)
    stage = Stage(canvas, camera, light, rng)

    paint_sky(canvas, camera, light, rng)
    paint_far_wood(stage)
    footprints = [
        (t.footprint, t.low, t.high) for t in things if t.high and t.depth < 80
    ]
    shadow = shadow_mask(canvas, camera, light, footprints)
    paint_ground(canvas, camera, light, street, shadow)
    for thing in sorted(stage.in_view(things), key=lambda thing: -thing.depth):
        thing.paint(stage)
    if rng.random() < 0.2:
        _paint_bonnet(canvas, light, rng)
    image, label, instance = canvas.result()
    return Sample(
        id=f"synthetic_{seed}_{index:06d}",
        image=expose(image, rng),
        label=label,
        instance=instance,
        sequence=f"synthetic_{seed}",
    )


def scenes(
    count: int, height: int, width: int, seed: int = 0, start: int = 0
) -> Iterator[Sample]:
    """Yields `count` scenes with the numbers start, start + 1, ...; see `scene`."""
    for index in range(start, start + count):
        yield scene(seed, index, height, width)


def _paint_bonnet(canvas, light, rng):
    """The own car's bonnet along the lower edge: void, as in CamVid."""
    rows, columns = canvas.pixels.shape[:2]
    x = np.linspace(-0.02, 1.02, 24)
    rise = rng.uniform(0.03, 0.08) * (1 - (2 * x - 1) ** 4 * rng.uniform(0.5, 1))
    edge = np.stack([x * columns, (1 - rise) * rows], 1)
    foot = [(1.02 * columns, rows + 2), (-0.02 * columns, rows + 2)]
    colour = light.shade(rng.uniform(20, 120, 3), 0.0)
    canvas.outline(np.concatenate([edge, foot]), colour, VOID_CODE)
