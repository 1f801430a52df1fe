"""Labels of the India Driving Dataset: ids, levels, and classes of Cityscapes.

Those of anue_labels.py in github.com/AutoNUE/public-code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from kerasseg import UserError
from kerasseg.data.datasets import cityscapes_labels
from kerasseg.data.reading.masks import label_maps
from kerasseg.taxonomy import IGNORE, Taxonomy

Number: TypeAlias = Literal["id", "level3", "level2", "level1"]
"""What the numbers in a file are."""


class Label(NamedTuple):
    """A label. train_id: its class of Cityscapes, or 255; level3, 2, 1: its class in
    IDD's own levels of 26, 16 and 7, or 255."""

    name: str
    train_id: int
    level3: int
    level2: int
    level1: int
    colour: tuple[int, int, int]


_ROWS: list[tuple[str, int, int, int, int, tuple[int, int, int]]] = [
    ("road", 0, 0, 0, 0, (128, 64, 128)),
    ("parking", 255, 1, 1, 0, (250, 170, 160)),
    ("drivable fallback", 255, 1, 1, 0, (81, 0, 81)),
    ("sidewalk", 1, 2, 2, 1, (244, 35, 232)),
    ("rail track", 255, 3, 3, 1, (230, 150, 140)),
    ("non-drivable fallback", 9, 3, 3, 1, (152, 251, 152)),
    ("person", 11, 4, 4, 2, (220, 20, 60)),
    ("animal", 255, 4, 4, 2, (246, 198, 145)),
    ("rider", 12, 5, 5, 2, (255, 0, 0)),
    ("motorcycle", 17, 6, 6, 3, (0, 0, 230)),
    ("bicycle", 18, 7, 6, 3, (119, 11, 32)),
    ("autorickshaw", 255, 8, 7, 3, (255, 204, 54)),
    ("car", 13, 9, 7, 3, (0, 0, 142)),
    ("truck", 14, 10, 8, 3, (0, 0, 70)),
    ("bus", 15, 11, 8, 3, (0, 60, 100)),
    ("caravan", 255, 12, 8, 3, (0, 0, 90)),
    ("trailer", 255, 12, 8, 3, (0, 0, 110)),
    ("train", 16, 12, 8, 3, (0, 80, 100)),
    ("vehicle fallback", 255, 12, 8, 3, (136, 143, 153)),
    ("curb", 255, 13, 9, 4, (220, 190, 40)),
    ("wall", 3, 14, 9, 4, (102, 102, 156)),
    ("fence", 4, 15, 10, 4, (190, 153, 153)),
    ("guard rail", 255, 16, 10, 4, (180, 165, 180)),
    ("billboard", 255, 17, 11, 4, (174, 64, 67)),
    ("traffic sign", 7, 18, 11, 4, (220, 220, 0)),
    ("traffic light", 6, 19, 11, 4, (250, 170, 30)),
    ("pole", 5, 20, 12, 4, (153, 153, 153)),
    ("polegroup", 255, 20, 12, 4, (153, 153, 153)),
    ("obs-str-bar-fallback", 255, 21, 12, 4, (169, 187, 214)),
    ("building", 2, 22, 13, 5, (70, 70, 70)),
    ("bridge", 255, 23, 13, 5, (150, 100, 100)),
    ("tunnel", 255, 23, 13, 5, (150, 120, 90)),
    ("vegetation", 8, 24, 14, 5, (107, 142, 35)),
    ("sky", 10, 25, 15, 6, (70, 130, 180)),
    ("fallback background", 255, 25, 15, 6, (169, 187, 214)),
    ("unlabeled", 255, 255, 255, 255, (0, 0, 0)),
    ("ego vehicle", 255, 255, 255, 255, (0, 0, 0)),
    ("rectification border", 255, 255, 255, 255, (0, 0, 0)),
    ("out of roi", 255, 255, 255, 255, (0, 0, 0)),
    ("license plate", 255, 255, 255, 255, (0, 0, 142)),
]
LABELS = [Label(*row) for row in _ROWS]
"""The id of a label is its position."""
IDS = {label.name: i for i, label in enumerate(LABELS)}
LEVELS: dict[int, Number] = {26: "level3", 16: "level2", 7: "level1"}
TOP = (
    "drivable",
    "non-drivable",
    "living things",
    "vehicles",
    "roadside objects",
    "far objects",
    "sky",
)
"""Names of the 7 classes of level 1."""
FEW = {3: "non-drivable fallback", 4: "person", 20: "pole", 25: "sky"}
"""Classes of level 3 of which all but a few pixels are of this label (with rail tracks,
animals, pole groups and the background without a name)."""


def taxonomy(classes: int) -> Taxonomy:
    """Names and colours: the 19 classes of Cityscapes, or 26, 16 or 7 of IDD.

    A class of several labels has the names of all, and the colour of the first.
    """
    if classes not in LEVELS:
        return cityscapes_labels.TAXONOMY
    members = [_members(LEVELS[classes], i) for i in range(classes)]
    names = [" + ".join(label.name for label in group) for group in members]
    colours = [group[0].colour for group in members]
    return Taxonomy(TOP if classes == len(TOP) else tuple(names), tuple(colours))


def lookup_table(numbers: Number, classes: int, file: Path | str = "") -> np.ndarray:
    """(256,) int16: class of each number in files of a kind (`label_maps`).

    Raises UserError, which names `file`, where such numbers do not tell the classes.
    """
    if numbers == "id":
        return label_maps.lookup_table(
            {i: _class(label, classes) for i, label in enumerate(LABELS)}, (IGNORE,)
        )
    count = next(n for n, level in LEVELS.items() if level == numbers)
    if count < classes and not (count == 26 and classes == 19):
        raise UserError(
            f"{file} has the {count} classes of IDD's {numbers}: they do not tell "
            f"{classes}. Use its polygons, or say --classes {count}."
        )
    table = {}
    for i in range(count):
        group = _members(numbers, i)
        if numbers == "level3" and i in FEW and classes == 19:
            group = [LABELS[IDS[FEW[i]]]]
        found = {_class(label, classes) for label in group}
        table[i] = found.pop() if len(found) == 1 else IGNORE
    return label_maps.lookup_table(table, (IGNORE,))


def _class(label: Label, classes: int) -> int:
    level = LEVELS.get(classes)
    return label.train_id if level is None else int(getattr(label, level))


def _members(level: Number, number: int) -> list[Label]:
    return [label for label in LABELS if getattr(label, level) == number]
