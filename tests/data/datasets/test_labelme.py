"""labelme JSON: shapes as labelme draws them, images inside or beside, classes."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from pictures import counts, ids, load, picture, refuses, save

from kerasseg.data.reading.drawn.labelme_shapes import rasterise

GOLDEN = np.load(Path(__file__).parents[2] / "golden" / "labelme.npz")
SHAPES = json.loads(str(GOLDEN["shapes"]))
SIZE = GOLDEN["label"].shape


def box(label, left, top, right, bottom, **more):
    """A rectangle of labelme; both corners belong to it."""
    points = [[left, top], [right, bottom]]
    return {"label": label, "points": points, "shape_type": "rectangle"} | more


def annotate(root, name, shapes, size=(10, 12), inside=False, **more):
    root.mkdir(exist_ok=True)
    save(root / f"{name}.png", picture(0, size))
    content = (root / f"{name}.png").read_bytes()
    document = {
        "version": "5.5.0",
        "flags": {},
        "shapes": shapes,
        "imagePath": f"{name}.png",
        "imageData": base64.b64encode(content).decode() if inside else None,
        "imageHeight": size[0],
        "imageWidth": size[1],
    } | more
    (root / f"{name}.json").write_text(json.dumps(document))
    if inside:
        (root / f"{name}.png").unlink()
    return content


@pytest.mark.parametrize("number", range(len(SHAPES)))
def test_each_shape_as_labelme_draws_it(number):
    mask = rasterise(SHAPES[number], SIZE)
    np.testing.assert_array_equal(mask, GOLDEN["alone"][number])


@pytest.mark.parametrize("inside", [False, True])
def test_labels_and_objects_as_labelme_makes_them(tmp_path, inside):
    content = annotate(tmp_path, "x", SHAPES, SIZE, inside)
    taxonomy, splits = load("labelme", tmp_path, val_share=0)
    (sample,) = splits["train"]
    assert taxonomy.names == ("background", "a", "b", "c")
    assert (sample.id, sample.encoded) == ("x", content)
    np.testing.assert_array_equal(sample.label, GOLDEN["label"])
    np.testing.assert_array_equal(sample.instance, GOLDEN["instance"])
    np.testing.assert_array_equal(sample.image, picture(0, SIZE))


def test_labels_txt_orders_classes_and_ignores(tmp_path):
    for split in "train", "val":
        (tmp_path / split).mkdir()
        shapes = [
            box("dog", 0, 0, 5, 5),
            box("__ignore__", 4, 4, 7, 7),
            box("_background_", 0, 0, 1, 1),
        ]
        annotate(tmp_path / split, split, shapes)
    (tmp_path / "labels.txt").write_text("__ignore__\n_background_\ntree\ndog\n")
    taxonomy, splits = load("labelme", tmp_path)
    assert taxonomy.names == ("background", "tree", "dog")
    assert ids(splits) == {
        "train": ["train"],
        "val": ["val"],
    }
    expected = np.zeros((10, 12), np.uint8)
    expected[:6, :6] = 2
    expected[4:8, 4:8] = 255
    expected[:2, :2] = 0
    np.testing.assert_array_equal(splits["train"][0].label, expected)
    np.testing.assert_array_equal(splits["train"][0].instance, expected == 2)


def test_some_files_are_chosen_to_validate_on(tmp_path):
    for name in "abcde":
        annotate(tmp_path, name, [box("dog", 0, 0, 5, 5)])
    _, splits = load("labelme", tmp_path)
    assert counts(splits) == {
        "train": 4,
        "val": 1,
    }


def test_windows_paths(tmp_path):
    (tmp_path / "images").mkdir()
    annotate(tmp_path, "x", [], imagePath="images\\x.png")
    (tmp_path / "x.png").rename(tmp_path / "images" / "x.png")
    _, splits = load("labelme", tmp_path, val_share=0)
    assert not splits["train"][0].label.any()


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            box("a", 0, 0, 5, 5, shape_type="blob"),
            "x.json, shape 1: .*'blob' is unknown",
        ),
        (box("a", 0, 0, 5, 5, shape_type="polygon"), "a polygon has 3 points or more"),
        (box("a", 0, 0, 5, 5, shape_type="point"), "a point has 1 points, this one 2"),
        (box("a", 0, 0, 5, 5, points=[1, 2]), r"points must be a list of \[x, y\]"),
        (box("a", 0, 0, 5, 5, shape_type="mask"), "a mask must be a PNG in base64"),
        (
            SHAPES[6] | {"points": [[0, 0], [5, 5]]},
            r"a mask of \(9, 14\) pixels does not fit",
        ),
    ],
)
def test_wrong_shapes_are_named(tmp_path, shape, message):
    annotate(tmp_path, "x", [shape])
    refuses(message, "labelme", tmp_path, val_share=0)


def test_wrong_files_are_named(tmp_path):
    refuses(r"holds no \*.json", "labelme", tmp_path)
    annotate(tmp_path, "x", [box("cat", 0, 0, 5, 5)])
    (tmp_path / "labels.txt").write_text("dog\n")
    refuses(
        r"x.json has a shape with the label 'cat'", "labelme", tmp_path, val_share=0
    )
    refuses(
        r"--labels nowhere.txt does not exist",
        "labelme",
        tmp_path,
        labels="nowhere.txt",
    )
    (tmp_path / "labels.txt").unlink()
    annotate(tmp_path, "x", [], imageHeight=99)
    refuses(
        r"x.json was drawn on .*\(99, 12\) .*\(10, 12\)",
        "labelme",
        tmp_path,
        val_share=0,
    )
    (tmp_path / "x.png").unlink()
    refuses(r"x.json holds no imageData.*x.png", "labelme", tmp_path, val_share=0)
    annotate(tmp_path, "x", [], imageData="AAAAA")
    refuses(r"imageData of .*x.json cannot be read", "labelme", tmp_path, val_share=0)
    (tmp_path / "x.json").write_text("{}")
    refuses(r"x.json has no list of shapes", "labelme", tmp_path)
    (tmp_path / "x.json").write_text("?")
    refuses(r"x.json is not a JSON file", "labelme", tmp_path)
    (tmp_path / "val").mkdir()
    annotate(tmp_path / "val", "y", [])
    refuses(r"JSON files in .* and in its folders val", "labelme", tmp_path)


def test_shapes_of_xanylabeling():
    """A box of four corners is that of two; turned boxes are polygons."""
    two = {"points": [[2, 3], [7, 6]], "shape_type": "rectangle"}
    four = two | {"points": [[7, 3], [7, 6], [2, 6], [2, 3]]}
    np.testing.assert_array_equal(rasterise(four, SIZE), rasterise(two, SIZE))
    turned = {"points": [[5, 1], [9, 5], [5, 9], [1, 5]], "direction": 0.8}
    expected = rasterise(turned | {"shape_type": "polygon"}, SIZE)
    for kind in "rotation", "quadrilateral":
        mask = rasterise(turned | {"shape_type": kind}, SIZE)
        np.testing.assert_array_equal(mask, expected)


def test_images_of_other_machines_and_folders(tmp_path):
    for name, path in ("x", r"D:\data\x.png"), ("y", r"..\images\y.png"):
        annotate(tmp_path / "Train", name, [box("dog", 0, 0, 5, 5)], imagePath=path)
    (tmp_path / "images").mkdir()
    (tmp_path / "Train/y.png").rename(tmp_path / "images/y.png")
    annotate(tmp_path / "valid", "z", [box("Dog", 0, 0, 5, 5)], imagePath="pic/z.png")
    (tmp_path / "valid/z.png").rename(tmp_path / "images/z.png")
    _, splits = load("labelme", tmp_path)
    assert ids(splits) == {"train": ["x", "y"], "val": ["z"]}


def test_encodings(tmp_path):
    annotate(tmp_path, "x", [box("\u72d7", 0, 0, 5, 5)])
    file = tmp_path / "x.json"
    text = json.dumps(json.loads(file.read_text()), ensure_ascii=False)
    for encoding in "utf-8-sig", "utf-16":
        file.write_text(text, encoding=encoding)
        taxonomy, _ = load("labelme", tmp_path, val_share=0)
        assert taxonomy.names == ("background", "\u72d7")
    file.write_text(text, encoding="gbk")
    refuses(r"x.json is not .* UTF-8.*iconv -f GBK", "labelme", tmp_path)
