"""Records that take the place of others: a reader finds the old or the new."""

import json
import shutil
from pathlib import Path

import pytest
from data.writing.drawn_samples import drawn

from kerasseg import UserError
from kerasseg.data import records
from kerasseg.data.format.description import FILE
from kerasseg.data.sample import Samples
from kerasseg.data.writing import installing
from kerasseg.taxonomy import Taxonomy


def write(out, numbers, split="train"):
    options = {"taxonomy": Taxonomy.numbered(3), "progress": False, "shards": 2}
    return records.write_splits({split: Samples(list(numbers), drawn)}, out, **options)


def ids(out):
    return [sample.id for sample in records.read(out, "train")]


def held(out):
    return {p.name: p.read_bytes() for p in out.iterdir() if p.is_file()}


@pytest.fixture
def out(tmp_path):
    write(tmp_path / "r", range(4))
    write(tmp_path / "r", [9], "val")
    return tmp_path / "r"


def test_a_kill_at_any_place_leaves_the_old_records(out, monkeypatch):
    """Whatever file is moved last, the old are whole; the same command then ends."""
    before, moves = held(out), [0]
    replace = Path.replace

    def killed(path, target, after):
        if Path(target).parent == out:
            moves[0] += 1
            if moves[0] > after:
                raise InterruptedError
        return replace(path, target)

    for after in range(3):  # two shards, then dataset.json
        moves[0] = 0
        with monkeypatch.context() as patch, pytest.raises(InterruptedError):
            patch.setattr(Path, "replace", lambda p, t, n=after: killed(p, t, n))
            write(out, range(10, 14))
        assert before.items() <= held(out).items()
        assert ids(out) == ["s0", "s1", "s2", "s3"]
    write(out, range(10, 14))
    assert ids(out) == ["s10", "s11", "s12", "s13"]
    records.verify(out, progress=False)
    shards = records.describe(out).shards()
    assert {p.name for p in out.iterdir()} == shards | {FILE}


def test_the_same_samples_keep_their_names_and_mend_what_is_damaged(out):
    shard = out / "train-00001-of-00002.tfrecord"
    before, described = shard.read_bytes(), records.describe(out)
    shard.write_bytes(b"")
    write(out, range(4))
    assert shard.read_bytes() == before
    assert records.describe(out) == described


def test_who_reads_meanwhile_is_told(out):
    description = records.describe(out)
    reading = records.read(out, "train")
    assert next(reading).id == "s0"
    write(out, range(10, 14))
    with pytest.raises(UserError, match="were written anew while they were read"):
        records.shard_paths(out, "train", description)
    assert next(reading).id == "s1"  # of the file that is open


def test_a_target_that_appears_meanwhile_is_locked_inside(tmp_path, monkeypatch):
    """Else its writer and ours would hold two locks."""
    from kerasseg.data.writing import splits

    out, held_files = tmp_path / "r", []
    lock = splits.held

    def watched(file, owner):
        held_files.append(file)
        if len(held_files) == 1:
            write_first()
        return lock(file, owner)

    def write_first():
        with monkeypatch.context() as patch:
            patch.setattr(splits, "held", lock)
            write(out, range(2))

    monkeypatch.setattr(splits, "held", watched)
    write(out, [5])
    assert [file.parent for file in held_files] == [tmp_path, out]
    assert ids(out) == ["s5"]


def test_names_of_shards():
    fits = installing.name_of_shards(["train", "val"]).fullmatch
    assert fits("val-00000-of-00001.tfrecord")["own"] is None
    assert fits("train-00003-of-00008-0123abcd.tfrecord")["own"] == "-0123abcd"
    assert not fits("test-00000-of-00001.tfrecord")
    assert not fits("train-00003-of-00008-0123abcde.tfrecord")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"height": 16, "width": 12}, "its height is 12, not 16"),
        ({"instances": True}, "it has no object ids, 'instances' is true"),
    ],
)
def test_the_first_record_is_held_against_the_description(out, change, said):
    values = json.loads((out / FILE).read_text())
    values["splits"]["train"] |= change
    (out / FILE).write_text(json.dumps(values))
    with pytest.raises(UserError, match=rf"train-00000-of-00002.tfrecord .*: {said}"):
        records.shard_paths(out, "train")


def test_verify_counts_again(out):
    values = json.loads((out / FILE).read_text())
    split = values["splits"]["train"]
    split["pixels"][0] += 1
    split["pixels"][1] -= 1
    (out / FILE).write_text(json.dumps(values))
    assert ids(out)  # nothing that is told quickly
    with pytest.raises(UserError, match=r"splits\.train\.pixels is \[.*, the samples"):
        records.verify(out, progress=False)


def test_extra_shards_are_no_part_of_the_records(out):
    shard = out / "train-00001-of-00002.tfrecord"
    shutil.copy(shard, out / "train-00002-of-00003.tfrecord")
    assert len(ids(out)) == 4
