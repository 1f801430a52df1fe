"""Train and val of any source: by share, sequence, group and fold."""

import hashlib
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasseg import UserError
from kerasseg.data.preparing.division import Division, divide
from kerasseg.data.sample import Sample, Samples


def read(entry):
    return Sample(entry, np.zeros((2, 3, 3), "u1"), np.zeros((2, 3), "u1"))


def sequence(entry):
    return entry.partition("_")[0]


def name(entry):
    return entry


def frames(**lengths):
    entries = [f"{name}_{i}" for name, n in lengths.items() for i in range(n)]
    return Samples(entries, read, sequence, name)


def images(count):
    return Samples([f"n{i}" for i in range(count)], read, id=name)


def ids(splits):
    return {split: [s.id for s in samples] for split, samples in splits.items()}


BY_SEQUENCE = Division(split_by="sequence", val_share=0.1)
LENGTHS = st.lists(st.integers(1, 40), min_size=2, max_size=9)


@settings(deadline=None, max_examples=25)
@given(LENGTHS, st.floats(0.01, 0.99), st.booleans())
def test_groups_stay_together(lengths, share, by_name):
    samples = frames(**{f"s{i}": n for i, n in enumerate(lengths)})
    division = Division(split_by="sequence", val_share=share)
    if by_name:
        division = Division(group_by="^(.+)_", val_share=share)
    splits = divide({"train": samples}, division, "ulm")
    train, val = splits["train"].entries, splits["val"].entries
    assert sorted([*train, *val]) == sorted(samples.entries)
    assert not {sequence(e) for e in train} & {sequence(e) for e in val}
    assert abs(len(val) - share * sum(lengths)) <= max(lengths)


@settings(deadline=None, max_examples=25)
@given(LENGTHS, st.data())
def test_folds_are_a_partition(lengths, data):
    folds = data.draw(st.integers(2, len(lengths)))
    source = {"train": frames(**{f"s{i}": n for i, n in enumerate(lengths)})}
    source["test"] = frames(t=2)
    seen = []
    for fold in range(folds):
        division = Division(group_by="^(.+)_", folds=folds, fold=fold)
        splits = divide(source, division, "ulm")
        val = splits["val"].entries
        assert val and not {sequence(e) for e in val} & {
            sequence(e) for e in splits["train"].entries
        }
        assert len(val) + len(splits["train"]) == len(source["train"])
        assert splits["test"].entries == source["test"].entries
        seen += val
    assert sorted(seen) == sorted(source["train"].entries)


def test_train_and_val_are_pooled_and_test_is_kept():
    splits = {"train": frames(a=8, b=1), "val": frames(c=1), "test": frames(d=3)}
    divided = divide(splits, BY_SEQUENCE, "ulm")
    assert {s: len(x) for s, x in divided.items()} == {"train": 9, "val": 1, "test": 3}
    assert ids(divided) == ids(divide(splits, BY_SEQUENCE, "ulm"))
    assert ids(pickle.loads(pickle.dumps(divided))) == ids(divided)
    none = Division(split_by="sequence", val_share=0)
    assert list(divide(splits, none, "ulm")) == ["train", "test"]


def test_one_long_sequence_does_not_take_all():
    divided = divide({"train": frames(a=100, b=90)}, BY_SEQUENCE, "ulm")
    assert {sequence(e) for e in divided["val"].entries} == {"b"}


def test_val_share_of_a_source_without_sequences():
    source = {"train": images(10)}
    assert list(divide(source, Division(), "coco")) == ["train"]
    divided = divide(source, Division(val_share=0.3), "coco")
    ranked = sorted(
        (hashlib.sha256(f"n{i}".encode()).hexdigest(), i) for i in range(10)
    )
    assert divided["val"].entries == sorted(f"n{i}" for _, i in ranked[:3])
    assert "3 of 10 images" in divided["val"].source["division"]["line"]


def test_an_official_train_gives_a_part_to_val_where_it_must():
    source = {"train": images(10)}
    assert {*divide(source, Division(), "ulm")} == {"train"}
    splits = divide(source, Division(need_val=True), "ulm")
    assert [len(splits[split].entries) for split in ("train", "val")] == [8, 2]
    own = source | {"val": images(3)}
    assert len(divide(own, Division(need_val=True), "ulm")["val"].entries) == 3
    none = divide(source, Division(need_val=True, val_share=0.0), "ulm")
    assert {*none} == {"train"}


