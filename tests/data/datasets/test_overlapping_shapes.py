"""Shapes of annotation tools with --overlap: nothing that was drawn is covered."""

from __future__ import annotations

import numpy as np
import pytest
import small_sets
import test_dstl
import test_yolo
from pictures import load

from kerasseg.data.reading.drawn.drawings import planes_of
from kerasseg.data.reading.drawn.polygons import VOID
from kerasseg.data.reading.masks.mask_flags import MaskFlags

SETS = {
    "coco": small_sets.coco("annotations/instances_train2017.json", "train2017"),
    "cvat": small_sets.cvat,
    "label_studio": small_sets.label_studio,
    "labelme": small_sets.labelme,
    "supervisely": small_sets.supervisely,
    "via": small_sets.via(),
    "yolo": small_sets.yolo(),
}


@pytest.mark.parametrize("kind", SETS)
def test_every_tool_has_planes(tmp_path, kind):
    SETS[kind](tmp_path)
    taxonomy, splits = load(kind, tmp_path)
    flags = {"masks": MaskFlags(overlap=True)} if kind == "cvat" else {"overlap": True}
    asked, planes = load(kind, tmp_path, **flags)
    assert asked.names == taxonomy.names[1:] and not asked.exclusive
    assert splits.keys() == planes.keys()
    for split, samples in splits.items():
        for one, other in zip(samples, planes[split], strict=True):
            assert other.label.shape == (*one.label.shape, asked.num_classes)
            assert other.label.dtype == np.uint8 and other.instance is None
            classes = np.arange(1, taxonomy.num_classes)
            on_top = one.label[..., None] == classes
            assert (other.label[on_top] == 1).all()
            np.testing.assert_array_equal(
                (other.label == 1).any(-1), (one.label > 0) & (one.label != 255)
            )


def test_what_covers_another_leaves_it_there(tmp_path):
    small = "0 0.2 0.3 0.25 0.3 0.25 0.5"
    test_yolo.make(tmp_path, {"train": {"a": f"{test_yolo.SQUARE}\n{small}\n"}})
    _, splits = load("yolo", tmp_path, overlap=True)
    (sample,) = splits["train"]
    square, triangle = np.zeros((2, *test_yolo.SIZE), int)
    square[2:7, 2:7] = 1
    for x, y in [(4, 3), (5, 3), (5, 4), (5, 5), (4, 4)]:
        triangle[y, x] = 1
    np.testing.assert_array_equal(sample.label, np.stack([triangle, square], -1))


def test_crops_under_tracks(tmp_path):
    test_dstl.make(
        tmp_path,
        {
            1: test_dstl.wkt([test_dstl.ring(12, 4, 15, 6)]),
            3: test_dstl.wkt([test_dstl.ring(0, 5, 38, 8)]),
        },
    )
    taxonomy, splits = load("dstl", tmp_path, val_share=0, overlap=True)
    assert taxonomy.names[:3] == ("building", "structure", "road")
    (sample,) = splits["train"]
    building, road = np.zeros((2, test_dstl.H, test_dstl.W), int)
    building[4:7, 12:16], road[5:9, :39] = 1, 1
    np.testing.assert_array_equal(sample.label[..., 0], building)
    np.testing.assert_array_equal(sample.label[..., 2], road)
    assert not sample.label[..., [1, *range(3, 10)]].any()


def test_void_and_background_among_objects():
    """Ignored is what no object says; a shape of the background takes away."""
    left, right, top = np.zeros((3, 4, 4), bool)
    left[:, :2], right[:, 2:], top[:2] = True, True, True
    blank = np.zeros((4, 4, 2), np.uint8)
    label = planes_of([(VOID, top), (1, left), (2, right), (0, ~top & left)], blank)
    np.testing.assert_array_equal(
        label[..., 0], np.where(left & top, 1, np.where(top, 255, 0))
    )
    np.testing.assert_array_equal(
        label[..., 1], np.where(right, 1, np.where(top, 255, 0))
    )
