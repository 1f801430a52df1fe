"""Records of images of any bands and type: what goes in comes out, and they say what
it is. Those of RGB with 8 bits are what they were before."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pytest
import tensorflow as tf
from golden import make_records_rgb8
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasseg.data import pipeline, records
from kerasseg.data.format.encode import is_picture_file, serialise
from kerasseg.data.format.example import decode_image, parse
from kerasseg.data.sample import Decoded, Sample, Samples, masked
from kerasseg.image_format import GRAY, RGB, TYPES, ImageFormat
from kerasseg.taxonomy import Taxonomy

TAXONOMY = Taxonomy.numbered(3)
OLD = Path(__file__).parents[1] / "golden/records_rgb8"


def format_of(bands, type="uint16", nodata=None):
    return ImageFormat.of(tuple(f"b{i}" for i in range(bands)), type, nodata)


def drawn(number, image_format, size=(6, 5), holes=False):
    """A picture over all numbers of its type; with holes, some of it is not valid."""
    rng = np.random.default_rng(number)
    shape = (*size, image_format.channels)
    if image_format.type == "float32":
        image = rng.standard_normal(shape).astype(np.float32) * 10.0**number
    else:
        limits = np.iinfo(image_format.type)
        kind = image_format.type
        image = rng.integers(limits.min, limits.max, shape, kind, endpoint=True)
    valid = rng.random(size) < 0.7 if holes else None
    return Sample(f"s{number}", image, rng.integers(0, 3, size, np.uint8), valid=valid)


def write(out, samples, image_format, split="train", **options):
    read = samples.__getitem__
    given = Samples(range(len(samples)), read, image_format=image_format)
    options = {"taxonomy": TAXONOMY, "progress": False} | options
    return records.write(given, out, split, **options)


@given(
    bands=st.integers(1, 9),
    type=st.sampled_from(TYPES),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    holes=st.booleans(),
)
@settings(deadline=None, max_examples=25)
def test_written_is_read(tmp_path_factory, bands, type, size, holes):
    image_format = format_of(bands, type, nodata=0)
    samples = [
        replace(
            drawn(n, image_format, size, holes and n > 0),
            instance=np.full(size, 65535 - n, np.uint16),
        )
        for n in range(3)
    ]
    out = tmp_path_factory.mktemp("any") / "r"
    said = write(out, samples, image_format, shards=2)
    assert records.describe(out).image_format == said.image_format
    assert said.image_format.same_kind(image_format) and said.statistics_of == "train"
    for got, sample in zip(records.read(out, "train"), samples, strict=True):
        expected = masked(sample)
        assert got.image.dtype == type
        np.testing.assert_array_equal(got.image, expected.image)
        np.testing.assert_array_equal(got.label, expected.label)
        np.testing.assert_array_equal(got.instance, expected.instance)
        if sample.valid is not None:
            assert (got.image[~sample.valid] == 0).all()
            assert (got.label[~sample.valid] == 255).all()


@pytest.mark.parametrize("bands, type", [(4, "uint8"), (3, "uint16"), (8, "float32")])
def test_batches_keep_bands_and_type(tmp_path, bands, type):
    image_format = format_of(bands, type)
    samples = [drawn(n, image_format) for n in range(3)]
    write(tmp_path / "r", samples, image_format)
    (batch,) = pipeline.batches(tmp_path / "r", "train", batch_size=3)
    assert batch["image"].dtype == type and batch["image"].shape == (3, 6, 5, bands)
    np.testing.assert_array_equal(batch["image"], [s.image for s in samples])
    stream = pipeline.batches(
        tmp_path / "r", "train", batch_size=2, size=(3, 4), training=True, numbers=2
    )
    assert stream.element_spec["image"] == tf.TensorSpec((2, 3, 4, bands), type)


def test_records_of_before_are_read_and_written_the_same(tmp_path):
    said = records.describe(OLD)
    assert said.image_format == RGB and not said.source and not said.statistics_of
    for split, numbers in ("train", range(5)), ("val", [5]):
        for got, number in zip(records.read(OLD, split), numbers, strict=True):
            expected = make_records_rgb8.picture(number)
            np.testing.assert_array_equal(got.image, expected.image)
            np.testing.assert_array_equal(got.label, expected.label)
            np.testing.assert_array_equal(got.instance, expected.instance)
            assert (got.id, got.sequence) == (expected.id, expected.sequence)
    example = tf.train.Example()
    example.ParseFromString(next(iter(shards(OLD))).numpy())
    feature = example.features.feature["image/segmentation/class/encoded"]
    label = cv2.imencode(".png", make_records_rgb8.picture(0).label)[1].tobytes()
    if feature.bytes_list.value[0] != label:
        pytest.skip("this OpenCV packs PNG otherwise than that of the golden records")
    make_records_rgb8.write(str(tmp_path / "r"))
    for file in sorted(OLD.iterdir()):
        assert Path(tmp_path, "r", file.name).read_bytes() == file.read_bytes()


def shards(folder):
    return tf.data.TFRecordDataset(sorted(map(str, folder.glob("train-*"))))


def test_only_plain_rgb_opens_with_versions_of_before(tmp_path):
    for number, (image_format, format, image) in enumerate(
        [
            (RGB, 1, None),
            (replace(RGB, nodata=0), 1, 0),
            (GRAY, 2, None),
            (format_of(3, "uint8"), 2, None),
        ]
    ):
        out = tmp_path / str(number)
        write(out, [drawn(0, image_format)], image_format)
        values = json.loads((out / "dataset.json").read_text())
        assert values["format"] == format
        assert values.get("image", {"nodata": None})["nodata"] == image
        assert ("image" in values) == (image_format != RGB)
        assert ("statistics_of" in values) == (format == 2)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"image": None}, "is damaged"),
        ({"image": {}}, "is damaged"),
        ({"format": 5}, "format 5, this version of kerasseg reads formats 1, 2, 3, 4"),
        ({"format": 4}, "is damaged .the key 'volume' is missing"),
        ({"format": 3}, "is damaged"),
        ({"source": 3}, "is damaged"),
    ],
)
def test_a_wrong_description_is_an_error(tmp_path, change, message):
    write(tmp_path / "r", [drawn(0, GRAY)], GRAY)
    file = tmp_path / "r/dataset.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(ValueError, match=message):
        records.describe(tmp_path / "r")


def test_damage_names_shard_and_record(tmp_path):
    image_format = format_of(5)
    write(tmp_path / "r", [drawn(n, image_format) for n in range(3)], image_format)
    shard = sorted((tmp_path / "r").glob("*.tfrecord"))[1]
    right = shard.read_bytes()
    for place in range(0, len(right) - 4, 23):
        wrong = bytearray(right)
        wrong[place] ^= 1 << place % 8
        shard.write_bytes(wrong)
        with pytest.raises(ValueError, match=rf"{shard.name} is damaged at record 0"):
            list(records.read(tmp_path / "r", "train"))
    shard.write_bytes(right[:-9])
    with pytest.raises(ValueError, match=rf"{shard.name} was cut short"):
        list(records.read(tmp_path / "r", "train"))


def record(sample, **changes):
    """A serialised 5-band sample, some features replaced."""
    example = tf.train.Example()
    example.ParseFromString(serialise(sample, format_of(5)))
    for name, value in changes.items():
        feature = example.features.feature["image/" + name]
        kind = "bytes_list" if isinstance(value, bytes) else "int64_list"
        getattr(feature, kind).value[:] = [value]
    return example.SerializeToString()


def test_what_the_checksum_cannot_know(tmp_path):
    """Records that someone else wrote wrongly: none passes in silence."""
    sample = drawn(0, format_of(5))
    got = parse(record(sample), image_format=format_of(5))["image"]
    np.testing.assert_array_equal(got, sample.image)
    short = bytes(imagecodecs.zstd_encode(sample.image.tobytes()[:-2]))
    for changes in (
        {"height": 7},
        {"type": b"int16"},
        {"encoded": short},
        {"encoded": b""},
        {"encoded": imagecodecs.zstd_encode(b"x" * 999)[:-3]},
    ):
        with pytest.raises(tf.errors.OpError):
            parse(record(sample, **changes), image_format=format_of(5))
    with pytest.raises(tf.errors.OpError):
        parse(record(sample), image_format=format_of(4, "float32"))


def png(pixels):
    return cv2.imencode(".png", pixels)[1].tobytes()


def test_the_bytes_of_a_file_are_kept_where_they_are_these_pixels(tmp_path):
    deep = drawn(0, format_of(1)).image
    gray = drawn(1, GRAY).image
    cases = [
        (format_of(1), deep, png(deep), True),
        (GRAY, gray, png(gray), True),
        (format_of(1), gray.astype(np.uint16) * 257, png(gray), False),
        (format_of(2), np.repeat(deep, 2, 2), png(deep), False),
    ]
    for number, (image_format, image, encoded, right) in enumerate(cases):
        for known in Decoded.to(image.copy(), encoded), encoded:
            pixels = known.pixels if isinstance(known, Decoded) else image
            sample = Sample("a", pixels, np.zeros((6, 5), np.uint8), encoded=known)
            out = tmp_path / f"{number}{type(known).__name__}"
            if right:
                write(out, [sample], image_format)
                (got,) = records.read(out, "train")
                assert got.encoded == encoded
                np.testing.assert_array_equal(got.image, image)
    wrong = Sample("a", np.repeat(deep, 2, 2), sample.label, encoded=png(deep))
    with pytest.raises(ValueError, match="not kept for 2 bands"):
        write(tmp_path / "w", [wrong], format_of(2))
    assert decode_image(png(deep), format_of(1)).dtype == "uint16"


@pytest.mark.parametrize(
    "change, message",
    [
        (
            lambda s: replace(s, image=s.image[..., :3]),
            r"uint16 \(H, W, 4\), for the s",
        ),
        (lambda s: replace(s, image=s.image.astype("int32")), "it is int32"),
        (lambda s: replace(s, valid=np.ones((2, 2), bool)), "valid must be bool"),
    ],
)
def test_a_sample_that_does_not_fit_is_named(tmp_path, change, message):
    samples = [drawn(0, format_of(4)), change(drawn(1, format_of(4)))]
    with pytest.raises(ValueError, match=f"'s1' of split 'train'.*{message}"):
        write(tmp_path / "r", samples, format_of(4))


def test_nan_is_refused_unless_it_is_not_valid(tmp_path):
    sample = drawn(0, format_of(2, "float32"))
    sample.image[0, 0] = np.nan, np.inf
    with pytest.raises(ValueError, match="holds NaN or infinity"):
        write(tmp_path / "r", [sample], format_of(2, "float32"))
    valid = np.ones((6, 5), bool)
    valid[0, 0] = False
    good = replace(sample, valid=valid)
    said = write(tmp_path / "r", [good], format_of(2, "float32", nodata=np.nan))
    assert said.image_format.nodata is None
    assert np.isfinite(said.image_format.statistics[0].largest)
    with pytest.raises(ValueError, match="'train' has no valid pixel"):
        none = replace(sample, valid=np.zeros((6, 5), bool))
        write(tmp_path / "none", [none], format_of(2, "float32"))


def test_splits_are_of_one_kind(tmp_path):
    write(tmp_path / "r", [drawn(0, format_of(4))], format_of(4))
    with pytest.raises(ValueError, match=r"4 bands.*split 'val' has 1 band \(gray\)"):
        write(tmp_path / "r", [drawn(1, GRAY)], GRAY, "val")
    splits = {
        "train": Samples([0], lambda _: drawn(0, GRAY), image_format=GRAY),
        "val": iter([drawn(0, RGB)]),
    }
    with pytest.raises(ValueError, match=r"split 'train' has 1 band.*'val' has 3 ba"):
        records.write_splits(splits, tmp_path / "s", taxonomy=TAXONOMY, progress=False)


def test_statistics_are_of_the_training_split(tmp_path):
    def mean():
        said = records.describe(tmp_path / "r")
        return said.statistics_of, said.image_format.statistics[0].mean

    def flat(value):
        return Sample(
            "a", np.full((2, 2, 2), value, np.int16), np.zeros((2, 2), np.uint8)
        )

    two = format_of(2, "int16")
    write(tmp_path / "r", [flat(7)], two, "val")
    assert mean() == ("val", 7)
    write(tmp_path / "r", [flat(8)], two, "val")
    assert mean() == ("val", 8)
    write(tmp_path / "r", [flat(-3)], two, "test")
    assert mean() == ("val", 8)
    write(tmp_path / "r", [flat(5)], two)
    assert mean() == ("train", 5)
    write(tmp_path / "r", [flat(6)], two, "val")
    assert mean() == ("train", 5)


def test_one_process_writes_what_many_do(tmp_path):
    """Entry by entry, from first to last, or leaving out what fails: the same."""
    for type in "int16", "float32":
        image_format = format_of(3, type)
        samples = [drawn(n, image_format, (9, 9), n % 2) for n in range(5)]
        write(tmp_path / type, samples, image_format, shards=3)
        write(tmp_path / f"{type}s", samples, image_format, shards=3, on_error="skip")
        records.write(
            iter(samples),
            tmp_path / f"{type}i",
            "train",
            taxonomy=TAXONOMY,
            image_format=image_format,
            shards=3,
            name=type,
            progress=False,
        )
        for file in (tmp_path / type).iterdir():
            for other in "si":
                same = (tmp_path / f"{type}{other}" / file.name).read_text("latin1")
                assert same.replace(f'"{type}{other}"', f'"{type}"') == file.read_text(
                    "latin1"
                )


def test_source_is_kept(tmp_path):
    samples = Samples(
        [0],
        lambda _: drawn(0, GRAY),
        image_format=GRAY,
        source={"masks": {"line": "a"}},
    )
    for split in "train", "val":
        records.write(samples, tmp_path / "r", split, taxonomy=TAXONOMY, progress=False)
    assert records.describe(tmp_path / "r").source == {"masks": {"line": "a"}}


def test_kinds_that_are_pictures():
    kinds = {
        (c, t) for c in range(1, 6) for t in TYPES if is_picture_file(format_of(c, t))
    }
    assert kinds == {(c, t) for c in (1, 3, 4) for t in ("uint8", "uint16")}


def test_a_copy_elsewhere_reads_alike(tmp_path):
    write(tmp_path / "r", [drawn(0, format_of(5))], format_of(5))
    shutil.copytree(tmp_path / "r", tmp_path / "copy")
    assert records.verify(tmp_path / "copy", progress=False).image_format.channels == 5
