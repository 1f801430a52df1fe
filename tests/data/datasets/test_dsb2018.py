"""Nuclei: a miniature of the real layout, and the real files."""

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from pictures import counts, ids, load, picture, refuses, save

from kerasseg.data.datasets import adapter
from kerasseg.data.reading.drawn.kaggle_rle import COLUMNS, encode

INSTANCE = np.zeros((8, 12), np.uint16)
INSTANCE[1:5, 1:6] = 1
INSTANCE[1:5, 6:9] = 2  # touches the first and is smaller
INSTANCE[6:8, 10:12] = 3
LABEL = (INSTANCE > 0).astype(np.uint8)
LABEL[1:5, 5] = 0


def image(root: Path, name: str, stage="stage1_train", masks=True, mode="RGBA"):
    """As Kaggle ships it: RGBA, and a mask of 0 and 255 for each nucleus."""
    pixels = picture(1, INSTANCE.shape)
    alpha = np.full((*INSTANCE.shape, 1), 255, np.uint8)
    if mode == "RGBA":
        pixels = np.concatenate([pixels, alpha], -1)
    folder = root / stage / name
    save(folder / "images" / f"{name}.png", pixels)
    for number in (1, 2, 3) if masks else ():
        mask = (INSTANCE == number).astype(np.uint8) * 255
        save(folder / "masks" / f"{number:064x}.png", mask)
    return folder


def table(file: Path, rows, sizes=False):
    tail = ",Height,Width,Usage" if sizes else ""
    lines = [f"ImageId,EncodedPixels{tail}"]
    file.write_text("\n".join(lines + rows) + "\n")


RUNS = [encode(INSTANCE == number, COLUMNS) for number in (1, 2, 3)]


def test_masks(tmp_path):
    for name in "abcde":
        image(tmp_path, name)
    taxonomy, splits = load("dsb2018", tmp_path)
    assert taxonomy.names == ("background", "nucleus")
    assert counts(splits) == {
        "train": 4,
        "val": 1,
    }
    for sample in [*splits["train"], *splits["val"]]:
        np.testing.assert_array_equal(sample.image, picture(1, INSTANCE.shape))
        np.testing.assert_array_equal(sample.instance, INSTANCE)
        np.testing.assert_array_equal(sample.label, LABEL)
        assert sample.instance.dtype == np.uint16
        assert sample.encoded == b""  # RGBA: the records hold RGB
    _, splits = load("dsb2018", tmp_path, gap=False, val_share=0)
    assert [s.id for s in splits["train"]] == list("abcde")
    assert all(np.array_equal(s.label, INSTANCE > 0) for s in splits["train"])


def test_run_lengths(tmp_path):
    image(tmp_path, "a", masks=False)
    image(tmp_path, "b")  # its masks count, wherever there are some
    table(tmp_path / "stage1_train_labels.csv", [f"a,{runs}" for runs in RUNS])
    for name in "cd":
        image(tmp_path, name, "stage1_test", masks=False)
    rows = [f"c,{runs},8,12,Public" for runs in RUNS]
    table(tmp_path / "stage1_solution.csv", [*rows, "d,,8,12,Private"], sizes=True)
    for name in "ef":
        image(tmp_path, name, "stage2_test_final", masks=False)
    table(
        tmp_path / "stage2_solution_final.csv",
        ["e,1 1,8,12,Ignored", *(row.replace("c,", "f,", 1) for row in rows)],
        sizes=True,
    )
    _, splits = load("dsb2018", tmp_path, val_share=0)
    assert ids(splits) == {"train": ["a", "b"], "test": ["c", "d"], "stage2": ["f"]}
    empty = splits["test"].pop()
    assert not empty.label.any()
    assert not empty.instance.any()
    for sample in itertools.chain(*splits.values()):
        np.testing.assert_array_equal(sample.instance, INSTANCE)
        np.testing.assert_array_equal(sample.label, LABEL)


def test_test_images_without_a_solution_are_left_out(tmp_path):
    image(tmp_path, "a")
    image(tmp_path, "b", "stage1_test", masks=False)
    assert list(load("dsb2018", tmp_path, val_share=0)[1]) == ["train"]


def test_an_rgb_file_is_kept_as_it_is(tmp_path):
    folder = image(tmp_path, "a", mode="RGB")
    _, splits = load("dsb2018", tmp_path, val_share=0)
    assert splits["train"][0].encoded == (folder / "images/a.png").read_bytes()


def test_wrong_sources(tmp_path):
    refuses("nowhere does not exist", "dsb2018", tmp_path / "nowhere")
    refuses("has no stage1_train/ID/images", "dsb2018", tmp_path)
    folder = image(tmp_path, "a", masks=False)
    refuses(r"stage1_train/a has no folder masks, and", "dsb2018", tmp_path)
    csv = tmp_path / "stage1_train_labels.csv"
    table(csv, ["b,1 1"])
    refuses(r"a.png has neither masks nor a line in", "dsb2018", tmp_path)
    (folder / "images/a.png").unlink()
    refuses(r"a/images must hold one PNG file, .* 0", "dsb2018", tmp_path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,1 97,8,12,x", r"solution.csv line 2: Run '1 97' is not inside"),
        ("a,1 2,8,12,x\na,2 1,8,12,x", r"solution.csv line 3: this nucleus covers"),
        ("a,1 2,12,8,x", "line 2 is for an image of 12 x 8 .* has 8 x 12"),
    ],
)
def test_wrong_run_lengths(tmp_path, row, message):
    image(tmp_path, "a", "stage1_test", masks=False)
    table(tmp_path / "stage1_solution.csv", [row], sizes=True)
    refuses(message, "dsb2018", tmp_path)


def test_wrong_masks(tmp_path):
    folder = image(tmp_path, "a")
    wrong = folder / "masks" / "f.png"
    save(wrong, np.full((8, 12), 255, np.uint8))
    refuses(r"f.png: this nucleus covers pixels", "dsb2018", tmp_path, val_share=0)
    save(wrong, np.full((4, 4), 255, np.uint8))
    refuses(r"f.png has 4 x 4 pixels .* 8 x 12", "dsb2018", tmp_path, val_share=0)
    wrong.write_bytes(b"no image")
    refuses(r"f.png cannot be read as an image", "dsb2018", tmp_path, val_share=0)


@pytest.mark.skipif(
    "KERASSEG_DATA" not in os.environ, reason="KERASSEG_DATA is not set"
)
def test_dsb2018_as_it_is():
    # Counted with OpenCV on the same files: 110 images, 4045 masks, their pixels.
    source = Path(os.environ["KERASSEG_DATA"], "dsb2018")
    _, splits = adapter("dsb2018")(source)
    assert {split: len(splits[split]) for split in splits} == {"train": 88, "val": 22}
    nuclei = pixels = touching = 0
    for samples in splits.values():
        for sample in samples:
            nuclei += len(np.unique(sample.instance)) - 1
            pixels += np.count_nonzero(sample.instance)
            parted = (sample.instance > 0) & (sample.label == 0)
            assert not sample.label[sample.instance == 0].any()
            kept = np.unique(sample.instance[sample.label == 1])
            assert len(kept) == len(np.unique(sample.instance)) - 1
            touching += parted.any()
    assert (nuclei, pixels, touching) == (4045, 1904456, 83)
