"""An error of TensorFlow over damaged records names the shard and the record."""

import json
import shutil

import pytest
import tensorflow as tf

from kerasseg import UserError
from kerasseg.data.damage import naming_damage
from kerasseg.data.format import tfrecord
from kerasseg.data.format.description import describe
from kerasseg.data.records import read, shard_paths


def test_a_flipped_bit_is_named_and_other_errors_stay(shared_records, tmp_path):
    own = shutil.copytree(shared_records, tmp_path / "records")
    error = tf.errors.DataLossError(None, None, "corrupted record")
    with pytest.raises(tf.errors.DataLossError), naming_damage(own):
        raise error  # the records are whole: it is something else
    shard = own / "train-00003-of-00008.tfrecord"  # of two records
    data = bytearray(shard.read_bytes())
    data[-9] ^= 4
    shard.write_bytes(data)
    with pytest.raises(UserError, match=rf"{shard.name} was changed.*record 1 is the"):
        with naming_damage(own):
            raise error
    for other in (tf.errors.ResourceExhaustedError(None, None, "oom"), KeyError("a")):
        with pytest.raises(type(other)), naming_damage(own):
            raise other


def test_records_are_counted_by_their_lengths(shared_records, tmp_path):
    shards = sorted(shared_records.glob("train-*.tfrecord"))
    known = describe(shared_records).splits["train"].shards
    counted = [tfrecord.count(shard) for shard in shards]
    assert counted == [shard.samples for shard in known]
    data = b"".join(shard.read_bytes() for shard in shards)
    length = int.from_bytes(data[:8], "little")
    second = 16 + length
    for wrong, number in (
        (data[:-1], 9),
        (data[:second] + bytes([data[second] ^ 1]) + data[second + 1 :], 1),
        (data + b"x", 10),
    ):
        file = tmp_path / "a.tfrecord"
        file.write_bytes(wrong)
        with pytest.raises(UserError, match=f"damaged at record {number}"):
            tfrecord.count(file)


def test_a_count_that_agrees_with_itself_is_compared_with_the_shard(
    shared_records, tmp_path
):
    """Fewer samples, and less of everything that follows from them."""
    own = shutil.copytree(shared_records, tmp_path / "records")
    values = json.loads((own / "dataset.json").read_text())
    split = values["splits"]["train"]
    halved = [shard for shard in split["shards"] if shard["samples"] == 2]
    for shard in halved:
        shard["samples"] = 1
    split["samples"] -= len(halved)
    left = split["samples"] * split["height"] * split["width"] - split["ignored"]
    split["pixels"] = [left, *[0] * (len(split["pixels"]) - 1)]
    for key in ("images_with", "pixels_of_images_with"):
        split[key] = [min(n, split["samples"]) for n in split[key]]
    (own / "dataset.json").write_text(json.dumps(values))
    with pytest.raises(UserError, match=r"holds \d samples, dataset.json says \d"):
        shard_paths(own, "train")


def test_of_every_few_samples_only_the_first_is_decoded(shared_records):
    whole = [sample.id for sample in read(shared_records, "train")]
    assert [sample.id for sample in read(shared_records, "train", 3)] == whole[::3]
