"""Volumes in records: what is written comes back, with where it lies."""

import dataclasses
import json

import numpy as np
import pytest

from kerasseg import UserError
from kerasseg.data import records
from kerasseg.data.format import example, volume_features
from kerasseg.data.format.encode import serialise
from kerasseg.data.sample import Sample, Samples
from kerasseg.image_format import ImageFormat
from kerasseg.taxonomy import Taxonomy
from kerasseg.volume_format import VolumeFormat, VolumeGeometry

TAXONOMY = Taxonomy.named(["none", "tube", "ball"])
MR = ImageFormat.of(("t1", "flair"), "float32")
VOLUMES = VolumeFormat("zscore", None, (3.0, 0.5, 0.7))
OBLIQUE = np.array(
    [[-0.7, 0.1, 0, 9], [0.1, 0.5, 0, -3.25], [0, 0, 3, 1], [0, 0, 0, 1]]
)


def sample(name="a", depth=5, planes=0) -> Sample:
    rng = np.random.default_rng(depth)
    shape = depth, 6, 7
    label = rng.integers(0, 3, shape).astype(np.uint8)
    label[0, 0] = 255
    if planes:
        label = rng.integers(0, 2, (*shape, planes)).astype(np.uint8)
    geometry = VolumeGeometry((3.0, 0.5, 0.7), OBLIQUE, (7, 6, depth), (0, 2, 1), shape)
    image = rng.normal(size=(*shape, 2)).astype(np.float32)
    return Sample(name, image, label, sequence="patient", volume=geometry)


def samples(*all_of_them, image_format=MR, volume=VOLUMES):
    return Samples(
        all_of_them, lambda one: one, image_format=image_format, volume=volume
    )


def test_what_is_written_comes_back(tmp_path):
    given = [sample("a"), sample("b"), sample("c")]
    written = records.write(samples(*given), tmp_path, "train", taxonomy=TAXONOMY)
    assert written.format == 4
    assert json.loads((tmp_path / "dataset.json").read_text())["format"] == 4
    known = records.verify(tmp_path, progress=False)
    assert known.volume == VOLUMES
    split = known.split("train")
    assert (split.depth, split.height, split.width) == (5, 6, 7)
    assert sum(split.pixels) + split.ignored == 3 * 5 * 6 * 7
    assert len(known.image_format.statistics) == 2
    for one, back in zip(given, records.read(tmp_path, "train"), strict=True):
        np.testing.assert_array_equal(back.image, one.image)
        np.testing.assert_array_equal(back.label, one.label)
        np.testing.assert_array_equal(back.volume.affine, OBLIQUE)
        assert back.sequence == "patient"
        for name in ("spacing", "shape", "place", "whole", "orientation"):
            assert getattr(back.volume, name) == getattr(one.volume, name)


def test_volumes_of_several_sizes_have_no_size(tmp_path):
    records.write(
        samples(sample("a", 5), sample("b", 4)), tmp_path, "train", taxonomy=TAXONOMY
    )
    split = records.describe(tmp_path).split("train")
    assert (split.depth, split.height, split.width) == (None, None, None)


def test_classes_that_overlap(tmp_path):
    overlapping = dataclasses.replace(TAXONOMY, exclusive=False)
    given = sample(planes=3)
    records.write(samples(given), tmp_path, "train", taxonomy=overlapping)
    (back,) = records.read(tmp_path, "train")
    np.testing.assert_array_equal(back.label, given.label)
    assert records.verify(tmp_path, progress=False).format == 4


def test_rgb_volumes_of_8_bits_are_raw(tmp_path):
    given = dataclasses.replace(sample(), image=np.zeros((5, 6, 7, 3), np.uint8))
    rgb = samples(given, image_format=ImageFormat(), volume=VolumeFormat("none"))
    records.write(rgb, tmp_path, "train", taxonomy=TAXONOMY)
    (back,) = records.read(tmp_path, "train")
    np.testing.assert_array_equal(back.image, given.image)


def test_foreground_positions_are_voxels_of_their_class():
    given = sample(depth=40)
    data = serialise(given, MR)
    assert data == serialise(given, MR)
    parsed = example.parse(data, image_format=MR, num_classes=3, volume=True)
    found = parsed["foreground"].numpy()
    classes, *places = found.T
    np.testing.assert_array_equal(given.label[tuple(places)], classes)
    held = np.bincount(given.label.ravel(), minlength=3)
    most = volume_features.VOXELS_OF_A_CLASS
    assert np.bincount(classes).tolist() == [0, *np.minimum(held[1:3], most).tolist()]


def test_a_label_without_foreground_has_no_positions():
    given = dataclasses.replace(sample(), label=np.zeros((5, 6, 7), np.uint8))
    parsed = example.parse(serialise(given, MR), image_format=MR, volume=True)
    assert parsed["foreground"].shape == (0, 4)


@pytest.mark.parametrize(
    "change, said",
    [
        ({"label": np.zeros((5, 6, 8), np.uint8)}, "5 x 6 x 8 voxels"),
        ({"label": np.zeros((6, 7), np.uint8)}, r"label must be uint8 \(D, H, W\)"),
        ({"image": np.zeros((6, 7, 2), np.float32)}, r"float32 \(D, H, W, 2\)"),
        ({"label": np.full((5, 6, 7), 9, np.uint8)}, "label holds id 9"),
        ({"volume": None}, r"image must be float32 \(H, W, 2\)"),
    ],
)
def test_wrong_samples_are_refused(tmp_path, change, said):
    wrong = dataclasses.replace(sample(), **change)
    with pytest.raises(UserError, match=said):
        records.write(samples(wrong), tmp_path, "train", taxonomy=TAXONOMY)
    assert not list(tmp_path.glob("*.json"))


def test_volumes_and_pictures_are_not_mixed(tmp_path):
    records.write(samples(sample()), tmp_path, "train", taxonomy=TAXONOMY)
    picture = Sample("p", np.zeros((6, 7, 2), np.float32), np.zeros((6, 7), np.uint8))
    with pytest.raises(UserError, match="pictures"):
        records.write(samples(picture, volume=None), tmp_path, "val", taxonomy=TAXONOMY)
    other = samples(sample(), volume=VolumeFormat("none"))
    with pytest.raises(UserError, match="normalised by none"):
        records.write(other, tmp_path, "val", taxonomy=TAXONOMY)
    with pytest.raises(UserError, match="is of pictures, some of its samples are not"):
        records.write(
            samples(sample(), volume=None), tmp_path / "b", "val", taxonomy=TAXONOMY
        )


def test_records_of_pictures_say_nothing_of_volumes(shared_records):
    text = (shared_records / "dataset.json").read_text()
    assert "depth" not in text and "volume" not in text


def test_a_set_of_volumes_is_no_records(tmp_path):
    (tmp_path / "dataset.json").write_text('{"labels": {"0": "background"}}')
    with pytest.raises(UserError, match=r"python -m kerasseg.prepare volumes"):
        records.describe(tmp_path)
