"""Cityscapes: fine and coarse, label ids and polygons."""

import json
from pathlib import Path

import numpy as np
import pytest
from pictures import counts, load, picture, refuses, save

from kerasseg.data.datasets import adapter, cityscapes
from kerasseg.data.datasets.cityscapes_labels import NAMES
from kerasseg.data.datasets.cityscapes_polygons import IDS, label_ids
from kerasseg.taxonomy import IGNORE

GOLDEN = Path(__file__).parents[2] / "golden" / "cityscapes_polygons.npz"
EVERY = np.arange(34, dtype=np.uint8).reshape(2, 17)
# trainId of labels.py in cityscapesscripts, ids 0 to 33
TRAIN_IDS = [255] * 7 + [0, 1, 255, 255, 2, 3, 4, 255, 255, 255, 5, 255]
TRAIN_IDS += [6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255, 255, 16, 17, 18]


def frame(root, split, name, kind="gtFine", ids=EVERY):
    city = name.split("_")[0]
    size = (2, 17) if ids is None else ids.shape
    save(root / f"leftImg8bit/{split}/{city}/{name}_leftImg8bit.png", picture(0, size))
    if ids is not None:
        save(root / f"{kind}/{split}/{city}/{name}_{kind}_labelIds.png", ids)
        # What the download has beside them, and what must not be read.
        instances = np.where(ids > 23, ids * np.uint16(1000), ids).astype(np.uint16)
        save(root / f"{kind}/{split}/{city}/{name}_{kind}_instanceIds.png", instances)


def test_fine(tmp_path):
    frame(tmp_path, "train", "aachen_000000_000019")
    frame(tmp_path, "train", "aachen_000001_000019")
    frame(tmp_path, "val", "frankfurt_000000_000294")
    frame(tmp_path, "test", "berlin_000000_000019", ids=np.zeros((2, 17), np.uint8))
    taxonomy, splits = load("cityscapes", tmp_path)
    assert taxonomy.num_classes == 19
    assert taxonomy.names[:2] + taxonomy.names[-2:] == (
        "road",
        "sidewalk",
        "motorcycle",
        "bicycle",
    )
    assert list(splits) == ["train", "val"]
    first, second = splits["train"]
    assert first.label.ravel().tolist() == TRAIN_IDS
    assert (first.id, first.sequence) == ("aachen_000000_000019", "aachen_000000")
    assert second.sequence == "aachen_000001"
    assert first.encoded.startswith(b"\x89PNG")
    _, lazy = adapter("cityscapes")(tmp_path)
    assert lazy["val"].sequence(lazy["val"].entries[0]) == "frankfurt_000000"


def test_coarse(tmp_path):
    frame(tmp_path, "train_extra", "augsburg_000000_000000", "gtCoarse")
    frame(tmp_path, "train", "aachen_000000_000019", "gtCoarse")
    frame(tmp_path, "val", "frankfurt_000000_000294")  # fine only: left out
    _, splits = load("cityscapes", tmp_path, coarse=True)
    assert counts(splits) == {
        "train": 1,
        "train_extra": 1,
    }
    assert list(load("cityscapes", tmp_path)[1]) == ["val"]
    frame(tmp_path, "val", "lindau_000000_000019", ids=None)
    refuses(r"Image .*lindau.* has no label .*labelIds", "cityscapes", tmp_path)


def test_polygons_are_drawn_as_cityscapesscripts_draws_them(tmp_path):
    golden = np.load(GOLDEN)
    file = tmp_path / "gtFine/train/ulm/ulm_000000_000019_gtFine_polygons.json"
    frame(tmp_path, "train", "ulm_000000_000019", ids=np.zeros((40, 64), np.uint8))
    (file.with_name("ulm_000000_000019_gtFine_labelIds.png")).unlink()
    file.write_text(str(golden["drawing"]))
    np.testing.assert_array_equal(label_ids(file), golden["ids"])
    _, splits = load("cityscapes", tmp_path)
    np.testing.assert_array_equal(splits["train"][0].label, golden["train_ids"])


def test_label_names():
    assert (len(NAMES), IDS["car"], IDS["bicycle"], IDS["license plate"]) == (
        34,
        26,
        33,
        -1,
    )
    assert cityscapes.KNOWN[:34].tolist() == TRAIN_IDS
    assert cityscapes.KNOWN[IGNORE] == IGNORE


SQUARE = [[0, 0], [0, 1], [1, 1]]
DRAWINGS = {
    "{": "is not a polygon file",
    "[]": "is not a polygon file",
    '{"imgHeight": 2, "imgWidth": 17}': "is not a polygon file",
    json.dumps(
        {
            "imgHeight": 2,
            "imgWidth": 17,
            "objects": [{"label": "cow", "polygon": SQUARE}],
        }
    ): "polygon of 'cow', which is not a label",
    json.dumps(
        {
            "imgHeight": 2,
            "imgWidth": 17,
            "objects": [{"label": "car", "polygon": [[0]]}],
        }
    ): "is not a polygon file",
    json.dumps(
        {
            "imgHeight": 2,
            "imgWidth": 17,
            "objects": [{"label": "car", "polygon": [[0, 0], [1, 1]]}],
        }
    ): "polygon of 'car' of 2 points",
    '{"imgHeight": 2e9, "imgWidth": 1, "objects": []}': "has a frame of",
}


@pytest.mark.parametrize("drawing", DRAWINGS)
def test_damaged_polygons(tmp_path, drawing):
    file = tmp_path / "x_polygons.json"
    file.write_text(drawing)
    with pytest.raises(ValueError, match=f"x_polygons.json.*{DRAWINGS[drawing]}"):
        label_ids(file)


def test_faults(tmp_path):
    refuses(r"has no folder leftImg8bit. Unpack", "cityscapes", tmp_path)
    frame(tmp_path, "train", "ulm_000000_000019", ids=None)
    refuses("has no folder gtFine", "cityscapes", tmp_path)
    (tmp_path / "gtFine").mkdir()
    refuses(r"has no image .*with labels in gtFine", "cityscapes", tmp_path)
    frame(tmp_path, "train", "ulm_000000_000019", ids=EVERY + np.uint8(9))
    refuses(r"labelIds.png holds id 34, which", "cityscapes", tmp_path)
