"""Membranes: both layouts in miniature, and the real files."""

import os
from pathlib import Path

import numpy as np
import pytest
from pictures import load, picture, refuses, save
from PIL import Image
from scipy import ndimage

from kerasseg.data.datasets import adapter

CELLS = np.zeros((12, 6, 9), np.uint8)
CELLS[:, 1:5, 1:3] = CELLS[:, 1:5, 4:8] = 255
for number in range(12):
    CELLS[number, number % 6, :] = 0  # another membrane in each slice
GRAY = np.stack([picture(n, (6, 9))[..., 0] for n in range(12)])


def stack(file: Path, pages, **options):
    first, *others = (Image.fromarray(page) for page in pages)
    first.save(file, save_all=True, append_images=others, **options)


def files(root: Path):
    for number in range(12):
        save(root / "image" / f"{number}.png", GRAY[number])
        save(root / "label" / f"{number}.png", CELLS[number])


@pytest.mark.parametrize("layout", ["tiff", "packed tiff", "png"])
def test_layouts(tmp_path, layout):
    if layout == "png":
        files(tmp_path)
    else:
        packed = {"compression": "tiff_lzw"} if "packed" in layout else {}
        stack(tmp_path / "train-volume.tif", GRAY, **packed)
        stack(tmp_path / "train-labels.tif", CELLS, **packed)
    taxonomy, splits = load("isbi2012", tmp_path)
    assert taxonomy.names == ("membrane", "cell")
    assert [s.id for s in splits["train"]] == [str(n) for n in range(10)]
    assert [s.id for s in splits["val"]] == ["10", "11"]
    for number, sample in enumerate([*splits["train"], *splits["val"]]):
        for channel in range(3):
            np.testing.assert_array_equal(sample.image[..., channel], GRAY[number])
        np.testing.assert_array_equal(sample.label, CELLS[number] == 255)
        assert sample.instance.max() == ndimage.label(CELLS[number])[1]
        np.testing.assert_array_equal(sample.instance > 0, sample.label == 1)
        assert sample.sequence == "train-volume"
        assert bool(sample.encoded) == (layout == "png")
    assert list(load("isbi2012", tmp_path, val_share=0)[1]) == ["train"]


def test_labels_of_one_bit(tmp_path):
    stack(tmp_path / "train-volume.tif", GRAY)
    stack(tmp_path / "train-labels.tif", CELLS > 0)
    _, splits = load("isbi2012", tmp_path)
    np.testing.assert_array_equal(splits["train"][0].label, CELLS[0] == 255)


def test_wrong_sources(tmp_path):
    refuses("nowhere does not exist", "isbi2012", tmp_path / "nowhere")
    refuses(r"neither train-volume.tif nor a folder", "isbi2012", tmp_path)
    (tmp_path / "image").mkdir()
    refuses("no PNG file in", "isbi2012", tmp_path)
    files(tmp_path)
    for share in -0.1, 1:
        refuses("--val-share must be", "isbi2012", tmp_path, val_share=share)
    refuses(r"12 slices in .* cannot be divided", "isbi2012", tmp_path, val_share=0.99)
    save(tmp_path / "label/3.png", CELLS[3] // 2)
    refuses(r"label/3.png must hold 255 .* holds 0, 127", "isbi2012", tmp_path)
    (tmp_path / "label/3.png").unlink()
    refuses(r"3.png has no label .*label/3.png", "isbi2012", tmp_path)
    save(tmp_path / "image/a.png", GRAY[0])
    refuses(r"a.png is not named by the number", "isbi2012", tmp_path)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_wrong_stacks(tmp_path):
    volume, labels = tmp_path / "train-volume.tif", tmp_path / "train-labels.tif"
    stack(volume, GRAY)
    refuses(r"train-labels.tif does not exist", "isbi2012", tmp_path)
    stack(labels, CELLS[:11])
    refuses(r"has 12 slices, train-labels.tif has 11", "isbi2012", tmp_path)
    labels.write_bytes(b"no TIFF")
    refuses(r"train-labels.tif cannot be read", "isbi2012", tmp_path)
    stack(labels, CELLS)
    volume.write_bytes(volume.read_bytes()[: volume.stat().st_size // 2])
    refuses(r"train-volume.tif", "isbi2012", tmp_path)
    stack(volume, GRAY.astype(np.uint16))
    refuses(r"train-volume.tif must hold 8-bit gray", "isbi2012", tmp_path)


@pytest.mark.skipif(
    "KERASSEG_DATA" not in os.environ, reason="KERASSEG_DATA is not set"
)
def test_isbi2012_as_it_is():
    # Counted with OpenCV and scipy.ndimage.label on the same files.
    _, splits = adapter("isbi2012")(Path(os.environ["KERASSEG_DATA"], "isbi2012"))
    assert {split: len(splits[split]) for split in splits} == {"train": 24, "val": 6}
    samples = [sample for split in splits.values() for sample in split]
    assert [s.id for s in samples] == [str(n) for n in range(30)]
    assert sum(np.count_nonzero(s.label == 1) for s in samples) == 6137070
    assert sum(int(s.instance.max()) for s in samples) == 3431
