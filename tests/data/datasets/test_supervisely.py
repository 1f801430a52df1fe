"""Projects of Supervisely in miniature: shapes, data sets, what is left out.

The bitmap was encoded by supervisely 6.74.51 (`Bitmap.data_2_base64`).
"""

import json

import numpy as np
import pytest
from pictures import counts, ids, load, picture, refuses, save

from kerasseg.data.datasets import adapter

SIZE = (10, 12)
ENCODED = (
    "eJzrDPBz5+WS4mJgYOD19HAJAtLMIMwIInOeqf8BUmwBPiGuQPr///9Lb86/C2QxlgT5BT"
    "M4PLuRBuTwebo4hlTMSa44UNLwkJGBvY+pWTreAaSBwdPVz2WdU0ITAMeCGxs="
)
CLASSES = [
    {"title": "head", "shape": "point"},
    {"title": "dog", "shape": "polygon", "color": "#F6FF00"},
    {"title": "__bg__", "shape": "bitmap"},
    {"title": "cat", "shape": "any"},
]


def shape(title, kind, exterior, *interior):
    points = {"exterior": exterior, "interior": list(interior)}
    return {"classTitle": title, "geometryType": kind, "points": points}


def bitmap(title, origin, kind="bitmap"):
    data = {"origin": origin, "data": ENCODED}
    return {"classTitle": title, "geometryType": kind, "bitmap": data}


SQUARE = shape("dog", "polygon", [[1, 1], [6, 1], [6, 6], [1, 6]])
HOLE = [[3, 3], [4, 3], [4, 4], [3, 4]]
RECT = shape("cat", "rectangle", [[8, 2], [10, 3]])
POINT = shape("head", "point", [[1, 1]])


def make(root, images, data_set="ds0", classes=CLASSES):
    """images: {"a.png": objects}."""
    (root / data_set / "ann").mkdir(parents=True, exist_ok=True)
    (root / "meta.json").write_text(json.dumps({"classes": classes, "tags": []}))
    size = {"height": SIZE[0], "width": SIZE[1]}
    for name, objects in images.items():
        document = {"description": "", "tags": [], "size": size, "objects": objects}
        file = root / data_set / "ann" / f"{name}.json"
        file.write_text(json.dumps(document))
        save(root / data_set / "img" / name, picture(0, SIZE))


def said(*args, **options):
    splits = adapter("supervisely")(*args, **options)[1]
    return splits["train"].source["objects"]["line"]


def test_objects_are_painted_in_their_order(tmp_path):
    square = shape("dog", "polygon", SQUARE["points"]["exterior"], HOLE)
    make(tmp_path / "x", {"a.png": [square, RECT, bitmap("cat", [9, 7]), POINT]})
    taxonomy, splits = load("supervisely", tmp_path)
    assert taxonomy.names == ("background", "dog", "cat")
    (sample,) = splits["train"]
    expected = np.zeros(SIZE, int)
    expected[1:7, 1:7] = 1  # the outline belongs to it, and that of the hole does not
    expected[3:5, 3:5] = 0
    expected[2:4, 8:11] = 2  # both corners
    expected[7:10, 9:12] = [[2, 2, 2], [2, 0, 2], [2, 2, 2]]
    np.testing.assert_array_equal(sample.label, expected)
    assert set(np.unique(sample.instance)) == {0, 1, 2, 3}
    assert "1 of point are left out" in said(tmp_path)


def test_data_sets_are_splits_or_all_train(tmp_path):
    for name in "one", "two":
        make(tmp_path / "plain", {"a.png": [SQUARE]}, name)
    found = ids(load("supervisely", tmp_path / "plain")[1])
    assert found == {"train": ["one_img_a", "two_img_a"]}
    for name in "Train", "valid", "Train/datasets/more":
        make(tmp_path / "split", {f"{name[0]}{len(name)}.png": [SQUARE]}, name)
    found = ids(load("supervisely", tmp_path / "split")[1])
    assert found == {"train": ["T5"], "val": ["v5"], "more": ["T19"]}


def test_background_and_images_without_objects(tmp_path):
    make(tmp_path, {"a.png": [SQUARE, bitmap("__bg__", [2, 2])], "b.png": [POINT]})
    refuses("1 of 2 images have no object.*--negatives", "supervisely", tmp_path)
    assert counts(load("supervisely", tmp_path, negatives="skip")[1]) == {"train": 1}
    splits = load("supervisely", tmp_path, negatives="background")[1]["train"]
    assert splits[0].label[2, 2] == 0 and splits[1].label.max() == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (bitmap("cat", [11, 7]), "object 1 cannot be drawn.*leaves the image"),
        (bitmap("cat", [1]), "object 1 cannot be drawn"),
        (shape("cow", "polygon", HOLE), "class 'cow', not one of meta.json"),
        (shape("cat", "blob", HOLE), "shape 'blob' is unknown"),
        (RECT, "all of them boxes"),
    ],
)
def test_what_cannot_be_drawn_is_named(tmp_path, wrong, message):
    make(tmp_path, {"a.png": [wrong]})
    refuses(message, "supervisely", tmp_path)


def test_files_that_are_none_are_named(tmp_path):
    refuses("holds no meta.json", "supervisely", tmp_path)
    make(tmp_path, {"a.png": [SQUARE]})
    (tmp_path / "ds0/img/a.png").rename(tmp_path / "a.png")
    refuses("is of .*a.png, which does not exist", "supervisely", tmp_path)
    file = tmp_path / "ds0/ann/a.png.json"
    file.write_text("{}")
    refuses("cannot be read as an annotation of Supervisely", "supervisely", tmp_path)
    file.write_text('{"framesCount": 3}')
    refuses("of a video", "supervisely", tmp_path)
    (tmp_path / "meta.json").write_text("[]")
    refuses("cannot be read as Supervisely's meta.json", "supervisely", tmp_path)
