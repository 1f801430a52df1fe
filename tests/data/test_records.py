"""Records: what goes in comes out, and damage is named."""

import dataclasses
import io
import json
import re

import cv2
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tf_examples import tf_example

from kerasseg.data import records
from kerasseg.data.format.encode import serialise
from kerasseg.data.sample import Sample
from kerasseg.taxonomy import IGNORE, Taxonomy

TAXONOMY = Taxonomy.numbered(3)


def sample(number=0, size=(6, 8), instances=False, rng=None, **changes):
    rng = rng or np.random.default_rng(number)
    label = rng.integers(0, 3, size).astype(np.uint8)
    label[0, 0] = IGNORE
    instance = rng.integers(0, 65536, size).astype(np.uint16) if instances else None
    image = rng.integers(0, 256, (*size, 3)).astype(np.uint8)
    return dataclasses.replace(Sample(f"s{number}", image, label, instance), **changes)


def put(out, samples, split="train", **options):
    options = {"taxonomy": TAXONOMY, "progress": False} | options
    return records.write(samples, out, split, **options)


def assert_same(got: Sample, expected: Sample):
    assert (got.id, got.sequence) == (expected.id, expected.sequence)
    np.testing.assert_array_equal(got.image, expected.image)
    np.testing.assert_array_equal(got.label, expected.label)
    assert (got.instance is None) == (expected.instance is None)
    if expected.instance is not None:
        assert got.instance.dtype == np.uint16
        np.testing.assert_array_equal(got.instance, expected.instance)


@given(
    count=st.integers(1, 12),
    shards=st.integers(0, 5),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    instances=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=15)
def test_round_trip(tmp_path_factory, count, shards, height, width, instances, seed):
    out = tmp_path_factory.mktemp("round") / "records"
    rng = np.random.default_rng(seed)
    samples = [
        sample(i, (height, width), instances, rng, sequence=f"drive {i % 2} é")
        for i in range(count)
    ]
    put(out, iter(samples), shards=shards)
    for got, expected in zip(records.read(out, "train"), samples, strict=True):
        assert_same(got, expected)
    description = records.verify(out, progress=False)
    split = description.splits["train"]
    labels = np.stack([s.label for s in samples])
    present = [[(s.label == c).any() for s in samples] for c in range(3)]
    assert split.samples == count
    assert (split.height, split.width, split.instances) == (height, width, instances)
    assert split.pixels == tuple(int((labels == c).sum()) for c in range(3))
    assert split.ignored == (labels == IGNORE).sum()
    assert split.images_with == tuple(map(sum, present))
    assert split.pixels_of_images_with == tuple(
        sum(p) * height * width for p in present
    )
    files = min(shards or 8, count)
    assert sorted(p.name for p in out.iterdir()) == [
        "dataset.json",
        *(f"train-{i:05d}-of-{files:05d}.tfrecord" for i in range(files)),
    ]
    assert [s.samples for s in split.shards] == [
        (i + 1) * count // files - i * count // files for i in range(files)
    ]


def test_source_bytes_are_kept_and_decode_to_the_image(tmp_path, rng):
    image = cv2.GaussianBlur(rng.integers(0, 256, (40, 50, 3)).astype("u1"), (9, 9), 0)
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=80)
    pixels = np.asarray(Image.open(buffer))
    one = sample(size=(40, 50), image=pixels, encoded=buffer.getvalue())
    put(tmp_path / "r", [one])
    (got,) = records.read(tmp_path / "r", "train")
    assert got.encoded == buffer.getvalue()
    np.testing.assert_array_equal(got.image, pixels)


def test_features_are_those_of_deeplab(tmp_path):
    put(tmp_path / "r", [sample(instances=True)])
    (path,) = records.shard_paths(tmp_path / "r", "train")
    example = tf.train.Example.FromString(
        next(iter(tf.data.TFRecordDataset(str(path)))).numpy()
    )
    feature = example.features.feature
    assert set(feature) == set(records.FEATURES)
    assert feature["image/height"].int64_list.value == [6]
    assert feature["image/width"].int64_list.value == [8]
    assert feature["image/channels"].int64_list.value == [3]
    assert feature["image/format"].bytes_list.value == [b"png"]
    assert feature["image/filename"].bytes_list.value == [b"s0"]
    label = feature["image/segmentation/class/encoded"].bytes_list.value[0]
    np.testing.assert_array_equal(
        np.asarray(Image.open(io.BytesIO(label))), sample().label
    )


