"""Cars: JPEG images with GIF masks, and run lengths by rows."""

import numpy as np
import pytest
from pictures import counts, load, picture, refuses, save

from kerasseg.data.datasets import adapter
from kerasseg.data.reading.drawn.kaggle_rle import COLUMNS, ROWS, encode

MASK = np.zeros((8, 12), np.uint8)
MASK[2:6, 3:9] = 1
MASK[5, 1:11] = 1
PALETTE = [[0, 0, 0], [255, 255, 255]]
CARS = ("0a", "1b", "2c", "3d", "4e")


def images(root, folder="train"):
    for car in CARS:
        for view in range(1, 4):
            save(root / folder / f"{car}_{view:02}.jpg", picture(view, MASK.shape))


def masks(root, pixels=MASK, palette=PALETTE, suffix="gif"):
    for image in sorted((root / "train").iterdir()):
        file = root / "train_masks" / f"{image.stem}_mask.{suffix}"
        save(file, pixels, palette=palette)


def table(root, order=ROWS):
    rows = [
        f"{image.name},{encode(MASK, order)}" for image in (root / "train").iterdir()
    ]
    (root / "train_masks.csv").write_text("\n".join(["img,rle_mask", *rows]))


def gif_white_first(root):
    masks(root, 1 - MASK, PALETTE[::-1])


def png(root):
    masks(root, MASK, None, "png")


@pytest.mark.parametrize("make", [masks, gif_white_first, png, table])
def test_masks(tmp_path, make):
    images(tmp_path)
    make(tmp_path)
    taxonomy, splits = load("carvana", tmp_path)
    assert taxonomy.names == ("background", "car")
    assert counts(splits) == {
        "train": 12,
        "val": 3,
    }
    assert len({s.sequence for s in splits["val"]}) == 1
    for samples in adapter("carvana")(tmp_path)[1].values():
        told = [samples.sequence(entry) for entry in samples.entries]
        assert told == [s.sequence for s in samples]
    assert {s.sequence for s in splits["train"] + splits["val"]} == set(CARS)
    for sample in splits["train"] + splits["val"]:
        np.testing.assert_array_equal(sample.label, MASK)
        file = tmp_path / "train" / f"{sample.id}.jpg"
        assert sample.encoded == file.read_bytes()
        assert sample.instance is None


def test_runs_by_columns_would_not_be_the_car(tmp_path):
    images(tmp_path)
    table(tmp_path, COLUMNS)
    _, splits = load("carvana", tmp_path)
    assert not np.array_equal(splits["val"][0].label, MASK)


def test_another_folder_of_images(tmp_path):
    images(tmp_path)
    masks(tmp_path)
    (tmp_path / "train").rename(tmp_path / "train_hq")
    assert load("carvana", tmp_path, images="train_hq")[1]
    refuses(r"train does not exist", "carvana", tmp_path)


def test_wrong_sources(tmp_path):
    (tmp_path / "train").mkdir()
    refuses("no image in", "carvana", tmp_path)
    images(tmp_path)
    refuses(r"neither train_masks/ nor train_masks.csv", "carvana", tmp_path)
    csv = tmp_path / "train_masks.csv"
    csv.write_text("img,rle_mask\n0a_01.jpg,1 97\n")
    refuses(r"0a_02.jpg has no line in .*csv", "carvana", tmp_path)
    csv.write_text(
        "\n".join(
            ["img,rle_mask"] + [f"{c}_{v:02}.jpg,1 97" for c in CARS for v in (1, 2, 3)]
        )
    )
    refuses(r"csv line 2: Run '1 97' is not inside", "carvana", tmp_path, val_share=0)
    masks(tmp_path)
    (tmp_path / "train_masks/1b_02_mask.gif").unlink()
    refuses(r"1b_02.jpg has no mask .*1b_02_mask.gif", "carvana", tmp_path)
