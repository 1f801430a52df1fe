"""The road taxonomy: the 19 classes of Cityscapes, to which other road sets map.

A class of a set is mapped where all of its pixels, but for a few, are of one road
class. A class that no road class names, or that holds several (truck and bus, rider
with bicycle, sign and light), becomes 255 = ignore: a missing label costs less than a
wrong one. So ids are the train ids of Cityscapes, whose definitions count (bicycle
lanes that are only painted are road; curbs and traffic islands are sidewalk; the backs
of signs, guard rails, bridges, tunnels, parking and caravans are ignored).

The few: CamVid's 11 classes count bridges and walls as building, trucks and buses as
car, traffic cones as pole, road shoulders as pavement. COCO has no riders: its persons
include them, and so do those of ADE20K.
"""

from __future__ import annotations

import numpy as np

from kerasseg import UserError
from kerasseg.data.datasets.cityscapes_labels import TAXONOMY
from kerasseg.taxonomy import IGNORE, Taxonomy

__all__ = ["MAPS", "TAXONOMY", "line", "lookup_table"]

SAME = {name: name for name in TAXONOMY.names}
"""Of sets whose classes are those of Cityscapes."""

MAPS = {
    "cityscapes": SAME,
    "tfds:cityscapes": SAME,
    "acdc": SAME,
    "bdd100k": SAME,
    "gta5": SAME,
    "kitti": SAME,
    "wilddash": SAME,
    "idd": SAME
    | {  # its own 26 classes
        "rail track + non-drivable fallback": "terrain",
        "person + animal": "person",
        "pole + polegroup": "pole",
        "sky + fallback background": "sky",
    },
    "ade20k": {  # its walls are those of rooms, its signboards are advertisements
        "building": "building",
        "house": "building",
        "skyscraper": "building",
        "sky": "sky",
        "tree": "vegetation",
        "plant": "vegetation",
        "palm": "vegetation",
        "road": "road",
        "sidewalk": "sidewalk",
        "grass": "terrain",
        "earth": "terrain",
        "field": "terrain",
        "land": "terrain",
        "sand": "terrain",
        "person": "person",
        "car": "car",
        "van": "car",
        "truck": "truck",
        "bus": "bus",
        "minibike": "motorcycle",
        "bicycle": "bicycle",
        "fence": "fence",
        "pole": "pole",
        "traffic light": "traffic light",
    },
    "apolloscape": {
        "sky": "sky",
        "car": "car",
        "motorbicycle": "motorcycle",
        "bicycle": "bicycle",
        "person": "person",
        "rider": "rider",
        "truck": "truck",
        "bus": "bus",
        "road": "road",
        "sidewalk": "sidewalk",
        "fence": "fence",
        "traffic_light": "traffic light",
        "pole": "pole",
        "traffic_sign": "traffic sign",
        "wall": "wall",
        "building": "building",
        "vegetation": "vegetation",
    },
    "camvid": {
        "sky": "sky",
        "building": "building",
        "pole": "pole",
        "road": "road",
        "pavement": "sidewalk",
        "tree": "vegetation",
        "fence": "fence",
        "car": "car",
        "pedestrian": "person",
        # the original 32 colours
        "Building": "building",
        "Car": "car",
        "Child": "person",
        "Column_Pole": "pole",
        "Fence": "fence",
        "LaneMkgsDriv": "road",
        "LaneMkgsNonDriv": "road",
        "Pedestrian": "person",
        "Road": "road",
        "SUVPickupTruck": "car",
        "Sidewalk": "sidewalk",
        "SignSymbol": "traffic sign",
        "Sky": "sky",
        "TrafficLight": "traffic light",
        "Train": "train",
        "Tree": "vegetation",
        "Wall": "wall",
    },
    "coco_stuff": {
        "person": "person",
        "bicycle": "bicycle",
        "car": "car",
        "motorcycle": "motorcycle",
        "bus": "bus",
        "train": "train",
        "truck": "truck",
        "traffic light": "traffic light",
        "stop sign": "traffic sign",
        "building-other": "building",
        "house": "building",
        "skyscraper": "building",
        "bush": "vegetation",
        "tree": "vegetation",
        "clouds": "sky",
        "sky-other": "sky",
        "dirt": "terrain",
        "grass": "terrain",
        "sand": "terrain",
        "fence": "fence",
        "pavement": "sidewalk",
        "road": "road",
    },
    "mapillary": {  # a name stands also for those that it begins: human--person--...
        "construction--barrier--curb": "sidewalk",
        "construction--barrier--fence": "fence",
        "construction--barrier--wall": "wall",
        "construction--flat--bike-lane": "road",
        "construction--flat--crosswalk-plain": "road",
        "construction--flat--curb-cut": "sidewalk",
        "construction--flat--pedestrian-area": "sidewalk",
        "construction--flat--road": "road",
        "construction--flat--service-lane": "road",
        "construction--flat--sidewalk": "sidewalk",
        "construction--flat--traffic-island": "sidewalk",
        "construction--structure--building": "building",
        "construction--structure--garage": "building",
        "human--person": "person",
        "human--rider": "rider",
        "marking": "road",
        "nature--sand": "terrain",
        "nature--sky": "sky",
        "nature--terrain": "terrain",
        "nature--vegetation": "vegetation",
        "object--catch-basin": "road",
        "object--manhole": "road",
        "object--pothole": "road",
        "object--support--pole": "pole",
        "object--support--utility-pole": "pole",
        "object--traffic-light": "traffic light",
        "object--traffic-sign--direction-front": "traffic sign",
        "object--traffic-sign--front": "traffic sign",
        "object--traffic-sign--information-parking": "traffic sign",
        "object--traffic-sign--temporary-front": "traffic sign",
        "object--vehicle--bicycle": "bicycle",
        "object--vehicle--bus": "bus",
        "object--vehicle--car": "car",
        "object--vehicle--motorcycle": "motorcycle",
        "object--vehicle--on-rails": "train",
        "object--vehicle--truck": "truck",
    },
}
"""Road class of the class names of each data set; what is not named is ignored."""