def test_the_same_samples_give_the_same_bytes():
    # Protocol buffers promise no order of features unless asked: then it is sorted.
    stored = serialise(sample(instances=True))
    places = [stored.index(key.encode()) for key in sorted(records.FEATURES)]
    assert places == sorted(places)


def test_parse_in_tf_data_reads_a_foreign_record_too(tmp_path):
    one = sample()
    png = cv2.imencode(".png", one.image[..., ::-1])[1].tobytes()
    values = {
        "image/encoded": png,
        "image/segmentation/class/encoded": cv2.imencode(".png", one.label)[
            1
        ].tobytes(),
    }
    stored = tf.data.Dataset.from_tensors(tf_example(values).SerializeToString())
    (got,) = stored.map(records.parse)
    assert set(got) == {"image", "label", "id"}
    np.testing.assert_array_equal(got["image"], one.image)
    np.testing.assert_array_equal(got["label"], one.label)


def test_parse_gives_instances_when_asked(tmp_path):
    one = sample(instances=True)
    put(tmp_path / "r", [one])
    paths = [str(p) for p in records.shard_paths(tmp_path / "r", "train")]
    stored = tf.data.TFRecordDataset(paths)
    (got,) = stored.map(lambda s: records.parse(s, instances=True))
    assert got["instance"].dtype == tf.uint16
    np.testing.assert_array_equal(got["instance"], one.instance)


def test_samples_are_taken_one_by_one(tmp_path):
    alive = []

    def stream():
        for i in range(30):
            one = sample(i)
            alive.append(one.image)
            yield one
            alive.pop()

    put(tmp_path / "r", stream())
    assert not alive


def test_images_of_several_sizes(tmp_path):
    put(tmp_path / "r", [sample(0, (4, 6)), sample(1, (6, 4))])
    split = records.describe(tmp_path / "r").splits["train"]
    assert (split.height, split.width) == (None, None)
    assert [s.label.shape for s in records.read(tmp_path / "r", "train")] == [
        (4, 6),
        (6, 4),
    ]


def test_a_split_is_replaced_and_the_other_kept(tmp_path):
    out = tmp_path / "r"
    put(out, [sample(i) for i in range(5)], "train")
    put(out, [sample(9)], "val")
    put(out, [sample(7), sample(8)], "train")
    assert [s.id for s in records.read(out, "train")] == ["s7", "s8"]
    assert [s.id for s in records.read(out, "val")] == ["s9"]
    assert len(list(out.glob("*.tfrecord"))) == 3
    records.verify(out, progress=False)


WRONG = {
    "label has 5 x 8 pixels": {"label": np.zeros((5, 8), np.uint8)},
    "label holds id 3, but there are 3 classes": {"label": np.full((6, 8), 3, "u1")},
    "label must be uint8": {"label": np.zeros((6, 8), np.int32)},
    "label must be uint8 .* is uint8": {"label": np.zeros((6, 8, 1), np.uint8)},
    "image must be uint8": {"image": np.zeros((6, 8, 3), np.float32)},
    "image must be uint8 .H, W, 3. RGB": {"image": np.zeros((6, 8, 4), np.uint8)},
    "instance must be uint16": {"instance": np.zeros((6, 8), np.int32)},
    "some samples have object ids": {"instance": np.zeros((6, 8), np.uint16)},
    "its encoded bytes have 2 x 3 pixels": {
        "encoded": cv2.imencode(".png", np.zeros((2, 3, 3), np.uint8))[1].tobytes()
    },
}


def test_encoded_bytes_of_another_picture(tmp_path):
    other = cv2.imencode(".png", sample(5).image)[1].tobytes()
    with pytest.raises(ValueError, match=r"'s0' .* decode to other pixels"):
        put(tmp_path / "r", [sample(0, encoded=other)])
    with pytest.raises(ValueError, match=r"'s0' .* cannot be decoded"):
        put(tmp_path / "r", [sample(0, encoded=other[:-20])])


@pytest.mark.parametrize("message", WRONG)
def test_a_wrong_sample_is_named_and_nothing_is_written(tmp_path, message):
    out = tmp_path / "r"
    with pytest.raises(ValueError, match=f"'bad' of split 'train'.*{message}"):
        put(out, [sample(0), sample(1, id="bad", **WRONG[message])])
    assert list(tmp_path.iterdir()) == []


