"""ApolloScape scene parsing: 147,000 frames of 3384 x 2710, 22 classes.

Huang et al. 2018; class ids and train ids of its README.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.datasets.frames import Frame, object_numbers, samples_of
from kerasseg.data.reading.masks.label_maps import lookup_table, to_classes
from kerasseg.data.reading.masks.mask import read_mask
from kerasseg.data.reading.text_file import text_of
from kerasseg.data.sample import Samples
from kerasseg.taxonomy import IGNORE, Taxonomy

CLASSES = {
    "sky": (17,),
    "car": (33, 161),
    "motorbicycle": (34, 162),
    "bicycle": (35, 163),
    "person": (36, 164),
    "rider": (37, 165),
    "truck": (38, 166),
    "bus": (39, 167),
    "tricycle": (40, 168),
    "road": (49,),
    "sidewalk": (50,),
    "traffic_cone": (65,),
    "road_pile": (66,),
    "fence": (67,),
    "traffic_light": (81,),
    "pole": (82,),
    "traffic_sign": (83,),
    "wall": (84,),
    "dustbin": (85,),
    "billboard": (86,),
    "building": (97,),
    "vegetation": (113,),
}
"""Ids in the files, of single objects and of groups; the position is the class id."""

COLOURS = (
    (70, 130, 180),  # sky
    (0, 0, 142),  # car
    (0, 0, 230),  # motorbicycle
    (119, 11, 32),  # bicycle
    (0, 128, 192),  # person
    (128, 64, 128),  # rider
    (128, 0, 192),  # truck
    (192, 0, 64),  # bus
    (128, 128, 192),  # tricycle
    (192, 128, 192),  # road
    (192, 128, 64),  # sidewalk
    (0, 0, 64),  # traffic_cone
    (0, 0, 192),  # road_pile
    (64, 64, 128),  # fence
    (192, 64, 128),  # traffic_light
    (192, 128, 128),  # pole
    (0, 64, 64),  # traffic_sign
    (192, 192, 128),  # wall
    (64, 0, 192),  # dustbin
    (192, 0, 192),  # billboard
    (192, 0, 128),  # building
    (128, 128, 64),  # vegetation
)
"""Those of label_apollo.py in the data set's utilities."""
TAXONOMY = Taxonomy(tuple(CLASSES), COLOURS)
THINGS = [ids[0] for ids in CLASSES.values() if len(ids) == 2]
"""Ids of the classes whose objects are told apart; those of groups are not."""
KNOWN = lookup_table(
    {stored: i for i, ids in enumerate(CLASSES.values()) for stored in ids},
    ignored=(0, 1, 98, 99, 100, IGNORE),  # others, rover, bridge, tunnel, overpass
)
SPLITS = ("train", "val")
BOTH, INSTANCES = "_bin.png", "_instanceIds.png"


def load(src: Path, /) -> tuple[Taxonomy, dict[str, Samples]]:
    """ApolloScape: road01_ins/ColorImage/Record001/Camera 5/*.jpg with .../Label/...

    Also ColorImage/road01_ins/... with Label/road01_ins/... Labels are *_bin.png, or
    *_instanceIds.png (16 bits, class * 1000 + number) where there is none; objects are
    those of the latter. Splits are
    those of the image lists (road01_ins_train.lst, ..._val.lst) in src or below it, as
    far as their roads are there; without lists all labelled images are train. A record
    of a road, with both cameras, is a sequence.

    Tried on miniatures of this layout only, not on the real files.

    Args:
        src: Folder that holds the roads, and the image lists.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    if not src.is_dir():
        raise UserError(f"ApolloScape folder {src} does not exist. Check the path.")
    lists = {s: sorted(src.rglob(f"*_{s}.lst")) for s in SPLITS}
    if any(lists.values()):
        splits = {s: [p for f in lists[s] for p in _listed(src, f)] for s in SPLITS}
    else:
        labels = {}
        for end in (INSTANCES, BOTH):  # _bin.png replaces _instanceIds.png
            for file in src.rglob(f"*{end}"):
                labels[file.with_name(file.name.removesuffix(end))] = file
        splits = {
            "train": [(_image(src, labels[f]), labels[f]) for f in sorted(labels)]
        }
    splits = {split: pairs for split, pairs in splits.items() if pairs}
    if not splits:
        raise UserError(
            f"{src} has no labels road01_ins/Label/Record001/Camera 5/*{BOTH}, or no "
            "road that its image lists name. Unpack road01_ins.tar.gz there."
        )
    return TAXONOMY, {
        split: samples_of(map(_frame, pairs), _classes, _objects)
        for split, pairs in splits.items()
    }


def _listed(src: Path, listing: Path) -> list[tuple[Path, Path]]:
    """Pairs of the lines "image<tab>label"; none if the road of a list is not there."""
    pairs = []
    for number, line in enumerate(text_of(listing).splitlines(), 1):
        fields = line.strip().split("\t")
        if len(fields) != 2 and line.strip():
            raise UserError(
                f"{listing} line {number}: expected 'image<tab>label', got '{line}'."
            )
        if line.strip():
            pairs.append((src / fields[0], src / fields[1]))
    roads = {src / image.relative_to(src).parts[0] for image, _ in pairs}
    if not any(road.is_dir() for road in roads):
        return []
    for file in (file for pair in pairs for file in pair):
        if not file.is_file():
            raise UserError(
                f"{listing} names {file}, which does not exist. Unpack that road again."
            )
    return pairs


def _image(src: Path, label: Path) -> Path:
    """The image of a label: one folder and the end of the name differ."""
    stem = label.name.removesuffix(BOTH).removesuffix(INSTANCES)
    parts = list(label.relative_to(src).parent.parts)
    if "Label" not in parts:
        raise UserError(f"{label} is not below a folder Label. Name the folder above.")
    parts[parts.index("Label")] = "ColorImage"
    image = src.joinpath(*parts, f"{stem}.jpg")
    if not image.is_file():
        raise UserError(f"Label {label} has no image {image}. Add it.")
    return image


def _sequence(pair: tuple[Path, Path]) -> str:
    """Road and record, whichever of the two layouts: road01_ins/Record001."""
    parts = [p for p in pair[0].parent.parts if p != "ColorImage"]
    return "/".join(parts[-3:-1])


def _id(pair: tuple[Path, Path]) -> str:
    return "_".join([*_sequence(pair).split("/"), pair[0].stem])


def _frame(pair: tuple[Path, Path]) -> Frame:
    image, label = pair
    name = label.name.removesuffix(BOTH).removesuffix(INSTANCES)
    objects = label.with_name(name + INSTANCES)  # roads "_seg" have none
    return Frame(
        _id(pair), image, label, _sequence(pair), objects if objects.is_file() else None
    )


def _classes(file: Path) -> np.ndarray:
    stored, _ = read_mask(file)
    if file.name.endswith(INSTANCES):
        stored = np.where(stored == 65535, IGNORE, stored // 1000)
    return to_classes(stored, KNOWN, file)


def _objects(file: Path) -> np.ndarray:
    stored = object_numbers(file)
    return np.where(np.isin(stored // 1000, THINGS), stored, 0)