def test_a_val_of_its_own_stays_and_that_is_said():
    source = {"train": images(3), "valid": images(2)}
    divided = divide(source, Division(val_share=0.5), "coco")
    assert {s: len(x) for s, x in divided.items()} == {"train": 3, "val": 2}
    line = divided["val"].source["division"]["line"]
    assert "valid is called val" in line and "--val-share is not used" in line


def test_one_split_of_another_name_is_train():
    divided = divide({"default": images(10)}, Division(), "coco")
    assert {s: len(x) for s, x in divided.items()} == {"train": 8, "val": 2}
    assert list(divide({"default": images(9)}, Division(val_share=0), "c")) == ["train"]


def test_ids_that_both_splits_have_tell_their_split():
    source = {"train": images(3), "val": images(3)}
    divided = divide(source, Division(folds=3, fold=1), "coco")
    names = sorted(name for split in ids(divided).values() for name in split)
    assert names == sorted(f"{s}/n{i}" for s in ("train", "val") for i in range(3))


WRONG = {
    r"ulm has one sequence \(a\) and cannot": (frames(a=3), BY_SEQUENCE),
    "ulm does not tell which frames": (images(3), BY_SEQUENCE),
    "--val-share must be at least 0": (images(3), Division(val_share=1.0)),
    "'x.y' does not fit the sample 'n0' of ulm": (images(3), Division(group_by="x.y")),
    "not a regular expression": (images(3), Division(group_by="(")),
    "3 images, too few for --folds 4": (images(3), Division(folds=4)),
    "--fold must be 0 to 1": (images(3), Division(folds=2, fold=2)),
    "--folds must be 2 or more": (images(3), Division(folds=1)),
    "Leave one out": (images(3), Division(folds=2, val_share=0.5)),
    "Leave out --split-by": (images(3), Division(group_by="n", split_by="name")),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_cannot_be_divided(message):
    samples, division = WRONG[message]
    with pytest.raises(UserError, match=message):
        divide({"train": samples}, division, "ulm")


def test_a_source_of_test_alone():
    with pytest.raises(UserError, match="no train or val to divide, only test"):
        divide({"test": images(4)}, Division(val_share=0.5), "coco")


def labelled(classes, overlapping=False):
    """Samples whose names say their group and the classes in them: "a_012"."""

    def read_classes(entry):
        ids = [int(letter) for letter in entry.split("_")[1]]
        label = np.resize(np.array(ids, "u1"), (2, 3))
        if overlapping:
            label = np.stack([label == i for i in range(3)], -1).astype("u1")
        return Sample(entry, np.zeros((2, 3, 3), "u1"), label)

    return Samples(classes, read_classes, id=name)


@pytest.mark.parametrize("overlapping", [False, True])
def test_folds_are_alike_in_their_classes(overlapping):
    """Class 2 is in five images of thirty, class 1 in ten: each of five folds gets one
    and two of them. By the hash alone some would get none."""
    entries = [f"{i}_0" for i in range(15)] + [f"{i}_01" for i in range(15, 25)]
    entries += [f"{i}_02" for i in range(25, 30)]
    source = {"train": labelled(entries, overlapping)}
    folds = []
    for fold in range(5):
        division = Division(split_by="name", folds=5, fold=fold)
        folds.append(divide(source, division, "x")["val"].entries)
    assert [len(fold) for fold in folds] == [6] * 5
    assert [sum(e.endswith("2") for e in fold) for fold in folds] == [1] * 5
    assert [sum(e.endswith("1") for e in fold) for fold in folds] == [2] * 5


def test_groups_are_alike_in_their_classes_as_far_as_they_can_be():
    """Two patients of four have the disease: each of two folds gets one."""
    patients = {"a": "0", "b": "0", "c": "01", "d": "01"}
    entries = [f"{p}{n}_{ids}" for p, ids in patients.items() for n in range(5)]
    division = Division(group_by="^(.)", folds=2)
    val = divide({"train": labelled(entries)}, division, "x")["val"].entries
    assert len(val) == 10 and sum(e.endswith("1") for e in val) == 5


def test_another_seed_gives_other_folds():
    source = {"train": images(40)}

    def val(seed):
        return divide(source, Division(folds=4, fold_seed=seed), "x")["val"].entries

    assert val(0) == val(0) and val(1) == val(1)
    assert len({tuple(val(seed)) for seed in range(4)}) == 4


def test_a_sample_that_cannot_be_read_is_divided_too():
    def broken(entry):
        raise UserError("cut short")

    source = {"train": Samples([f"n{i}" for i in range(4)], broken, id=name)}
    assert len(divide(source, Division(folds=2), "x")["val"]) == 2
