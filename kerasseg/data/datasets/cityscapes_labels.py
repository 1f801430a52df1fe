"""Labels of Cityscapes, which many road sets share: ids, train ids and colours.

Those of labels.py in cityscapesscripts (Cordts et al. 2016).
"""

from __future__ import annotations

from kerasseg.data.reading.masks.label_maps import lookup_table
from kerasseg.taxonomy import IGNORE, Taxonomy

NAMES = (
    "unlabeled",
    "ego vehicle",
    "rectification border",
    "out of roi",
    "static",
    "dynamic",
    "ground",
    "road",
    "sidewalk",
    "parking",
    "rail track",
    "building",
    "wall",
    "fence",
    "guard rail",
    "bridge",
    "tunnel",
    "pole",
    "polegroup",
    "traffic light",
    "traffic sign",
    "vegetation",
    "terrain",
    "sky",
    "person",
    "rider",
    "car",
    "truck",
    "bus",
    "caravan",
    "trailer",
    "train",
    "motorcycle",
    "bicycle",
)
"""Label names of Cityscapes; the label id is the position."""

CLASSES = {
    "road": (128, 64, 128),
    "sidewalk": (244, 35, 232),
    "building": (70, 70, 70),
    "wall": (102, 102, 156),
    "fence": (190, 153, 153),
    "pole": (153, 153, 153),
    "traffic light": (250, 170, 30),
    "traffic sign": (220, 220, 0),
    "vegetation": (107, 142, 35),
    "terrain": (152, 251, 152),
    "sky": (70, 130, 180),
    "person": (220, 20, 60),
    "rider": (255, 0, 0),
    "car": (0, 0, 142),
    "truck": (0, 0, 70),
    "bus": (0, 60, 100),
    "train": (0, 80, 100),
    "motorcycle": (0, 0, 230),
    "bicycle": (119, 11, 32),
}
TAXONOMY = Taxonomy(tuple(CLASSES), tuple(CLASSES.values()))
"""The 19 classes that Cityscapes trains and evaluates; a class id is its train id."""

VOID_COLOURS = {
    (0, 0, 0),  # unlabeled, ego vehicle, rectification border, out of roi, static
    (20, 20, 20),  # static in GTA5
    (111, 74, 0),  # dynamic
    (81, 0, 81),  # ground
    (250, 170, 160),  # parking
    (230, 150, 140),  # rail track
    (180, 165, 180),  # guard rail
    (150, 100, 100),  # bridge
    (150, 120, 90),  # tunnel
    (0, 0, 90),  # caravan
    (0, 0, 110),  # trailer
}
"""Colours of the labels that are no class. Pole groups and licence plates have those of
poles and cars."""

KNOWN = lookup_table(
    {NAMES.index(name): i for i, name in enumerate(CLASSES)},
    ignored=(*range(len(NAMES)), IGNORE),
)
"""Class of each label id (*_labelIds.png); 255 is licence plate, id -1."""

TRAIN_IDS = lookup_table({i: i for i in range(len(CLASSES))}, ignored=(IGNORE,))
"""Class of each train id (*_labelTrainIds.png); license plates, -1 there, are 255."""
