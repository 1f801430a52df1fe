"""Labels that can teach nothing are refused before the first step."""

from dataclasses import replace
from pathlib import Path

import pytest

from kerasseg import UserError
from kerasseg.data.format.description import Description
from kerasseg.data.format.splits import Shard, SplitDescription
from kerasseg.fit import trainable
from kerasseg.taxonomy import Taxonomy


def records(**pixels):
    splits = {
        name: SplitDescription(1, 2, 2, counts, counts, counts, 0, False, ())
        for name, counts in pixels.items()
    }
    classes = len(next(iter(pixels.values())))
    return Description(Path("REC"), "set", Taxonomy.numbered(classes), splits)


def test_one_class_is_refused():
    with pytest.raises(UserError, match="Records REC have one class, 'class_0'"):
        trainable.check(records(train=(4,), val=(4,)), "train", "val")


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_split_of_one_class_or_none_is_refused(split):
    good = {"train": (3, 1), "val": (3, 1)}
    with pytest.raises(UserError, match=f"split '{split}' of REC are of .*'class_1'"):
        trainable.check(records(**good | {split: (0, 4)}), "train", "val")
    with pytest.raises(UserError, match=f"split '{split}' of REC has no labelled"):
        trainable.check(records(**good | {split: (0, 0)}), "train", "val")


def test_classes_of_one_split_only_are_said():
    assert trainable.check(records(train=(2, 2), val=(1, 3)), "train", "val") == []
    first, second = trainable.check(
        records(train=(2, 2, 0, 1), val=(1, 3, 1, 0)), "train", "val"
    )
    assert "'val' never has class_3, which 'train' has" in first
    assert "'train' never has class_2, which 'val' has" in second


def test_a_batch_larger_than_the_data_is_refused():
    good = records(train=(3, 1), val=(3, 1))
    assert trainable.check(good, "train", "val", 1) == []
    with pytest.raises(
        UserError, match=r"batch of 2 .* 'train' of REC has: 1\. Say --"
    ):
        trainable.check(good, "train", "val", 2)


def test_a_score_on_the_images_of_training_is_said():
    good = records(train=(3, 1), val=(3, 1))
    first, second, third = (Shard(f"s{n}", 1, 1, f"sha{n}") for n in range(3))

    def line(train, val):
        shards = {"train": train, "val": val}
        splits = {n: replace(s, shards=shards[n]) for n, s in good.splits.items()}
        return "".join(trainable.check(replace(good, splits=splits), "train", "val"))

    assert line((first, second), (third,)) == ""
    assert "'val' are those of 'train'" in line((first, second), (second,))
    assert "'val' are partly those of 'train'" in line((first,), (first, second))


def test_the_message_is_one_line():
    for given in ({"train": (4,), "val": (4,)}, {"train": (0, 4), "val": (1, 1)}):
        with pytest.raises(UserError) as caught:
            trainable.check(records(**given), "train", "val")
        assert "\n" not in str(caught.value) and "doctor" in str(caught.value)
