"""The road taxonomy: where the classes of each set go."""

import os
from pathlib import Path

import numpy as np
import pytest

from kerasseg.data.datasets import (
    adapter,
    ade20k_classes,
    apolloscape,
    camvid,
    camvid_original,
    cityscapes,
    idd_labels,
)
from kerasseg.data.datasets.coco_stuff import ALL
from kerasseg.data.datasets.coco_stuff_names import NAMES
from kerasseg.data.preparing import road
from kerasseg.data.preparing.join import map_classes
from kerasseg.taxonomy import IGNORE, Taxonomy

COLOURS = camvid_original.COLOURS
SETS = {
    "cityscapes": cityscapes.TAXONOMY,
    "bdd100k": cityscapes.TAXONOMY,
    "apolloscape": apolloscape.TAXONOMY,
    "camvid": camvid.TAXONOMY,
    "camvid 32": Taxonomy(tuple(COLOURS), tuple(COLOURS.values())),
    "coco_stuff": Taxonomy.named([NAMES[i] for i in ALL]),
}
# Names of Vistas' config files, as other projects list them: v1.2 and v2.0.
VISTAS = {
    "construction--flat--road": "road",
    "construction--flat--road-shoulder": "",
    "construction--barrier--curb": "sidewalk",
    "construction--barrier--guard-rail": "",
    "construction--structure--bridge": "",
    "human--person": "person",
    "human--person--individual": "person",
    "human--person--person-group": "person",
    "human--rider--bicyclist": "rider",
    "marking--general": "road",
    "marking--crosswalk-zebra": "road",
    "marking--discrete--arrow--left": "road",
    "marking-only--discrete--text": "",
    "nature--mountain": "",
    "object--street-light": "",
    "object--support--pole": "pole",
    "object--support--pole-group": "",
    "object--traffic-light": "traffic light",
    "object--traffic-light--pedestrians": "traffic light",
    "object--traffic-sign--back": "",
    "object--traffic-sign--front": "traffic sign",
    "object--traffic-sign--temporary-front": "traffic sign",
    "object--vehicle--caravan": "",
    "object--vehicle--on-rails": "train",
    "void--unlabeled": "",
}
SETS["ade20k"] = Taxonomy(ade20k_classes.NAMES, ade20k_classes.COLOURS)
SETS["idd 26"] = idd_labels.taxonomy(26)
SETS["mapillary"] = Taxonomy.named(list(VISTAS))


def mapping(name: str) -> dict[str, str]:
    taxonomy = SETS[name]
    ids = road.lookup_table(name.split()[0], taxonomy)
    assert (ids.shape, ids.dtype) == ((256,), np.uint8)
    assert (ids[taxonomy.num_classes :] == IGNORE).all()
    names = [*road.TAXONOMY.names, *[""] * 237]
    return {n: names[ids[i]] for i, n in enumerate(taxonomy.names)}


def test_road_ids_are_train_ids_of_cityscapes():
    ids = road.lookup_table("cityscapes", cityscapes.TAXONOMY)
    assert ids[:19].tolist() == list(range(19))
    np.testing.assert_array_equal(
        ids, road.lookup_table("bdd100k", cityscapes.TAXONOMY)
    )


def test_every_name_of_the_maps_exists():
    """A slip in a name would silently ignore the class."""
    known = {name: set(taxonomy.names) for name, taxonomy in SETS.items()}
    known["camvid"] |= known.pop("camvid 32")
    known["idd"] = known.pop("idd 26") | set(cityscapes.TAXONOMY.names)
    del known["mapillary"]  # its names are in a file that is not ours
    for name, names in known.items():
        assert set(road.MAPS[name]) <= names
    for names in road.MAPS.values():
        assert set(names.values()) <= set(road.TAXONOMY.names)


def test_mapillary():
    assert mapping("mapillary") == VISTAS


def test_camvid():
    small, large = mapping("camvid"), mapping("camvid 32")
    assert [n for n, r in small.items() if not r] == ["sign", "bicyclist"]
    assert (small["pavement"], small["tree"]) == ("sidewalk", "vegetation")
    assert large["TrafficLight"] == "traffic light"
    assert large["LaneMkgsDriv"] == "road"
    # It holds two road classes or none.
    for name in "Truck_Bus", "Bicyclist", "VegetationMisc", "Bridge", "Void":
        assert large[name] == ""


def test_apolloscape():
    found = mapping("apolloscape")
    ignored = {"tricycle", "traffic_cone", "road_pile", "dustbin", "billboard"}
    assert {n for n, r in found.items() if not r} == ignored
    assert found["motorbicycle"] == "motorcycle"


def test_coco_stuff():
    found = mapping("coco_stuff")
    assert sum(map(bool, found.values())) == 22
    assert (found["pavement"], found["stop sign"]) == ("sidewalk", "traffic sign")
    assert (found["wall-brick"], found["cat"]) == ("", "")


def test_ade20k():
    found = mapping("ade20k")
    assert sum(map(bool, found.values())) == 24
    assert (found["wall"], found["signboard"], found["stairs"]) == ("", "", "")
    assert (found["tree"], found["minibike"]) == ("vegetation", "motorcycle")
    assert (found["grass"], found["earth"]) == ("terrain", "terrain")


def test_idd():
    assert [n for n, r in mapping("idd 26").items() if r == "terrain"] == [
        "rail track + non-drivable fallback"
    ]
    assert sum(map(bool, mapping("idd 26").values())) == 18


def test_sets_without_a_map_are_refused():
    """Equal names do not say the same: LoveDA's road is seen from the air."""
    for names in ["Sky", "cow", "road"], ["road"]:
        for function in road.lookup_table, road.line:
            with pytest.raises(ValueError, match=r"loveda has no map .*--map"):
                function("loveda", Taxonomy.named(names))
    names = [name.upper() for name in reversed(road.TAXONOMY.names)]
    ids = road.lookup_table("folder", Taxonomy.named(names))
    assert ids[:19].tolist() == list(range(18, -1, -1))
    with pytest.raises(ValueError, match=r"No class of bdd100k \(direct, ...\) has"):
        road.lookup_table("bdd100k", Taxonomy.named(["direct"]))


def test_line():
    assert road.line("camvid", camvid.TAXONOMY) == (
        "camvid: 2 of 11 classes are ignored: sign, bicyclist."
    )
    assert road.line("kitti", road.TAXONOMY) == (
        "kitti: all 19 classes have a road class."
    )
    assert road.line("coco_stuff", SETS["coco_stuff"]).endswith("suitcase, ...")


@pytest.mark.skipif(
    "KERASSEG_DATA" not in os.environ, reason="KERASSEG_DATA is not set"
)
def test_camvid_as_it_is():
    source = adapter("camvid")(Path(os.environ["KERASSEG_DATA"], "camvid"))
    ids = road.lookup_table("camvid", source[0])
    _, splits = map_classes(source, ids, road.TAXONOMY)
    counts = sum(np.bincount(s.label.ravel(), minlength=256) for s in splits["val"])
    # Counted with other code on the same files: sky, building, ... as in CamVid.
    road_of = {"sky": 1601620, "building": 4531180, "pole": 98499, "road": 5053176}
    road_of |= {"sidewalk": 1521751, "vegetation": 2851125, "fence": 537197}
    road_of |= {"car": 304716, "person": 113531}
    found = {n: counts[i] for i, n in enumerate(road.TAXONOMY.names) if counts[i]}
    assert found == road_of
    assert counts[IGNORE] == 155724 + 387010 + 297271  # signs, bicyclists, void
