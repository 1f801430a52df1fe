"""From sources to records: what is printed, and images of any kind resized and cut."""

import json

import numpy as np
import pytest

from kerasseg.data import records
from kerasseg.data.preparing.run import prepare
from kerasseg.data.sample import Sample, Samples
from kerasseg.image_format import ImageFormat
from kerasseg.taxonomy import Taxonomy

TAXONOMY = Taxonomy.numbered(2)


def source(image_format, image, valid=None, split="train", **options):
    def read(number):
        label = np.ones(image.shape[:2], np.uint8)
        return Sample(f"s{number}", image, label, valid=valid)

    samples = Samples([0], read, image_format=image_format, **options)
    return lambda: (TAXONOMY, {split: samples})


def test_it_says_what_images_are_and_how_the_source_was_understood(tmp_path, capsys):
    four = ImageFormat.of(("red", "green", "blue", "nir"), "uint16", nodata=0)
    understood = {"masks": {"line": "masks: ids, 255 = ignore", "kind": "ids"}}
    load = source(four, np.ones((2, 2, 4), np.uint16), source=understood, split="val")
    prepare([("folder", load)], tmp_path / "r")
    shown = capsys.readouterr().out.splitlines()
    assert shown[:2] == [
        "images: 4 bands (red, green, blue, nir) of uint16, nodata 0",
        "masks: ids, 255 = ignore",
    ]
    assert "counted in 'val', for there is no split 'train'" in "".join(shown)
    assert json.loads((tmp_path / "r/dataset.json").read_text())["source"] == understood


def test_what_is_not_valid_does_not_bleed_when_resized(tmp_path):
    one = ImageFormat.of(("height",), "float32", nodata=-9999)
    image = np.full((8, 8, 1), 100, np.float32)
    image[:, :3] = -9999
    load = source(one, image, valid=image[..., 0] > 0)
    prepare([("folder", load)], tmp_path / "r", size=(4, 4))
    (got,) = records.read(tmp_path / "r", "train")
    assert got.label.tolist() == [[255, 255, 1, 1]] * 4
    assert got.image[..., 0].ravel() == pytest.approx([0, 0, 100, 100] * 4)
    (height,) = records.describe(tmp_path / "r").image_format.statistics
    assert height.smallest == pytest.approx(100) == height.largest


@pytest.mark.parametrize("type", ["int16", "uint16"])
def test_cut_keeps_every_number(tmp_path, type):
    two = ImageFormat.of(("a", "b"), type)
    rng = np.random.default_rng(0)
    limits = np.iinfo(type)
    image = rng.integers(limits.min, limits.max, (9, 7, 2), type)
    prepare([("folder", source(two, image))], tmp_path / "r", cut=(4, 4))
    for piece in records.read(tmp_path / "r", "train"):
        top, left = map(int, piece.id.split("-")[1:])
        there = image[top : top + 4, left : left + 4]
        np.testing.assert_array_equal(piece.image, there)
