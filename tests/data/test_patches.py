"""Patches of volumes from records: the same for a seed, where they should be."""

import dataclasses

import numpy as np
import pytest

from kerasseg import UserError
from kerasseg.data import pipeline, records
from kerasseg.data.sample import Sample, Samples
from kerasseg.image_format import ImageFormat
from kerasseg.taxonomy import Taxonomy
from kerasseg.volume_format import VolumeFormat, plain_geometry

TAXONOMY = Taxonomy.named(["none", "rare", "common"])
SHAPE = 9, 12, 10
STANDARDISED = VolumeFormat("zscore")


def sample(number: int, shape=SHAPE) -> Sample:
    """Each voxel's image tells the volume and its place in it."""
    places = np.arange(np.prod(shape)).reshape(shape)
    image = (places + 10_000 * (number + 1)).astype(np.float32)[..., None]
    label = np.zeros(shape, np.uint8)
    label[4:7, 5:9, 4:8] = 2
    label[0, 0, -1] = 1
    return Sample(str(number), image, label, volume=plain_geometry(shape))


def written(out, all_of_them, volume=STANDARDISED, taxonomy=TAXONOMY):
    kind = str(all_of_them[0].image.dtype)
    samples = Samples(
        all_of_them,
        lambda one: one,
        image_format=ImageFormat.of(("mr",), kind),
        volume=volume,
    )
    records.write(samples, out, "train", taxonomy=taxonomy, shards=2, progress=False)
    return out


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return written(tmp_path_factory.mktemp("patches"), [sample(i) for i in range(5)])


def stream(folder, **options):
    options = {"batch_size": 2, "numbers": 3, "seed": 7, "size": (4, 6, 4)} | options
    return pipeline.batches(folder, "train", training=True, **options)


def start_of(image: np.ndarray) -> np.ndarray:
    """Where a patch begins, of its voxels that lie inside."""
    inside = np.argwhere(image[..., 0] > 0)[0]
    value = int(image[(*inside, 0)]) % 10_000
    return np.array(np.unravel_index(value, SHAPE)) - inside


def test_a_patch_is_cut_out_of_image_and_label_alike(folder):
    for batch in stream(folder, foreground=0.5).take(8):
        for image, label in zip(
            batch["image"].numpy(), batch["label"].numpy(), strict=True
        ):
            assert image.shape == (4, 6, 4, 1)
            start = start_of(image)
            assert (start >= 0).all()
            part = tuple(slice(a, a + n) for a, n in zip(start, (4, 6, 4), strict=True))
            number = int(image[0, 0, 0, 0]) // 10_000 - 1
            np.testing.assert_array_equal(image, sample(number).image[part])
            np.testing.assert_array_equal(label, sample(number).label[part])


def test_each_class_is_the_middle_as_often_as_the_others(folder):
    batches = stream(folder, foreground=1.0, size=(3, 3, 3), batch_size=10).take(30)
    labels = np.concatenate([batch["label"].numpy() for batch in batches])
    rare = [1 in label for label in labels]
    assert 0.4 < np.mean(rare) < 0.6
    assert all((label > 0).any() for label in labels)


def test_a_third_without_being_asked_twice(folder):
    batches = stream(folder, foreground=0.33, size=(1, 1, 1), batch_size=100).take(4)
    labels = np.concatenate([batch["label"].numpy() for batch in batches]).ravel()
    anywhere = np.mean(sample(0).label > 0)
    assert abs(np.mean(labels > 0) - (0.33 + 0.67 * anywhere)) < 0.07


def test_going_on_gives_the_patches_that_would_have_come(folder):
    done = 3
    whole = list(stream(folder, foreground=0.5).take(done + 2))[done:]
    later = stream(folder, foreground=0.5, start=2 * done, threads=1).take(2)
    for ours, theirs in zip(later, whole, strict=True):
        for key in ("image", "label", "numbers"):
            np.testing.assert_array_equal(ours[key], theirs[key])


def test_the_crop_reaches_each_voxel(folder):
    """Of a region larger than what is cut out of it, the middle reaches the border."""
    seen = [np.zeros(side, bool) for side in SHAPE]
    options = {"size": (6, 8, 6), "crop": (4, 6, 4), "batch_size": 50}
    for batch in stream(folder, **options).take(8):
        for image in batch["image"].numpy():
            middle = image[1:-1, 1:-1, 1:-1, 0].astype(int)
            assert (middle > 0).all()
            places = np.unravel_index(middle % 10_000, SHAPE)
            for axis in range(3):
                seen[axis][places[axis]] = True
    assert all(axis.all() for axis in seen)


