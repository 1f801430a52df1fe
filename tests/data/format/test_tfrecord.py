"""Record files without TensorFlow: the bytes that TensorFlow would write."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tf_examples import tf_example

from kerasseg.data import records
from kerasseg.data.format import encode
from kerasseg.data.format.tfrecord import Writer, example
from kerasseg.data.sample import Sample, Samples
from kerasseg.taxonomy import Taxonomy

GOLDEN = "b8a796eec8de726bc7033ba675288f7cfe0e320834371525a512059eb673d568"
"""SHA-256 of a shard of `counted(0..3)`, as kerasseg wrote it with tf.train.Example and
tf.io.TFRecordWriter of TensorFlow 2.21.0, pixels in place of PNG."""


@given(st.lists(st.binary(max_size=300), max_size=5))
@settings(deadline=None, max_examples=25)
def test_files_are_those_of_tensorflow(tmp_path_factory, texts):
    folder = tmp_path_factory.mktemp("files")
    with tf.io.TFRecordWriter(str(folder / "tf")) as theirs:
        for text in texts:
            theirs.write(text)
    with Writer(folder / "own") as ours:
        for text in texts:
            ours.write(text)
    stored = (folder / "own").read_bytes()
    assert stored == (folder / "tf").read_bytes()
    assert ours.size == len(stored)
    assert ours.sha256() == hashlib.sha256(stored).hexdigest()


@given(
    st.dictionaries(
        st.sampled_from(sorted(records.FEATURES)),
        st.binary(max_size=200) | st.integers(0, 2**63 - 1),
    )
)
@settings(deadline=None, max_examples=25)
def test_examples_are_those_of_tensorflow(values):
    theirs = tf_example(values)
    assert example(values) == theirs.SerializeToString(deterministic=True)


def counted(number: int) -> Sample:
    height, width = 12, 200 * number + 1
    pixels = np.arange(height * width * 3, dtype=np.uint8).reshape(height, width, 3)
    instance = np.arange(height * width, dtype=np.uint16).reshape(height, width)
    label, sequence = pixels[..., 0] % 3, "x" * 200 * number
    return Sample(f"s{number} é", pixels, label, instance, sequence=sequence)


def test_a_shard_as_it_always_was(tmp_path, monkeypatch):
    # The bytes of a PNG depend on the version of OpenCV.
    monkeypatch.setattr(encode, "_png", lambda pixels: pixels.tobytes())
    samples = {"train": Samples(range(4), counted)}
    records.write_splits(
        samples, tmp_path, taxonomy=Taxonomy.numbered(3), shards=1, progress=False
    )
    (shard,) = tmp_path.glob("*.tfrecord")
    assert hashlib.sha256(shard.read_bytes()).hexdigest() == GOLDEN


def test_a_full_disk_is_named():
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    with pytest.raises(OSError, match="Writing /dev/full failed: No space left"):
        with Writer(full) as writer:
            writer.write(b"x")


ALONE = """
import sys
from kerasseg import prepare
prepare.main(["synthetic", sys.argv[1], "--train", "2", "--val", "1", "--workers", "1"])
from kerasseg.data.writing import worker
print({"tensorflow", "fsspec"} & set(sys.modules))
"""


def test_prepare_needs_neither_tensorflow_nor_fsspec(tmp_path):
    command = [sys.executable, "-c", ALONE, str(tmp_path / "r")]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout.endswith("set()\n")
