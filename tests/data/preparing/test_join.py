"""Several sources as one, and classes mapped."""

import pickle

import numpy as np
import pytest

from kerasseg.data.preparing.join import join, map_classes
from kerasseg.data.sample import Sample, Samples
from kerasseg.taxonomy import Taxonomy


def read(entry):
    label = np.full((2, 3), len(entry) % 2, np.uint8)
    image = np.zeros((2, 3, 3), np.uint8)
    instance = np.ones((2, 3), np.uint16)
    return Sample(entry, image, label, instance, sequence=sequence(entry))


def sequence(entry):
    return entry.partition("_")[0]


def frames(**lengths):
    entries = [f"{name}_{i}" for name, n in lengths.items() for i in range(n)]
    return Samples(entries, read, sequence)


TWO = Taxonomy.named(["one", "two"])


def test_join():
    one = (TWO, {"train": frames(a=2), "val": frames(b=1)})
    other = (TWO, {"test": frames(c=1), "train": frames(a=1)})
    taxonomy, splits = join([("camvid", one), ("tfds:x", other)])
    assert taxonomy == TWO
    assert list(splits) == ["train", "val", "test"]
    samples = list(pickle.loads(pickle.dumps(splits["train"])))
    assert [s.id for s in samples] == ["camvid-a_0", "camvid-a_1", "tfds-x-a_0"]
    assert [s.sequence for s in samples] == ["camvid-a", "camvid-a", "tfds-x-a"]
    assert samples[0].instance is None
    _, splits = join([("camvid", one), ("camvid", one)])
    assert [s.id for s in splits["val"]] == ["camvid1-b_0", "camvid2-b_0"]


def test_one_source_stays_as_it_is():
    source = (TWO, {"train": frames(a=2)})
    assert join([("camvid", source)]) == source


def test_other_classes_do_not_join():
    other = (Taxonomy.named(["one", "too"]), {"train": frames(a=1)})
    source = (TWO, {"train": frames(a=2)})
    with pytest.raises(
        ValueError, match=r"b has other classes than a \(2 and 2\). Add"
    ):
        join([("a", source), ("b", other)])


def test_mapped():
    table = np.full(256, 255, np.uint8)
    table[1] = 7
    _, splits = map_classes((TWO, {"train": frames(a=1, bb=1)}), table, TWO)
    assert [np.unique(s.label).tolist() for s in splits["train"]] == [[7], [255]]
    assert splits["train"].sequence is sequence