@pytest.mark.parametrize("size", [(12, 12, 12), (16, 4, 30)])
def test_a_small_volume_stands_in_the_middle(folder, size):
    (batch,) = stream(folder, size=size).take(1)
    image, label = batch["image"].numpy(), batch["label"].numpy()
    assert ((image[..., 0] > 0) == (label != 255)).all()
    for axis, (side, whole) in enumerate(zip(size, SHAPE, strict=True)):
        if side >= whole:
            others = tuple(a for a in range(3) if a != axis)
            held = np.flatnonzero((label[0] != 255).any(axis=others))
            assert held[0] == (side - whole + 1) // 2 and len(held) == whole


def test_grids_hold_each_voxel_once(folder):
    dataset = pipeline.batches(folder, "train", size=(4, 5, 10), batch_size=4)
    batches = list(dataset)
    assert len(batches) == int(dataset.cardinality()) == -(-5 * 3 * 3 * 1 // 4)
    image = np.concatenate([batch["image"].numpy() for batch in batches])
    label = np.concatenate([batch["label"].numpy() for batch in batches])
    assert image.shape[1:] == (4, 5, 10, 1)
    found = np.sort(image[..., 0][label != 255])
    expected = np.sort(np.concatenate([sample(i).image.ravel() for i in range(5)]))
    np.testing.assert_array_equal(found, expected)
    labels = np.concatenate([sample(i).label.ravel() for i in range(5)])
    counts = [np.bincount(some, minlength=3) for some in (label[label != 255], labels)]
    np.testing.assert_array_equal(*counts)


def test_patches_of_a_grid_are_as_full_as_they_can_be(folder):
    """An axis that the patch fits into is never padded."""
    (batch,) = pipeline.batches(folder, "train", size=(4, 5, 7), batch_size=100)
    assert (batch["image"].numpy() > 0).all()


def test_volumes_of_several_sizes(tmp_path):
    written(tmp_path, [sample(0), sample(1, (3, 4, 5))])
    with pytest.raises(UserError, match=r"differ in size. .*--data.crop DEPTH"):
        pipeline.batches(tmp_path, "train")
    batches = list(pipeline.batches(tmp_path, "train", size=(9, 12, 10)))
    assert sum(len(batch["image"]) for batch in batches) == 2


def test_their_own_size(folder):
    batch = next(iter(pipeline.batches(folder, "train", batch_size=5)))
    assert batch["image"].shape == (5, *SHAPE, 1)


def test_outside_is_the_mean_where_nothing_was_standardised(tmp_path):
    one = sample(0)
    image = (one.image % 50 - 1000).astype(np.int16)
    written(tmp_path, [dataclasses.replace(one, image=image)], VolumeFormat("ct"))
    (batch,) = pipeline.batches(tmp_path, "train", size=(10, 12, 10))
    assert (batch["image"][0, 0].numpy() == round(float(image.mean()))).all()


def test_classes_that_overlap(tmp_path):
    one = sample(0)
    label = np.stack([one.label == 1, one.label == 2], -1).astype(np.uint8)
    taxonomy = dataclasses.replace(Taxonomy.named(["a", "b"]), exclusive=False)
    written(tmp_path, [dataclasses.replace(one, label=label)], taxonomy=taxonomy)
    (batch,) = stream(tmp_path, foreground=1.0, batch_size=4).take(1)
    assert batch["label"].shape == (4, 4, 6, 4, 2)
    assert batch["label"].numpy().reshape(4, -1).max(axis=1).tolist() == [1] * 4


@pytest.mark.parametrize(
    "options, said",
    [
        ({"size": (4, 4)}, "holds volumes: DEPTH HEIGHT WIDTH"),
        ({"size": (4, 4, 4), "crop": (4, 5, 4)}, "fit into --data.size 4 4 4"),
        ({"size": (4, 4, 4), "instances": True}, "no border weights"),
    ],
)
def test_what_does_not_fit(folder, options, said):
    with pytest.raises(UserError, match=said):
        pipeline.batches(folder, "train", training=True, **options)


def test_pictures_have_two_sides(shared_records):
    with pytest.raises(UserError, match="holds pictures: HEIGHT WIDTH"):
        pipeline.batches(shared_records, "train", size=(4, 4, 4))
