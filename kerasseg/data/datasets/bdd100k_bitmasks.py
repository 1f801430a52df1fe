"""BDD100K's bitmasks: RGBA files of categories, attributes and objects.

R is the category. G holds, from bit 3 to bit 0, truncated, occluded, crowd and ignore.
256 B + A is the number of the object (bdd100k/doc/source/format.rst). Colours are those
of bdd100k/label/label.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.masks.label_maps import lookup_table, to_classes
from kerasseg.data.reading.masks.mask_decoders import decode
from kerasseg.taxonomy import IGNORE, Taxonomy

INSTANCES = Taxonomy(
    (
        "background",
        "pedestrian",
        "rider",
        "car",
        "truck",
        "bus",
        "train",
        "motorcycle",
        "bicycle",
    ),
    (
        (0, 0, 0),
        (220, 20, 60),
        (255, 0, 0),
        (0, 0, 142),
        (0, 0, 70),
        (0, 60, 100),
        (0, 80, 100),
        (0, 0, 230),
        (119, 11, 32),
    ),
)
_PANOPTIC = {
    "dynamic": (111, 74, 0),
    "ego vehicle": (0, 0, 0),
    "ground": (81, 0, 81),
    "static": (0, 0, 0),
    "parking": (250, 170, 160),
    "rail track": (230, 150, 140),
    "road": (128, 64, 128),
    "sidewalk": (244, 35, 232),
    "bridge": (150, 100, 100),
    "building": (70, 70, 70),
    "fence": (190, 153, 153),
    "garage": (180, 100, 180),
    "guard rail": (180, 165, 180),
    "tunnel": (150, 120, 90),
    "wall": (102, 102, 156),
    "banner": (250, 170, 100),
    "billboard": (220, 220, 250),
    "lane divider": (255, 165, 0),
    "parking sign": (220, 20, 60),
    "pole": (153, 153, 153),
    "polegroup": (153, 153, 153),
    "street light": (220, 220, 100),
    "traffic cone": (255, 70, 0),
    "traffic device": (220, 220, 220),
    "traffic light": (250, 170, 30),
    "traffic sign": (220, 220, 0),
    "traffic sign frame": (250, 170, 250),
    "terrain": (152, 251, 152),
    "vegetation": (107, 142, 35),
    "sky": (70, 130, 180),
    "person": (220, 20, 60),
    "rider": (255, 0, 0),
    "bicycle": (119, 11, 32),
    "bus": (0, 60, 100),
    "car": (0, 0, 142),
    "caravan": (0, 0, 90),
    "motorcycle": (0, 0, 230),
    "trailer": (0, 0, 110),
    "train": (0, 80, 100),
    "truck": (0, 0, 70),
}
PANOPTIC = Taxonomy(tuple(_PANOPTIC), tuple(_PANOPTIC.values()))
OF_INSTANCES = lookup_table({i: i for i in range(9)})
OF_PANOPTIC = lookup_table({i + 1: i for i in range(40)}, ignored=(0,))
THINGS = {"instances": 1, "panoptic": 31}
"""The first category of objects; those before it are stuff."""
CROWD, IGNORED = 2, 1
"""Bits of G."""


def classes_of(file: Path, known: np.ndarray) -> np.ndarray:
    """(H, W) uint8 class ids of a bitmask; what it says to ignore is ignored.

    Raises UserError where it is no bitmask, or has another category.
    """
    category, attributes, _ = _parts(file)
    label = to_classes(category, known, file)
    return np.where(attributes & IGNORED, np.uint8(IGNORE), label)


def objects_of(file: Path, first_thing: int) -> np.ndarray:
    """(H, W) numbers of the objects of a bitmask, 0 = none, and none of a crowd.

    first_thing: the first category that has objects.
    """
    category, attributes, number = _parts(file)
    return np.where((category >= first_thing) & (attributes & CROWD == 0), number, 0)


def _parts(file: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Category, attributes and number of the object, each (H, W)."""
    stored = decode(file)
    if stored.pixels.shape[2:] != (3,) or stored.alpha is None:
        raise UserError(
            f"{file} is no bitmask: expected a PNG of RGBA. Use the bitmasks/ of the "
            "data set, not its colormaps/."
        )
    category, attributes, high = np.moveaxis(stored.pixels, -1, 0)
    return category, attributes, high.astype(np.int32) << 8 | stored.alpha
