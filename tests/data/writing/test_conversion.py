"""Records written by several processes, stopped, and gone on with."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from data.writing.drawn_samples import banded, counted, drawn, from_file, in_order
from PIL import Image

from kerasseg.data import records
from kerasseg.data.datasets import synthetic
from kerasseg.data.reading.sequential_reader import SequentialReader
from kerasseg.data.sample import Samples
from kerasseg.data.writing.jobs import plan_jobs
from kerasseg.data.writing.tiling import TiledSamples
from kerasseg.image_format import ImageFormat
from kerasseg.taxonomy import Taxonomy

TAXONOMY = Taxonomy.numbered(3)
TWO_WORKERS = pytest.param(2, marks=pytest.mark.processes)


def write(splits, out, **options):
    options = {"taxonomy": TAXONOMY, "progress": False} | options
    return records.write_splits(splits, out, **options)


def stored(folder) -> dict[str, str]:
    files = {p.name: p.read_bytes() for p in folder.glob("*.tfrecord")}
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def ids(folder, split="train"):
    return [sample.id for sample in records.read(folder, split)]


def pictures(folder: Path, count: int) -> Samples:
    folder.mkdir()
    for number in range(count):
        Image.fromarray(drawn(number).image).save(folder / f"s{number}.png")
    return Samples([folder / f"s{n}.png" for n in range(count)], from_file)


def test_stretches_of_one_length():
    jobs = plan_jobs("train", 2500)
    assert [(job.begin, job.end) for job in jobs][:2] == [(0, 312), (312, 625)]
    assert len(jobs) == 8 and jobs[-1].end == 2500
    assert jobs[0].name == "train-00000-of-00008.tfrecord"
    assert len(plan_jobs("train", 20_000)) == 20
    assert [job.end for job in plan_jobs("train", 3)] == [1, 2, 3]
    assert [job.end for job in plan_jobs("train", 7, 2)] == [3, 7]


def test_the_bytes_do_not_depend_on_the_number_of_workers(tmp_path):
    splits = {
        "train": TiledSamples(Samples(range(9), partial(drawn, height=20)), (12, 16)),
        "val": Samples(range(7), partial(in_order, reader=SequentialReader(counted))),
    }
    write(splits, tmp_path / "one", shards=4)
    write(splits, tmp_path / "two", shards=4, workers=2)
    # Also those of samples that come one by one, where an entry is a sample.
    write({"val": iter(splits["val"])}, tmp_path / "stream", shards=4)
    one = stored(tmp_path / "one")
    assert len(one) == 8 and one == stored(tmp_path / "two")
    assert stored(tmp_path / "stream").items() <= one.items()
    assert ids(tmp_path / "two", "val") == [f"s{500 + n}" for n in range(7)]
    assert ids(tmp_path / "two")[:3] == ["s0-0-0", "s0-8-0", "s1-0-0"]
    one, two = (records.describe(tmp_path / n).splits for n in ("one", "two"))
    assert one == two
    records.verify(tmp_path / "two", progress=False)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.processes
def test_many_workers_write_the_same_bands_and_statistics(tmp_path):
    for type in "int16", "float32":
        bands = ImageFormat.of(("a", "b", "c", "d", "e"), type)
        read = partial(banded, image_format=bands)
        samples = Samples(range(9), read, image_format=bands)
        splits = {"train": TiledSamples(samples, (8, 8)), "val": samples}
        for name, options in ("one", {}), ("two", {"workers": 2, "on_error": "skip"}):
            write(splits, tmp_path / type / name, shards=3, **options)
        one, two = (tmp_path / type / name for name in ("one", "two"))
        assert stored(one) == stored(two)
        one, two = records.describe(one), records.describe(two)
        assert one.splits == two.splits and one.image_format == two.image_format
        assert one.image_format.statistics and one.statistics_of == "train"


def test_a_source_that_cannot_be_sent_stays_in_one_process(tmp_path):
    samples = Samples(range(4), lambda number: drawn(number))
    write({"train": samples}, tmp_path / "r", workers=2)
    assert ids(tmp_path / "r") == ["s0", "s1", "s2", "s3"]


@pytest.mark.parametrize("workers", [1, TWO_WORKERS])
def test_an_unreadable_image_stops_or_is_left_out(tmp_path, workers):
    samples = pictures(tmp_path / "files", 6)
    bad = tmp_path / "files" / "s2.png"
    right = bad.read_bytes()
    bad.write_bytes(right[:60])
    out = tmp_path / "r"
    with pytest.raises(ValueError, match=r"s2\.png cannot be read as an image"):
        write({"train": samples}, out, shards=3, workers=workers)
    assert not out.exists()
    options = {"shards": 3, "on_error": "skip", "workers": workers}
    split = write({"train": samples}, out, **options).splits["train"]
    assert ids(out) == ["s0", "s1", "s3", "s4", "s5"]
    assert [shard.samples for shard in split.shards] == [2, 1, 2]
    (reason,) = records.describe(out).splits["train"].left_out
    assert "s2.png cannot be read" in reason
    bad.write_bytes(right)
    assert write({"train": samples}, out).splits["train"].samples == 6


def test_only_what_is_missing_or_changed_is_written_again(tmp_path, capsys):
    samples = pictures(tmp_path / "files", 6)
    bad, out = tmp_path / "files" / "s4.png", tmp_path / "r"
    right = bad.read_bytes()
    bad.write_bytes(b"")
    with pytest.raises(ValueError, match=r"s4\.png"):
        write({"train": samples}, out, shards=3)
    aside = tmp_path / ".writing-r"
    finished = {p.name: p.stat().st_ino for p in aside.glob("*.tfrecord")}
    assert sorted(finished) == [f"train-0000{n}-of-00003.tfrecord" for n in (0, 1)]
    (aside / "train-00007-of-00009.tfrecord").write_bytes(b"of another conversion")
    Image.fromarray(drawn(77).image).save(tmp_path / "files" / "s1.png")  # shard 0
    bad.write_bytes(right)
    write({"train": samples}, out, shards=3, progress=True)
    said = " ".join(capsys.readouterr().out.split())
    assert "of 3 shards, 2 were written before" in said
    now = {p.name: p.stat().st_ino for p in out.glob("*.tfrecord")}
    same = [name for name in finished if finished[name] == now[name]]
    assert same == ["train-00001-of-00003.tfrecord"]
    got = list(records.read(out, "train"))
    np.testing.assert_array_equal(got[1].image, drawn(77).image)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["files", "r"]


def test_another_source_does_not_go_on(tmp_path):
    with pytest.raises(ValueError, match="'s1' occurs twice"):
        write({"train": Samples([0, 1, 1], drawn)}, tmp_path / "r", shards=3)
    assert list(tmp_path.iterdir()) == [tmp_path / ".writing-r"]
    write({"train": Samples([5, 6, 7], drawn)}, tmp_path / "r", shards=3)
    assert ids(tmp_path / "r") == ["s5", "s6", "s7"]
    assert list(tmp_path.iterdir()) == [tmp_path / "r"]


SLOW = """
import sys, time
from functools import partial
from kerasseg.data.datasets import synthetic
from kerasseg.data import records
from kerasseg.data.sample import Samples

