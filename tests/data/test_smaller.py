"""A copy of records at the size of a training gives the batches of the records."""

import numpy as np
import pytest
import walk

from kerasseg import UserError
from kerasseg.data import pipeline, records, smaller
from kerasseg.data.sample import Sample
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.runs.log import read_log
from kerasseg.taxonomy import Taxonomy

SIZE = (24, 32)
CLASSES = Taxonomy.numbered(4)


def samples(count, kind=np.uint8, planes=(), seed=0):
    """Images of several sizes, with objects."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        height, width = rng.integers(40, 90, 2)
        image = rng.integers(0, np.iinfo(kind).max, (height, width, 3), kind)
        label = rng.integers(0, 2 if planes else 4, (height, width, *planes), np.uint8)
        objects = None if planes else rng.integers(0, 9, (height, width), np.uint16)
        yield Sample(f"s{number}", image, label, objects)


@pytest.fixture
def mine(tmp_path):
    for split, count in (("train", 21), ("val", 5)):
        place = tmp_path / "mine"
        records.write(samples(count), place, split, taxonomy=CLASSES, shards=4)
    return tmp_path / "mine"


def batches(place, split, size, **options):
    options = {"batch_size": 4, "instances": True} | options
    found = pipeline.batches(place, split, size=size, **options)
    return [*found.take(9).as_numpy_iterator()]


def same(one, other):
    assert len(one) == len(other)
    for first, second in zip(one, other, strict=True):
        assert first.keys() == second.keys()
        for key, value in first.items():
            assert value.dtype == second[key].dtype
            np.testing.assert_array_equal(value, second[key])


TRAINING = {"training": True, "numbers": 3, "seed": 5, "shuffle": 6}


@pytest.mark.parametrize("split", ["train", "val", "train+val"])
@pytest.mark.parametrize("options", [{}, TRAINING, TRAINING | {"start": 8}])
def test_batches_are_those_of_the_records(mine, split, options):
    folder = str(mine.with_name("copies"))
    before = smaller.instead(mine, split, SIZE, folder)
    assert before == (mine, SIZE)  # nothing was written yet
    assert smaller.instead(mine, split, SIZE, "") == before
    smaller.write(mine, ("train", "val"), SIZE, folder)
    copy, size = smaller.instead(mine, split, SIZE, folder)
    assert (size, copy.parent.name) == ((0, 0), "copies")
    same(batches(copy, split, size, **options), batches(mine, split, SIZE, **options))


def test_a_copy_is_written_once_for_each_content_and_size(mine, capsys):
    folder = str(mine.with_name("copies"))
    for _ in range(2):
        smaller.write(mine, ("train", "val"), SIZE, folder)
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("Copying") == 2
    assert said.startswith("Copying 21 images of 'train' at 24x32")
    copy, _ = smaller.instead(mine, "train", SIZE, folder)
    smaller.write(mine, ("train",), (32, 32), folder)
    records.write(samples(21, seed=1), mine, "train", taxonomy=CLASSES, shards=4)
    assert smaller.instead(mine, "train", SIZE, folder)[0] == mine
    smaller.write(mine, ("train",), SIZE, folder)
    assert smaller.instead(mine, "train", SIZE, folder)[0] != copy
    assert len([*mine.with_name("copies").iterdir()]) == 3


def test_other_images_and_classes(tmp_path):
    overlapping = Taxonomy(("a", "b"), ((9, 9, 9), (8, 8, 8)), exclusive=False)
    for name, taxonomy, kind, planes, image_format in (
        ("overlap", overlapping, np.uint8, (2,), RGB),
        ("deep", CLASSES, np.uint16, (), ImageFormat(("r", "g", "b"), "uint16")),
    ):
        records.write(
            samples(5, kind, planes),
            tmp_path / name,
            "train",
            taxonomy=taxonomy,
            image_format=image_format,
        )
        smaller.write(tmp_path / name, ("train",), SIZE, str(tmp_path / "copies"))
        copy, size = smaller.instead(
            tmp_path / name, "train", SIZE, str(tmp_path / "copies")
        )
        assert size == (0, 0)
        options = TRAINING | {"instances": not planes}
        found = batches(copy, "train", size, **options)
        same(found, batches(tmp_path / name, "train", SIZE, **options))


def test_without_a_size_there_is_no_copy(mine):
    with pytest.raises(UserError, match=r"needs --data.size HEIGHT WIDTH"):
        smaller.write(mine, ("train",), (0, 0), str(mine.with_name("copies")))


@pytest.mark.processes
def test_a_training_is_the_same(tmp_path, monkeypatch):
    """Losses and scores are those of a training that reads the records."""
    monkeypatch.chdir(tmp_path)
    made = walk.records(tmp_path / "records")
    small = {"data__size": "16 32", "no-export": ""}
    runs = [
        walk.trained(made, tmp_path / name, **small, **options)
        for name, options in (("a", {}), ("b", {"data__smaller": "copies"}))
    ]
    assert len([*(tmp_path / "copies").glob("16x32-*/dataset.json")]) == 1
    plain, copied = (read_log(run / "log.csv") for run in runs)
    for one, other in zip(plain, copied, strict=True):
        for key in one.keys() - {"seconds", "waiting"}:
            assert one[key] == other[key], key
