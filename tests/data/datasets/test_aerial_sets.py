"""LoveDA and iSAID in small, and the lanes and areas of BDD100K."""

import numpy as np
import pytest
from pictures import counts, load, picture, refuses, save

from kerasseg.data.datasets import isaid

LOVEDA = np.arange(8, dtype=np.uint8).reshape(2, 4)
LOVEDA_CLASSES = [[255, 0, 1, 2], [3, 4, 5, 6]]


def test_loveda(tmp_path):
    for split, area, name in (
        ("Train", "Rural", 0),
        ("Train", "Urban", 0),
        ("Val", "Rural", 9),
    ):
        save(tmp_path / f"{split}/{area}/images_png/{name}.png", picture(0, (2, 4)))
        save(tmp_path / f"{split}/{area}/masks_png/{name}.png", LOVEDA)
    save(tmp_path / "Test/Rural/images_png/1.png", picture())
    taxonomy, splits = load("loveda", tmp_path)
    assert (taxonomy.num_classes, taxonomy.names[6]) == (7, "agricultural")
    assert [s.id for s in splits["train"]] == ["Rural_0", "Urban_0"]
    assert all(s.label.tolist() == LOVEDA_CLASSES for x in splits.values() for s in x)
    assert counts(load("loveda", tmp_path, area="Urban")[1]) == {"train": 1}
    refuses("--area must be Rural or Urban", "loveda", tmp_path, area="Sea")
    save(tmp_path / "Val/Rural/masks_png/9.png", LOVEDA + np.uint8(1))
    refuses("9.png holds id 8", "loveda", tmp_path)
    refuses("has no Train/Rural/images_png", "loveda", tmp_path / "Test")


IDS = np.arange(16, dtype=np.uint8).reshape(2, 8)


def test_isaid(tmp_path):
    numbers = np.zeros((2, 8, 3), np.uint8)
    numbers[0, 1], numbers[1, 6:] = (1, 0, 0), (0, 1, 0)  # 1, 256
    place = tmp_path / "train/Semantic_masks/images/P0002_instance_color_RGB.png"
    save(tmp_path / "train/images/P0002.png", picture(0, (2, 8)))
    save(tmp_path / "train/images/P0003.png", picture())  # without a mask
    save(place, np.array(isaid.TAXONOMY.colours, np.uint8)[IDS])
    objects = "train/Instance_masks/images/P0002_instance_id_RGB.png"
    save(tmp_path / objects, numbers)
    taxonomy, splits = load("isaid", tmp_path)
    assert (taxonomy.num_classes, counts(splits)) == (16, {"train": 1})
    assert splits["train"][0].label.tolist() == IDS.tolist()
    expected = [[0, 1, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 2, 2]]
    assert splits["train"][0].instance.tolist() == expected
    save(place, np.full((2, 8, 3), 9, np.uint8))
    refuses(r"P0002_.*Colour \(9, 9, 9\)", "isaid", tmp_path)
    refuses("has no train/images", "isaid", tmp_path / "train")


@pytest.mark.parametrize("palette", [None, [(i, i, i) for i in range(256)]])
def test_isaid_tiles_of_mmsegmentation(tmp_path, palette):
    tile = IDS.copy()
    tile[1, 7] = 255
    save(tmp_path / "img_dir/val/P0003_0_896_0_896.png", picture(0, (2, 8)))
    save(
        tmp_path / "ann_dir/val/P0003_0_896_0_896_instance_color_RGB.png", tile, palette
    )
    ((sample,),) = load("isaid", tmp_path)[1].values()
    assert (sample.label.tolist(), sample.sequence) == (tile.tolist(), "P0003")
    assert sample.instance is None


# --- bdd100k --------------------------------------------------------------------------


def bdd(root, folder, end, mask, split="train"):
    save(root / f"images/100k/{split}/0000f77c-6257be58.jpg", picture(0, mask.shape))
    save(root / f"{folder}/{split}/0000f77c-6257be58{end}", mask)


def test_bdd100k_drivable(tmp_path):
    bdd(tmp_path, "labels/drivable/masks", ".png", np.array([[0, 1, 2, 255]], np.uint8))
    bdd(
        tmp_path,
        "drivable_maps/labels",
        "_drivable_id.png",
        np.uint8([[0, 1, 2, 0]]),
        "val",
    )
    save(tmp_path / "images/100k/train/b.jpg", picture())  # not all have masks
    taxonomy, splits = load("bdd100k", tmp_path, labels="drivable")
    assert taxonomy.names == ("direct", "alternative", "background")
    assert counts(splits) == {"train": 1, "val": 1}
    assert splits["train"][0].label.tolist() == [[0, 1, 2, 255]]
    assert splits["val"][0].label.tolist() == [[2, 0, 1, 2]]


def test_bdd100k_lanes(tmp_path):
    # Bits - - d s b c c c; 255 is no lane. Checked against bdd100k.eval.lane on the
    # four masks of its tests.
    mask = np.array([[255, 0, 7, 0b10_0011, 0b01_0110, 0b11_0100]], np.uint8)
    bdd(tmp_path, "labels/lane/masks", ".png", mask)
    for labels, expected in {
        "lanes": [8, 0, 7, 3, 6, 4],
        "lane-directions": [2, 0, 0, 1, 0, 1],
        "lane-styles": [2, 0, 0, 0, 1, 1],
    }.items():
        taxonomy, splits = load("bdd100k", tmp_path, labels=labels)
        assert splits["train"][0].label.tolist() == [expected]
        assert taxonomy.names[max(expected)] == "background"


def test_bdd100k_polygons_are_refused(tmp_path):
    (tmp_path / "labels/lane/polygons").mkdir(parents=True)
    refuses("polygons only.*to_mask -m lane_mark", "bdd100k", tmp_path, labels="lanes")
    refuses("has no images/100k/train", "bdd100k", tmp_path, labels="drivable")
