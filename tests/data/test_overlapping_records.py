"""Records of classes that overlap: what goes in comes out, and moves as one."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from kerasseg import UserError, augment
from kerasseg.data import pipeline, records
from kerasseg.data.format.description import describe
from kerasseg.data.sample import Sample, Samples
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.taxonomy import Taxonomy, target

HEART = Taxonomy(("lung", "heart"), ((9, 9, 200), (200, 9, 9)), exclusive=False)
BANDS = ImageFormat(("a", "b"), "float32", display=(0, 1, 0))


def sample(number: int, image_format: ImageFormat = RGB) -> Sample:
    drawn = np.random.default_rng(number)
    shape = (12, 16, image_format.channels)
    image = drawn.integers(0, 256, shape).astype(image_format.type)
    label = drawn.choice(np.array([0, 1, 255], np.uint8), (12, 16, 2))
    return Sample(f"s{number}", image, label)


def write(folder, image_format: ImageFormat = RGB) -> list[Sample]:
    samples = [sample(number, image_format) for number in range(5)]
    split = Samples(samples, lambda one: one, image_format=image_format)
    records.write_splits({"train": split}, folder, taxonomy=HEART, progress=False)
    return samples


@pytest.mark.parametrize("image_format", [RGB, BANDS], ids=["rgb", "bands"])
def test_records_hold_every_class_of_every_pixel(tmp_path, image_format):
    samples = write(tmp_path / "r", image_format)
    read = list(records.read(tmp_path / "r", "train"))
    for one, other in zip(samples, read, strict=True):
        np.testing.assert_array_equal(one.label, other.label)
        np.testing.assert_array_equal(one.image, other.image)
    described = records.verify(tmp_path / "r", progress=False)
    assert described.taxonomy == HEART
    labels = np.stack([one.label for one in samples])
    split = described.splits["train"]
    assert split.pixels == tuple((labels == 1).sum((0, 1, 2)))
    assert split.ignored == (labels == 255).all(-1).sum()
    assert split.images_with == (5, 5)
    assert split.pixels_of_images_with == (5 * 12 * 16,) * 2
    assert (split.height, split.width) == (12, 16)


def test_batches_hold_the_planes(tmp_path):
    samples = write(tmp_path / "r")
    (batch,) = pipeline.batches(tmp_path / "r", "train", batch_size=5)
    np.testing.assert_array_equal(
        batch["label"], np.stack([one.label for one in samples])
    )
    (batch,) = pipeline.batches(tmp_path / "r", "train", batch_size=5, size=(24, 32))
    np.testing.assert_array_equal(
        batch["label"][0], samples[0].label.repeat(2, 0).repeat(2, 1)
    )
    with pytest.raises(UserError, match=r"overlap.*border_weight"):
        pipeline.batches(tmp_path / "r", "train", instances=True)


def test_versions_that_do_not_know_overlap_refuse_the_records(tmp_path):
    write(tmp_path / "r")
    file = tmp_path / "r" / "dataset.json"
    values = json.loads(file.read_text())
    assert values["format"] == 3
    assert values["taxonomy"]["exclusive"] is False
    values["format"] = 1
    file.write_text(json.dumps(values))
    with pytest.raises(UserError, match="do not agree"):
        describe(tmp_path / "r")


@pytest.mark.parametrize(
    ("label", "says"),
    [
        (np.zeros((12, 16), np.uint8), r"\(H, W, 2\).*uint8 \(12, 16\)"),
        (np.zeros((12, 16, 3), np.uint8), r"\(H, W, 2\)"),
        (np.full((12, 16, 2), 7, np.uint8), "holds 7.*0, 1 or 255"),
        (np.zeros((9, 16, 2), np.uint8), "9 x 16 pixels"),
    ],
)
def test_other_labels_are_refused(tmp_path, label, says):
    wrong = dataclasses.replace(sample(0), label=label)
    split = Samples([wrong], lambda one: one)
    with pytest.raises(UserError, match=says):
        records.write_splits(
            {"a": split}, tmp_path / "r", taxonomy=HEART, progress=False
        )


def test_exclusive_taxonomies_are_what_they_were():
    plain = Taxonomy(HEART.names, HEART.colours)
    assert "exclusive" not in plain.to_json()
    assert Taxonomy.from_json(plain.to_json()) == plain
    assert Taxonomy.from_json(HEART.to_json()) == HEART != plain
    with pytest.raises(UserError, match="1 to 255"):
        dataclasses.replace(Taxonomy.numbered(256), exclusive=False)


def test_target_of_overlapping_classes_is_negative_where_ignored():
    label = np.array([[[0, 1], [255, 1]]], np.uint8)
    assert np.asarray(target(label, 2, exclusive=False)).tolist() == [[[0, 1], [-1, 1]]]


POLICY = augment.Policy(
    rotation=20, elastic=2, scale=(0.7, 1.4), flip=0.5, cutmix=0.8, mosaic=0.8,
    erasing=0.5, classmix=0.8,
)  # fmt: skip


@pytest.mark.parametrize("policy", [POLICY, augment.Policy()], ids=["all", "crop"])
def test_planes_move_as_exclusive_ids_move(policy):
    """Ids as planes go every way that the same ids go, pixel for pixel."""
    drawn = np.random.default_rng(0)
    image = drawn.integers(0, 256, (4, 20, 24, 3)).astype(np.uint8)
    ids = drawn.choice(np.array([0, 1, 2, 255], np.uint8), (4, 20, 24))
    planes = (ids[..., None] == np.arange(3)).astype(np.uint8)
    planes[ids == 255] = 255
    numbers = drawn.uniform(size=(4, augment.NUMBERS)).astype("float32")
    for size in (16, 16), (28, 30):
        seen, moved = augment.apply(image, ids, numbers, policy, size)
        other, split = augment.apply(image, planes, numbers, policy, size)
        moved, split = np.asarray(moved), np.asarray(split)
        np.testing.assert_array_equal(np.asarray(seen), np.asarray(other))
        np.testing.assert_array_equal((split == 255).all(-1), moved == 255)
        np.testing.assert_array_equal(split == 1, moved[..., None] == np.arange(3))


def test_pixels_without_data_are_found_in_planes_as_in_ids():
    drawn = np.random.default_rng(1)
    image = drawn.uniform(1, 2, (2, 16, 16, 2)).astype("float32")
    ids = drawn.integers(0, 2, (2, 16, 16)).astype(np.uint8)
    image[:, :5], ids[:, :5] = 0, 255
    planes = np.stack([ids, ids], -1)
    numbers = drawn.uniform(size=(2, augment.NUMBERS)).astype("float32")
    policy = augment.Policy(rotation=15)
    seen, moved = augment.apply(
        image, ids, numbers, policy, (16, 16), image_format=BANDS
    )
    other, split = augment.apply(
        image, planes, numbers, policy, (16, 16), image_format=BANDS
    )
    np.testing.assert_array_equal(np.asarray(seen), np.asarray(other))
    np.testing.assert_array_equal(np.asarray(split)[..., 1], np.asarray(moved))