def lookup_table(dataset: str, taxonomy: Taxonomy) -> np.ndarray:
    """uint8: road id of each class id of a data set; index a label with it.

    A set that is not in `MAPS` (a folder of your own) must have the names of all 19
    classes: equal names alone do not say the same (the wall of a room, a road seen from
    the air).

    Raises UserError for a set without a map, and where no class has a road class.
    """
    ids = np.full(taxonomy.ignore + 1, IGNORE, np.uint8)
    for i, road in enumerate(_roads(dataset, taxonomy)):
        if road:
            ids[i] = TAXONOMY.names.index(road)
    if (ids == IGNORE).all():
        raise UserError(
            f"No class of {dataset} ({', '.join(taxonomy.names[:5])}, ...) has a place "
            "in the road taxonomy. Leave out --taxonomy road."
        )
    return ids


def line(dataset: str, taxonomy: Taxonomy) -> str:
    """What the terminal says: which classes of a set are ignored in the road taxonomy.

    Raises UserError for a set without a map.
    """
    roads = _roads(dataset, taxonomy)
    ignored = [n for n, road in zip(taxonomy.names, roads, strict=True) if not road]
    if not ignored:
        return f"{dataset}: all {len(roads)} classes have a road class."
    names = ", ".join(ignored[:20]) + (", ..." if len(ignored) > 20 else ".")
    return f"{dataset}: {len(ignored)} of {len(roads)} classes are ignored: {names}"


def _roads(dataset: str, taxonomy: Taxonomy) -> list[str]:
    """The road class of each class, "" for none."""
    if dataset in MAPS:
        return [_road(name, MAPS[dataset]) for name in taxonomy.names]
    plain = [name.lower() for name in taxonomy.names]
    if sorted(plain) != sorted(TAXONOMY.names):
        raise UserError(
            f"{dataset} has no map to the road taxonomy; {', '.join(MAPS)} have one. "
            "Give it the 19 classes of Cityscapes by their names (prepare folder "
            "--map), or leave out --taxonomy road."
        )
    return plain


def _road(name: str, names: dict[str, str]) -> str:
    """Of "a--b--c" what stands for it, else for "a--b", else for "a"; else ""."""
    while name not in names and "--" in name:
        name = name.rpartition("--")[0]
    return names.get(name, "")