def slow(number, read):
    time.sleep(float(sys.argv[2]))
    return read(number)

if __name__ == "__main__":
    taxonomy, splits = synthetic.load(train=40, val=1, height=32, width=48)
    train = Samples(splits["train"].entries, partial(slow, read=splits["train"].read))
    records.write_splits(
        {"train": train}, sys.argv[1], taxonomy=taxonomy, shards=20, workers=2
    )
"""


@pytest.mark.processes
def test_killed_and_gone_on_with(tmp_path):
    script, out = tmp_path / "slow.py", tmp_path / "r"
    script.write_text(SLOW)
    command = [sys.executable, str(script), str(out), "0.1"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(command, env=environment)
    notes = tmp_path / ".writing-r" / "notes"
    while process.poll() is None:
        time.sleep(0.05)
        if notes.is_dir() and len(list(notes.glob("*.json"))) >= 4:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not out.exists()
    finished = {p.stem: p.stat().st_mtime_ns for p in notes.glob("*.json")}
    assert 4 <= len(finished) < 20
    before = {n: (tmp_path / ".writing-r" / n).stat().st_ino for n in finished}
    # The orphaned workers end by themselves, so nothing more is finished.
    time.sleep(1)
    assert len(list(notes.glob("*.json"))) <= len(finished) + 2
    subprocess.run(command, env=environment, check=True)
    assert {n: (out / n).stat().st_ino for n in before} == before
    taxonomy, splits = synthetic.load(train=40, val=1, height=32, width=48)
    train = {"train": splits["train"]}
    write(train, tmp_path / "whole", taxonomy=taxonomy, shards=20)
    assert stored(tmp_path / "whole") == stored(out)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r", "slow.py", "whole"]


def test_a_full_disk(tmp_path):
    """No file may have more than 50,000 bytes, which fails as a full disk does."""
    resource = pytest.importorskip("resource")
    taxonomy, splits = synthetic.load(train=20, val=1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    out = tmp_path / "r"
    for samples in splits["train"], iter(splits["train"]):
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
        try:
            with pytest.raises(OSError, match=r"Writing .*train.* failed: "):
                write({"train": samples}, out, taxonomy=taxonomy, shards=2)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_a_repeated_id_is_found_before_anything_is_read(tmp_path):
    def read(file):
        raise AssertionError("read")

    files = [tmp_path / "a" / "x.png", tmp_path / "y.png", tmp_path / "b" / "x.jpg"]
    samples = Samples(files, read, id=lambda file: file.stem)
    for split in samples, TiledSamples(samples, (4, 4)):
        named = r"'x' occurs twice in split 'train': of .*a/x\.png and of .*b/x\.jpg"
        with pytest.raises(ValueError, match=named):
            write({"train": split}, tmp_path / "r")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("workers", [1, TWO_WORKERS])
def test_a_repeated_id_is_found_when_both_shards_are_written(tmp_path, workers):
    samples = Samples([0, 1, 1, *range(2, 40)], drawn)
    with pytest.raises(
        ValueError, match=r"twice in split 'train' .in train-0000[12]-of-00041"
    ):
        write({"train": samples}, tmp_path / "r", shards=41, workers=workers)
    notes = list((tmp_path / ".writing-r" / "notes").iterdir())
    # Not at the end: a long conversion should not run in vain. (Two processes may have
    # written these few tiny shards before anybody looks.)
    assert 3 <= len(notes) < (41 if workers == 1 else 42)
