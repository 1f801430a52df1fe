"""COCO's panoptic format in miniature: segment ids, void, things, layouts."""

import json

import numpy as np
import pytest
from pictures import load, picture, refuses, save

SEGMENTS = np.array([[0, 5, 5, 300], [70000, 5, 300, 300], [70000, 0, 9, 9]])
"""Ids of more than one and two bytes; 0 is void."""
CATEGORIES = [
    {"id": 7, "name": "sky", "isthing": 0, "color": [1, 2, 3]},
    {"id": 3, "name": "dog", "isthing": 1, "color": [4, 5, 6]},
]
INFO = [
    {"id": 5, "category_id": 3, "iscrowd": 0},
    {"id": 9, "category_id": 3, "iscrowd": 1},
    {"id": 300, "category_id": 7, "iscrowd": 0},
    {"id": 70000, "category_id": 3, "iscrowd": 0},
]


def coloured(segments):
    """R + 256 G + 65536 B."""
    parts = [segments & 255, segments >> 8 & 255, segments >> 16]
    return np.stack(parts, -1).astype(np.uint8)


def make(
    root,
    file="annotations/panoptic_val2017.json",
    masks="annotations/panoptic_val2017",
    images="val2017",
    info=INFO,
    name="a.jpg",
    **more,
):
    document = {
        "images": [{"id": "a", "file_name": name, "height": 3, "width": 4}],
        "annotations": [{"image_id": "a", "file_name": "a.png", "segments_info": info}],
        "categories": CATEGORIES,
    } | more
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    save(root / masks / "a.png", coloured(SEGMENTS))
    save(root / images / "a.jpg", picture(0, (3, 4)))
    return path


def test_segments_void_and_things(tmp_path):
    make(tmp_path)
    taxonomy, splits = load("coco_panoptic", tmp_path)
    assert taxonomy.names == ("dog", "sky")
    assert taxonomy.colours == ((4, 5, 6), (1, 2, 3))
    (sample,) = splits["val"]
    expected = [[255, 0, 0, 1], [0, 0, 1, 1], [0, 255, 0, 0]]
    assert sample.label.tolist() == expected
    # The crowd (9) and stuff are no objects.
    assert sample.instance.tolist() == [[0, 1, 1, 0], [2, 1, 0, 0], [2, 0, 0, 0]]
    assert (sample.label.dtype, sample.instance.dtype) == (np.uint8, np.uint16)


@pytest.mark.parametrize(
    ("file", "masks", "images", "split"),
    [
        ("panoptic_train.json", "panoptic_train", "train", "train"),
        (  # createPanopticImgs.py of Cityscapes
            "gtFine/cityscapes_panoptic_val.json",
            "gtFine/cityscapes_panoptic_val",
            "leftImg8bit/val/city",
            "val",
        ),
        (  # Mapillary Vistas 2.0
            "training/v2.0/panoptic/panoptic_2020.json",
            "training/v2.0/panoptic",
            "training/images",
            "train",
        ),
        (  # detectron2's ADE20K
            "ade20k_panoptic_val.json",
            "ade20k_panoptic_val",
            "images/validation",
            "val",
        ),
    ],
)
def test_layouts(tmp_path, file, masks, images, split):
    make(tmp_path, file, masks, images)
    (sample,) = load("coco_panoptic", tmp_path)[1][split]
    assert sample.id == "a"


def test_wrong_files_are_named(tmp_path):
    refuses(r"no annotations/panoptic_\*.json", "coco_panoptic", tmp_path)
    make(tmp_path, info=INFO[1:])
    refuses("a.png holds segment 5, which .*2017.json does", "coco_panoptic", tmp_path)
    make(tmp_path, info=[*INFO, {"id": 6, "category_id": 2}])
    refuses("category 2, of a segment in a.png, is not", "coco_panoptic", tmp_path)
    make(tmp_path, name="b.jpg")
    refuses("2017.json names .*val2017.b.jpg, which does", "coco_panoptic", tmp_path)
    path = make(tmp_path)
    save(tmp_path / "annotations/panoptic_val2017/a.png", coloured(SEGMENTS[:2]))
    refuses(r"a.jpg has \(3, 4\) .*a.png has \(2, 4\)", "coco_panoptic", tmp_path)
    save(tmp_path / "annotations/panoptic_val2017/a.png", SEGMENTS.astype(np.uint8))
    refuses("a.png has pixels of mode L, not RGB", "coco_panoptic", tmp_path)
    path.write_text(path.read_text().replace('"annotations": [', '"annotations": {'))
    refuses("cannot be read as COCO's panoptic JSON", "coco_panoptic", path)
