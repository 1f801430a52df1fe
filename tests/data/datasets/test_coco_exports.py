"""COCO files as Roboflow, CVAT, Label Studio and labelme2coco lay them out."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from pictures import load, picture, refuses, save

from kerasseg.data.datasets import adapter
from kerasseg.data.reading.drawn.coco_masks import mask_of

pytest.importorskip("pycocotools.mask")

SIZE = (6, 8)
SQUARE = [[1, 1, 4, 1, 4, 4, 1, 4]]
RUNS = {"size": [6, 8], "counts": [0, 12, 36]}
"""The first two columns."""


def annotation(number, category=1, segmentation=None, image=1, **more):
    segmentation = SQUARE if segmentation is None else segmentation
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "segmentation": segmentation,
        "bbox": [5, 2, 2, 3],
        "iscrowd": 0,
    } | more


def document(annotations, names=("a.png",), categories=None):
    categories = {1: "dog"} if categories is None else categories
    return {
        "images": [
            {"id": i, "file_name": name, "height": 6, "width": 8}
            for i, name in enumerate(names, 1)
        ],
        "annotations": annotations,
        "categories": [{"id": i, "name": name} for i, name in categories.items()],
    }


def write(file, *args, images=("a.png",), folder=None, **options):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document(*args, **options)))
    for image in images:
        save((folder or file.parent) / image, picture(0, SIZE))
    return file


def line(source, **options):
    """What the adapter says of its objects."""
    _, splits = adapter("coco")(source, **options)
    return next(iter(splits.values())).source.get("objects", {}).get("line", "")


@pytest.mark.parametrize(
    ("file", "folder", "split"),
    [
        ("train/_annotations.coco.json", "train", "train"),  # Roboflow
        ("valid/_annotations.coco.json", "valid", "val"),
        ("annotations/instances_default.json", "images", "train"),  # CVAT
        ("annotations/instances_Validation.json", "images/Validation", "val"),
        ("annotations/instances_val.json", "images/val", "val"),  # datumaro
        ("result.json", "images", "train"),  # Label Studio
        ("labels.json", "data", "train"),  # FiftyOne
        ("annotations.json", "JPEGImages", "train"),  # labelme2coco
        ("train/annotations.json", "train/images", "train"),
        ("annotations/train.json", "train", "train"),
    ],
)
def test_layouts_of_tools(tmp_path, file, folder, split):
    path = write(tmp_path / file, [annotation(1)], folder=tmp_path / folder)
    for source in tmp_path, path:
        taxonomy, splits = load("coco", source)
        assert taxonomy.names == ("background", "dog")
        (sample,) = splits[split]
        assert sample.label[1:4, 1:4].all()
        assert sample.label.sum() == 9


@pytest.mark.parametrize(
    "name",
    [
        "images\\a b.png",
        "C:\\data\\images\\a b.png",
        "/home/me/images/a b.png",
        "images/a%20b.png",
        "https://host/x/a%20b.png?token=1",
        "../images/A B.PNG",
    ],
)
def test_names_as_tools_write_them(tmp_path, name):
    file = tmp_path / "annotations/instances_train.json"
    write(file, [], images=["a b.png"], folder=tmp_path / "images", names=[name])
    (sample,) = load("coco", tmp_path)[1]["train"]
    assert sample.id == "a b"


def test_equal_stems_and_the_images_of_other_splits(tmp_path):
    names = ("x/a.png", "y/a.png")
    for split in "train", "val":
        write(
            tmp_path / f"annotations/instances_{split}.json",
            [annotation(1, image=2)],
            names=names,
            images=names if split == "train" else (),
            folder=tmp_path / "images" / split,
        )
    refuses(r"val.json names .*x/a.png.* \(2 such images\)", "coco", tmp_path)
    (tmp_path / "annotations/instances_val.json").unlink()
    samples = load("coco", tmp_path)[1]["train"]
    assert [s.id for s in samples] == ["x_a", "y_a"]
    assert [int(s.label.sum()) for s in samples] == [0, 9]
    assert "1 images without annotations are background" in line(tmp_path)
    write(tmp_path / "annotations/instances_train.json", [], ["a.png"], images=())
    refuses(r"a.png may be .*x.a.png or .*y.a.png", "coco", tmp_path)


def test_categories_that_tools_add(tmp_path):
    file = tmp_path / "train/_annotations.coco.json"
    categories = {0: "dog", 4: "dog", 7: "cat", 9: "Background", 12: "_background_"}
    write(file, [annotation(1, 7), annotation(2, 9)], categories=categories)
    taxonomy, splits = load("coco", tmp_path)
    assert taxonomy.names == ("background", "dog", "cat")
    (sample,) = splits["train"]
    # The background's square, of the same size and later, lies on the cat's.
    assert not sample.label.any()
    assert not sample.instance.any()
    assert line(tmp_path) == (
        "category 0 'dog' has no object and is left out; category 12 '_background_' "
        "has no object and is left out; category 'Background' is the background, class "
        "0"
    )


def test_equal_names(tmp_path):
    file = tmp_path / "x.json"
    write(file, [annotation(1, 2), annotation(2, 5)], categories={2: "dog", 5: "dog"})
    assert load("coco", tmp_path)[0].names == ("background", "dog")
    assert line(tmp_path) == "categories 2 and 5, both 'dog', are one class"
    text = json.loads(file.read_text())
    text["categories"][0]["supercategory"] = "toys"
    file.write_text(json.dumps(text))
    refuses(r"x.json: categories 2 and 5 .*'dog' \(of 'toys' and ''\)", "coco", file)


def test_files_may_number_the_same_classes_otherwise(tmp_path):
    write(tmp_path / "train/x.json", [annotation(1, 1)], categories={1: "a", 2: "b"})
    write(tmp_path / "valid/x.json", [annotation(1, 1)], categories={1: "b", 2: "a"})
    _, splits = load("coco", tmp_path)
    assert [int(splits[s][0].label.max()) for s in ("train", "val")] == [1, 2]


@pytest.mark.parametrize(
    ("boxes", "inside"), [("ask", 255), ("ignore", 255), ("background", 0)]
)
@pytest.mark.parametrize("nothing", [[], [[]], {}, None])
def test_an_object_with_a_box_only(tmp_path, boxes, inside, nothing):
    alone = annotation(2) | {"segmentation": nothing}
    write(tmp_path / "x.json", [annotation(1), alone])
    (sample,) = load("coco", tmp_path, boxes=boxes)[1]["train"]
    assert (sample.label[2:5, 5:7] == inside).all()
    assert np.count_nonzero(sample.label == 1) == 9
    assert line(tmp_path, boxes=boxes).startswith("1 of 2 objects have only a box:")


def test_boxes_only(tmp_path):
    write(tmp_path / "x.json", [annotation(1, segmentation=[])])
    refuses("1 objects, all of them boxes: .*--boxes object", "coco", tmp_path)
    (sample,) = load("coco", tmp_path, boxes="object")[1]["train"]
    assert (sample.label[2:5, 5:7] == 1).all()
    assert sample.label.sum() == 6


@pytest.mark.parametrize(
    ("crowds", "crowd", "expected"),
    [
        (1, "auto", 255),
        (2, "auto", 1),
        (1, "object", 1),
        (2, "ignore", 255),
    ],
)
def test_crowds_of_brushes_are_objects(tmp_path, crowds, crowd, expected):
    every = [annotation(i, segmentation=RUNS, iscrowd=1) for i in range(crowds)]
    write(tmp_path / "x.json", [annotation(9), *every])
    (sample,) = load("coco", tmp_path, crowd=crowd)[1]["train"]
    assert (sample.label[:, 0] == expected).all()
    assert f"{crowds} of {crowds + 1} annotations have iscrowd" in line(tmp_path)


def test_json_that_is_not_quite(tmp_path):
    file = write(tmp_path / "x.json", [annotation(1, area=float("nan"))])
    assert "NaN" in file.read_text()
    file.write_text(file.read_text(), encoding="utf-8-sig")
    assert load("coco", tmp_path)[1]["train"][0].label.sum() == 9
    write(file, [annotation(1, segmentation=[[1, 1, 4, 1, 4, float("nan")]])])
    refuses("x.json: annotation 1 of a.png .* has NaN", "coco", tmp_path)
    write(file, [annotation(1)], names=["a.png", "b.png"])
    same_id = file.read_text().replace('"id": 2', '"id": 1')
    file.write_text(same_id)
    refuses("images a.png and b.png have the same id 1", "coco", tmp_path)
    write(file, [annotation(1)], names=["a.png", "a.png"])
    refuses("a.png is annotated twice", "coco", tmp_path)


def test_segmentations_that_are_not_quite():
    square = mask_of(SQUARE, SIZE)
    assert square.sum() == 9
    pairs = [[x, y] for x, y in zip(SQUARE[0][::2], SQUARE[0][1::2], strict=True)]
    for other in (SQUARE[0], [pairs], [*SQUARE, []]):
        np.testing.assert_array_equal(mask_of(other, SIZE), square)
    whole = {"size": [6.0, 8.0], "counts": [0.0, 12.0, 36.0]}
    np.testing.assert_array_equal(mask_of(whole, SIZE), mask_of(RUNS, SIZE))
    with pytest.raises(ValueError, match="not whole numbers"):
        mask_of({"size": [6, 8], "counts": [0, 12.5, 35.5]}, SIZE)


def test_two_files_for_one_split(tmp_path):
    write(tmp_path / "a/annotations/instances_default.json", [annotation(1)])
    write(tmp_path / "b/annotations/instances_default.json", [annotation(1)])
    refuses("another file for the split default, .*name one as SRC", "coco", tmp_path)


def test_images_of_more_bits_keep_their_type(tmp_path):
    pixels = np.arange(48, dtype=np.uint16).reshape(6, 8) * 900
    write(tmp_path / "x.json", [annotation(1)], ["a.png", "b.png"], images=())
    for name in "a.png", "b.png":
        save(tmp_path / name, pixels)
    _, splits = adapter("coco")(tmp_path)
    assert splits["train"].image_format.type == "uint16"
    first = splits["train"].read(splits["train"].entries[0])
    np.testing.assert_array_equal(first.image, pixels[..., None])
    save(tmp_path / "b.png", (pixels >> 8).astype(np.uint8))
    refuses("Images of one data set have the same bands and type", "coco", tmp_path)


@pytest.mark.skipif(
    "KERASSEG_DATA" not in os.environ, reason="KERASSEG_DATA is not set"
)
@pytest.mark.parametrize(
    ("case", "classes", "splits", "pixels"),
    [
        ("data/coco_roboflow", 3, {"train": 6, "val": 2, "test": 1}, [11388, 900]),
        ("data/coco_roboflow_moved", 3, {"train": 6, "val": 2, "test": 1}, None),
        ("data/coco_cvat_masks_iscrowd1", 3, {"train": 8}, [10717, 193, 1378]),
        ("data/coco_one_bbox_only", 3, {"train": 8}, [11388, 900]),
        ("data/coco_hole_polygons", 3, {"train": 8}, [8688, 3600]),
        ("data/coco_rle_compressed", 3, {"train": 8}, [10717, 193, 1378]),
        ("exports/labelme_coco_background", 21, {"train": 3}, None),
        ("exports/coco_box_only_annotation", 11, {"train": 1}, None),
    ],
)
def test_the_cases(case, classes, splits, pixels):
    """pixels: of each class of the first image, by pycocotools 2.0.11 alone."""
    taxonomy, found = load("coco", Path(os.environ["KERASSEG_DATA"], "cases", case))
    assert taxonomy.num_classes == classes
    assert {split: len(samples) for split, samples in found.items()} == splits
    if pixels:
        counted = np.bincount(found["train"][0].label.ravel())
        assert counted.tolist() == pixels


def test_images_that_are_not_there_can_be_left_out(tmp_path, capsys):
    from kerasseg import prepare

    names = ("a.png", "lost.png", "b.png")
    objects = [annotation(i, image=i) for i in (1, 2, 3)]
    source = tmp_path / "export"
    write(source / "instances_train.json", objects, names, images=("a.png", "b.png"))
    refuses("lost.png, which does not exist", "coco", source)
    out = tmp_path / "records"
    prepare.run(["coco", str(source), str(out), "--on-error", "skip"], "")
    said = capsys.readouterr().out
    assert "1 entry was left out" in said and "lost.png" in said
    written = json.loads((out / "dataset.json").read_text())
    assert written["splits"]["train"]["samples"] == 2
