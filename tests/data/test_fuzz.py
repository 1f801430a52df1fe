"""Damaged shards and images: an error that names them, or exactly the right sample."""

import io
import random
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasseg.data import records
from kerasseg.data.format.example import deserialise
from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.masks.mask import read_mask
from kerasseg.data.reading.pictures.image import read_image
from kerasseg.data.sample import Sample, Samples
from kerasseg.data.writing.shards import check_and_serialise
from kerasseg.taxonomy import Taxonomy

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")
TAXONOMY = Taxonomy.numbered(3)
MANY = pytest.mark.parametrize(
    "count", [150, pytest.param(5000, marks=pytest.mark.slow)]
)


def picture(kind: str, **options) -> bytes:
    ramp = np.linspace(0, 255, 20 * 24 * 3).reshape(20, 24, 3).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(ramp).save(buffer, kind, **options)
    return buffer.getvalue()


PICTURES = {
    "baseline.jpg": picture("JPEG"),
    "progressive.jpg": picture("JPEG", progressive=True, quality=95),
    "a.png": picture("PNG"),
    "a.tif": picture("TIFF", compression="tiff_lzw"),
    "a.gif": picture("GIF"),
    "a.bmp": picture("BMP"),
}


def mutated(stored: bytes, rng: random.Random) -> bytes:
    """Bits flipped, bytes set, or a stretch removed, doubled or zeroed, or the end."""
    data = bytearray(stored)
    for _ in range(rng.choice((1, 1, 2, 8))):
        start = rng.randrange(len(data))
        stretch = slice(start, start + rng.choice((1, 2, 4, 32)))
        action = rng.randrange(6)
        if action == 0:
            data[start] ^= 1 << rng.randrange(8)
        elif action == 1:
            data[start] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif action == 2:
            data[stretch] = b""
        elif action == 3:
            data[stretch] = data[stretch] * 2
        elif action == 4:
            data[stretch] = bytes(len(data[stretch]))
        else:
            data = data[: start + 1]
        if not data:
            break
    return bytes(data)


@MANY
def test_images(count):
    """What can be written is read back pixel by pixel; all else is an error."""
    rng, right = random.Random(0), 0
    for number in range(count):
        name = rng.choice(list(PICTURES))
        file = EmbeddedFile(name, mutated(PICTURES[name], rng))
        try:
            read_mask(file)
        except ValueError as error:
            assert name in str(error)
        try:
            image, encoded = read_image(file)
        except ValueError as error:
            assert name in str(error)
            continue
        label = np.full(image.shape[:2], number % 3, np.uint8)
        sample = Sample(name, image, label, None, encoded)
        try:
            ((_, _, serialised),) = check_and_serialise([sample], "train", TAXONOMY)
        except ValueError as error:
            assert name in str(error)
            continue
        got = deserialise(serialised, instances=False)
        np.testing.assert_array_equal(got.image, image)
        np.testing.assert_array_equal(got.label, label)
        right += 1
    assert 0 < right < count


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    def read(number):
        rng = np.random.default_rng(number)
        image, encoded = read_image(EmbeddedFile("x", PICTURES["baseline.jpg"]))
        label = rng.integers(0, 3, image.shape[:2], np.uint8)
        return Sample(f"s{number}", image, label, None, encoded)

    out = tmp_path_factory.mktemp("fuzz") / "records"
    samples = {"train": Samples(range(6), read)}
    records.write_splits(samples, out, taxonomy=TAXONOMY, shards=2, progress=False)
    return out


@MANY
def test_shards(folder, count):
    """A damaged shard is named, in reading and in training."""
    rng = random.Random(1)
    expected = list(records.read(folder, "train"))
    shards = records.shard_paths(folder, "train")
    for _ in range(count):
        shard = rng.choice(shards)
        stored = shard.read_bytes()
        damaged = mutated(stored, rng)
        if rng.random() < 0.5:  # of the right size, so that only its bytes tell
            damaged = damaged[: len(stored)].ljust(len(stored), b"\0")
        shard.write_bytes(damaged)
        try:
            if damaged == stored:
                continue
            got = records.read(folder, "train")
            with pytest.raises(ValueError, match=shard.name):
                for sample, right in zip(got, expected, strict=True):
                    assert sample.id == right.id
                    np.testing.assert_array_equal(sample.image, right.image)
                    np.testing.assert_array_equal(sample.label, right.label)
        finally:
            shard.write_bytes(stored)


@MANY
def test_examples_whose_checksum_is_right(folder, count):
    """Others' records may hold anything: an error of TensorFlow, or arrays."""
    rng = random.Random(2)
    (shard, _) = records.shard_paths(folder, "train")
    (stored,) = (s.numpy() for s in tf.data.TFRecordDataset(str(shard)).take(1))
    for _ in range(count):
        try:
            sample = deserialise(mutated(stored, rng), instances=False)
        except (tf.errors.OpError, UnicodeDecodeError):
            continue
        assert sample.image.ndim == 3 and sample.label.ndim == 2


def test_images_too_large_to_be_whole_are_refused(tmp_path):
    """At once, from the header: 40000 x 30000 pixels in some bytes."""
    stored = PICTURES["a.png"]
    header = b"IHDR" + struct.pack(">II", 40_000, 30_000) + stored[24:29]
    changed = stored[:12] + header + struct.pack(">I", zlib.crc32(header)) + stored[33:]
    (tmp_path / "bomb.png").write_bytes(changed)
    with pytest.raises(ValueError, match=r"bomb\.png cannot be read.*30000 x 40000"):
        read_image(tmp_path / "bomb.png")
