"""YOLO segmentation in miniature: data.yaml, polygons, boxes, missing files."""

import numpy as np
import pytest
from pictures import counts, ids, load, picture, refuses, save

from kerasseg.data.datasets import adapter

pytest.importorskip("yaml")

SIZE = (10, 20)
SQUARE = "1 0.1 0.2 0.3 0.2 0.3 0.6 0.1 0.6"
"""Class 1; corners (2, 2), (6, 2), (6, 6), (2, 6) of a picture of 20 x 10."""
NAMES = "names: [cat, dog]\n"


def make(root, files, yaml=NAMES, images="images/{}", labels="labels/{}"):
    """files: {"train": {"a": lines of a.txt, or None for no file}}."""
    for split, texts in files.items():
        for name, text in texts.items():
            save(root / images.format(split) / f"{name}.png", picture(0, SIZE))
            if text is not None:
                file = root / labels.format(split) / f"{name}.txt"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
    if yaml:
        (root / "data.yaml").write_text(yaml)


def test_polygons_as_ultralytics_draws_them(tmp_path):
    small = "0 0.2 0.3 0.25 0.3 0.25 0.5"  # inside, first in the file, on top
    make(tmp_path, {"train": {"a": f"{small}\n{SQUARE}\n\n"}})
    taxonomy, splits = load("yolo", tmp_path)
    assert taxonomy.names == ("background", "cat", "dog")
    (sample,) = splits["train"]
    # By hand: the pixels under the outline belong to it; (4, 3), (5, 3), (5, 5).
    expected = np.zeros(SIZE, int)
    expected[2:7, 2:7] = 2
    for x, y in [(4, 3), (5, 3), (5, 4), (5, 5), (4, 4)]:
        expected[y, x] = 1
    np.testing.assert_array_equal(sample.label, expected)
    np.testing.assert_array_equal(sample.instance, expected)  # lines 1 and 2


@pytest.mark.parametrize(
    ("images", "labels", "yaml"),
    [
        ("images/{}", "labels/{}", "train: images/train\nval: images/val\n"),
        ("images/{}", "labels/{}", "path: ../x\ntrain: images/train\nval: images/val"),
        ("{}/images", "{}/labels", "train: ../train/images\nval: ../val/images\n"),
        (
            "{}/images",
            "{}/labels",
            "train: C:\\me\\train\nval: D:\\x\\val\\images",
        ),
        ("{}/images", "{}/labels", "train: [train/images]\nvalid: val/images\ntest:"),
        ("images/{}", "labels/{}", ""),
        ("{}/images", "{}/labels", ""),
        ("{}/Images", "{}/Labels", "train: train/Images\nval: val/Images\n"),
        ("{}", "{}", "train: train\nval: val\n"),  # text files beside the images
    ],
)
def test_layouts(tmp_path, images, labels, yaml):
    files = {"train": {"a": SQUARE, "b": ""}, "val": {"a": SQUARE}}
    make(tmp_path, files, NAMES + yaml, images, labels)
    for source in tmp_path, tmp_path / "data.yaml":
        splits = load("yolo", source)[1]
        assert ids(splits) == {"train": ["a", "b"], "val": ["a"]}
        assert splits["train"][0].label.any()
        assert not splits["train"][1].label.any()


def test_lists_of_images_and_the_same_images_twice(tmp_path):
    yaml = "train: train.txt\nval: images/one\ntest: images/none\n"
    make(tmp_path, {"one": {"a": SQUARE, "b": None}}, NAMES + yaml)
    (tmp_path / "train.txt").write_text("./images/one/a.png\nimages\\one\\b.png\n")
    _, splits = adapter("yolo")(tmp_path)
    assert counts(splits) == {"train": 2}
    assert splits["train"].source["objects"]["line"] == (
        "there are no images for test; val has the same images as train and is left "
        "out; 1 images without a label file are background"
    )
    (tmp_path / "train.txt").write_text("images/one/c.png\n")
    refuses(r"train.txt names .*c.png, which does not exist", "yolo", tmp_path)


@pytest.mark.parametrize(
    "yaml", ["names: {1: dog, 0: cat}", "names:\n  0: no\n  1: dog\nnc: 2"]
)
def test_names(tmp_path, yaml):
    make(tmp_path, {"train": {"a": SQUARE}}, yaml)
    first = "no" if "no" in yaml else "cat"
    assert load("yolo", tmp_path)[0].names == ("background", first, "dog")


def test_names_of_label_studio(tmp_path):
    make(tmp_path, {"": {"a": SQUARE}}, "")
    (tmp_path / "classes.txt").write_text("Background\ndog\n")
    (tmp_path / "notes.json").write_text("{}")
    taxonomy, splits = load("yolo", tmp_path)
    assert taxonomy.names == ("background", "dog")
    assert set(np.unique(splits["train"][0].label)) == {0, 1}


@pytest.mark.parametrize(
    ("boxes", "inside"),
    [("ask", 255), ("ignore", 255), ("background", 0), ("object", 1)],
)
def test_boxes_among_polygons(tmp_path, boxes, inside):
    make(tmp_path, {"train": {"a": f"{SQUARE}\n0 0.75 0.5 0.2 0.4\n"}})
    (sample,) = load("yolo", tmp_path, boxes=boxes)[1]["train"]
    assert (sample.label[3:7, 13:17] == inside).all()
    assert np.count_nonzero(sample.label == inside) in (16, 200 - 25)
    samples = adapter("yolo")(tmp_path, boxes=boxes)[1]["train"]
    assert "1 of 2 objects have only a box" in samples.source["objects"]["line"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 0.5 0.5 0.1 0.1", "1 objects, all of them boxes"),
        ("2 0.1 0.1 0.2 0.2 0.3 0.1", "a.txt line 1 has class 2, but .* 0 to 1"),
        ("0.5 0.1 0.1 0.2 0.2 0.3 0.1", "line 1 has class 0.5"),
        (f"{SQUARE}\n0 0.1 0.1 0.2 0.2 0.3", "line 2 has 5 numbers after the class"),
        ("0 10 10 20 20 30 10", "line 1 has numbers outside 0 to 1"),
        ("0 0.1 0.1 0.2 0.2 0.3 nan", "line 1 has numbers outside 0 to 1"),
        ("dog 0.1 0.1", "line 1: 'dog 0.1 0.1' is not a list of numbers"),
        (None, "no image has a text file of labels, such as .*a.txt"),
    ],
)
def test_wrong_labels_are_named(tmp_path, text, message):
    make(tmp_path, {"train": {"a": text}})
    refuses(message, "yolo", tmp_path)


def test_wrong_settings_are_named(tmp_path):
    refuses("Folder .*none does not exist", "yolo", tmp_path / "none")
    make(tmp_path, {"train": {"a": SQUARE}}, "")
    refuses("no data.yaml with names, nor classes.txt", "yolo", tmp_path)
    for yaml, message in {
        "names: {0: a, 2: b}": "names must be numbered 0, 1, ..., got",
        "names: [a, a]": "several classes are called 'a'",
        "names: dog": "names must be a list of class names, got 'dog'",
        "names: [a": "data.yaml cannot be read",
        "names: [a, b]\nkpt_shape: [3, 2]": "its labels are key points",
        "names: [a, b]\ntrain: elsewhere": "has no images: neither images/train/",
    }.items():
        (tmp_path / "data.yaml").write_text(yaml)
        refuses(message, "yolo", tmp_path)
