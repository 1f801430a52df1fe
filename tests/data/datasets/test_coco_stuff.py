"""COCO-Stuff: label maps of all classes, pixel maps and run lengths of stuff."""

import json

import numpy as np
import pytest
from pictures import load, picture, refuses, save

from kerasseg.data.datasets.coco_stuff_names import NAMES

NAME = "000000000009"
# Of the maps, whose values are id - 1: person, car, bicycle; banner, wood; unlabelled.
STORED = np.array([[0, 2, 1], [91, 181, 255]], np.uint8)


def images(root, place="images/{}"):
    for year in "train2017", "val2017":
        save(root / place.format(year) / f"{NAME}.jpg", picture(0, (2, 3)))


@pytest.mark.parametrize(
    ("place", "labels"),
    [
        ("images/{}", "stuffthingmaps_trainval2017/{}"),
        ("{}", "stuffthingmaps/{}"),
        ("images/{}", "annotations/{}"),
    ],
)
def test_maps(tmp_path, place, labels):
    images(tmp_path, place)
    for year in "train2017", "val2017":
        save(tmp_path / labels.format(year) / f"{NAME}.png", STORED)
    taxonomy, splits = load("coco_stuff", tmp_path)
    assert taxonomy.num_classes == 171
    assert "street sign" not in taxonomy.names
    assert list(splits) == ["train", "val"]
    label = splits["val"][0].label
    # 80 things, so the first stuff is class 80.
    assert label.tolist() == [[0, 2, 1], [80, 170, 255]]
    assert [taxonomy.names[i] for i in label.ravel()[:5]] == [
        "person",
        "car",
        "bicycle",
        "banner",
        "wood",
    ]


def test_colours(tmp_path):
    images(tmp_path)
    save(tmp_path / f"annotations/train2017/{NAME}.png", STORED)
    taxonomy, _ = load("coco_stuff", tmp_path)
    # By hand from mmseg/datasets/coco_stuff.py of mmsegmentation 1.2.2.
    known = {"person": (0, 192, 64), "traffic light": (128, 192, 64)}
    known |= {"banner": (0, 192, 0), "road": (192, 128, 128), "wood": (64, 64, 0)}
    found = dict(zip(taxonomy.names, taxonomy.colours, strict=True))
    assert {name: found[name] for name in known} == known


def test_names_of_ids():
    # By hand from labels.txt; 91 things, 91 stuff, unlabelled and other.
    assert len(NAMES) == 184
    known = {10: "traffic light", 90: "toothbrush", 92: "banner", 149: "road"}
    known |= {103: "ceiling-tile", 157: "sky-other", 182: "wood", 183: "other"}
    assert {i: NAMES[i] for i in known} == known


def test_pixelmaps(tmp_path):
    images(tmp_path)
    stored = np.array([[0, 92, 182], [183, 149, 0]], np.uint8)
    folder = tmp_path / "annotations/stuff_val2017_pixelmaps"
    save(folder / f"{NAME}.png", stored)
    taxonomy, splits = load("coco_stuff", tmp_path)
    assert (taxonomy.num_classes, taxonomy.names[-1]) == (92, "other")
    assert splits["val"][0].label.tolist() == [[255, 0, 90], [91, 57, 255]]
    assert taxonomy.names[57] == "road"
    # Maps of all classes hold other numbers: they are not taken for pixel maps.
    save(folder / f"{NAME}.png", STORED)
    refuses(f"{NAME}.png holds id 1, which", "coco_stuff", tmp_path)


def document(root, annotations, images=({"id": 9, "file_name": f"{NAME}.jpg"},)):
    file = root / "annotations/stuff_train2017.json"
    file.parent.mkdir(exist_ok=True)
    categories = [{"id": i, "name": NAMES[i]} for i in range(92, 184)]
    values = {"images": images, "annotations": annotations, "categories": categories}
    file.write_text(json.dumps(values))
    return file


def annotation(category, segmentation):
    return {
        "id": category,
        "image_id": 9,
        "category_id": category,
        "segmentation": segmentation,
        "iscrowd": 0,
    }


# [[0, 1, 1], [0, 0, 1]] down the columns: 2 zeros, 1 one, 1 zero, 2 ones.
BY_HAND = {"size": [2, 3], "counts": [2, 1, 1, 2]}


def test_run_lengths_by_hand(tmp_path):
    images(tmp_path)
    # Numbers below 16 are one character each: 48 + number; from the fourth on it is the
    # difference to the last but one: 2 - 1.
    text = {"size": [2, 3], "counts": "2111"}
    for runs in BY_HAND, text:
        document(tmp_path, [annotation(149, runs)])
        taxonomy, splits = load("coco_stuff", tmp_path)
        assert splits["train"][0].label.tolist() == [[255, 57, 57], [255, 255, 57]]
    assert taxonomy.num_classes == 92


def test_run_lengths_of_pycocotools(tmp_path, rng):
    coco = pytest.importorskip("pycocotools.mask")
    images(tmp_path)
    size = (37, 53)
    save(tmp_path / f"images/train2017/{NAME}.jpg", picture(0, size))
    stored = np.kron(rng.choice([0, 92, 157, 183], (7, 9)), np.ones((6, 6), np.uint8))
    stored = stored[: size[0], : size[1]]
    runs = []
    for category in 92, 157, 183:
        encoded = coco.encode(np.asfortranarray(stored == category, np.uint8))
        encoded["counts"] = encoded["counts"].decode()
        runs.append(annotation(category, encoded))
    document(tmp_path, runs)
    label = load("coco_stuff", tmp_path, labels="json")[1]["train"][0].label
    expected = np.where(stored, stored - 92, 255)
    np.testing.assert_array_equal(label, expected)


def test_json_faults(tmp_path):
    images(tmp_path)
    document(tmp_path, [annotation(3, BY_HAND)])
    refuses(r"stuff_train2017.json: category 3 of .*stuff", "coco_stuff", tmp_path)
    document(tmp_path, [annotation(92, BY_HAND | {"size": [3, 3]})])
    refuses(r"category 92 of .*run lengths are for", "coco_stuff", tmp_path)
    document(tmp_path, [], [{"id": 1, "file_name": "no.jpg"}])
    refuses(r"names .*no.jpg, which does not exist", "coco_stuff", tmp_path)
    document(tmp_path, [], [])
    refuses(r"2017.json names no images", "coco_stuff", tmp_path)
    document(tmp_path, []).write_text("[]")
    refuses(r"2017.json cannot be read as COCO's JSON", "coco_stuff", tmp_path)


def test_faults(tmp_path):
    refuses("has no labels: stuffthingmaps_trainval2017", "coco_stuff", tmp_path)
    save(tmp_path / f"stuffthingmaps/train2017/{NAME}.png", STORED)
    refuses(r"no image .*train2017/\*.jpg. Unpack", "coco_stuff", tmp_path)
    images(tmp_path)
    (tmp_path / f"stuffthingmaps/train2017/{NAME}.png").unlink()
    refuses(f"Image .*{NAME}.jpg has no label", "coco_stuff", tmp_path)