def test_a_failing_write_leaves_the_old_records(tmp_path):
    out = tmp_path / "r"
    put(out, [sample(0)])
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    with pytest.raises(ValueError, match="'s1' occurs twice"):
        put(out, [sample(1), sample(1)])
    with pytest.raises(ZeroDivisionError):
        put(out, (sample(1 // (1 - i)) for i in range(2)))
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before


def test_empty_split(tmp_path):
    with pytest.raises(ValueError, match="Split 'val' is empty"):
        put(tmp_path / "r", [], "val")
    assert list(tmp_path.iterdir()) == []


def test_other_classes_than_the_other_split(tmp_path):
    put(tmp_path / "r", [sample()])
    with pytest.raises(ValueError, match=r"Splits train of .* have other classes"):
        put(tmp_path / "r", [sample()], "val", taxonomy=Taxonomy.numbered(4))


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match="not empty and holds no records"):
        put(tmp_path, [sample()])
    with pytest.raises(ValueError, match="is a file"):
        put(tmp_path / "holiday.jpg", [sample()])
    assert [p.name for p in tmp_path.iterdir()] == ["holiday.jpg"]


def test_an_empty_folder_is_filled(tmp_path):
    put(tmp_path, [sample()])
    assert [s.id for s in records.read(tmp_path, "train")] == ["s0"]


@pytest.fixture
def shard(tmp_path):
    """The second of two shards, with 3 records."""
    put(tmp_path / "r", [sample(i) for i in range(6)], shards=2)
    return tmp_path / "r" / "train-00001-of-00002.tfrecord"


def test_a_shard_cut_short(shard):
    shard.write_bytes(shard.read_bytes()[:-5])
    with pytest.raises(
        ValueError, match=f"{shard.name} was cut short .* kerasseg.prep"
    ):
        list(records.read(shard.parent, "train"))


def test_a_shard_that_is_missing(shard):
    shard.unlink()
    with pytest.raises(ValueError, match=f"{shard.name} is missing"):
        records.shard_paths(shard.parent, "train")


@pytest.mark.parametrize("place, record", [(3, 0), (20, 0), (-9, 2), (-2, 2)])
def test_a_flipped_byte(shard, place, record):
    stored = bytearray(shard.read_bytes())
    stored[place] ^= 0x10
    shard.write_bytes(stored)
    named = f"{shard.name} is damaged at record {record}.*kerasseg.prepare"
    with pytest.raises(ValueError, match=named):
        list(records.read(shard.parent, "train"))
    named = f"{shard.name} (was changed.*record {record}|is damaged at record {record})"
    with pytest.raises(ValueError, match=named):
        records.verify(shard.parent, progress=False)


def test_shards_that_changed_places(shard):
    other = shard.with_name("train-00000-of-00002.tfrecord")
    size = max(shard.stat().st_size, other.stat().st_size)
    shard.rename(shard.with_suffix(".x"))
    other.rename(shard)
    shard.with_suffix(".x").rename(other)
    with pytest.raises(ValueError, match=f"{other.name} (is damaged|was cut)"):
        records.shard_paths(shard.parent, "train")
    file = shard.parent / "dataset.json"  # as if they had one size
    text = re.sub('"bytes": [0-9]+', f'"bytes": {size}', file.read_text())
    file.write_text(text)
    for path in shard, other:
        path.write_bytes(path.read_bytes().rjust(size, b"x"))
    with pytest.raises(ValueError, match="another was put in its place"):
        records.shard_paths(shard.parent, "train")


def test_the_command_that_wrote_the_records_is_named(shard):
    put(shard.parent, [sample(0)], command="python -m kerasseg.prepare x 'a b' c")
    (file,) = records.shard_paths(shard.parent, "train")
    file.unlink()
    with pytest.raises(ValueError, match=r"again: python -m kerasseg\.prep.* 'a b' c"):
        records.shard_paths(shard.parent, "train")


def test_verify_checks_what_is_inside(tmp_path):
    put(tmp_path / "r", [sample(i) for i in range(3)])
    file = tmp_path / "r" / "dataset.json"
    values = json.loads(file.read_text())
    split = values["splits"]["train"]
    split["ignored"] += split["pixels"][-1]
    for part in (
        *(values["taxonomy"][key] for key in ("names", "colours")),
        *(split[key] for key in ("pixels", "images_with", "pixels_of_images_with")),
    ):
        part.pop()
    file.write_text(json.dumps(values))
    with pytest.raises(ValueError, match="label holds id 2, but there are 2 classes"):
        records.verify(tmp_path / "r", progress=False)


def test_unknown_split_names_the_known(tmp_path):
    put(tmp_path / "r", [sample()])
    with pytest.raises(ValueError, match="no split 'test', only train"):
        records.shard_paths(tmp_path / "r", "test")
