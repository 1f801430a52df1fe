"""A training that goes on over other records says what changed."""

import dataclasses

import pytest

from kerasseg import UserError
from kerasseg.data.format.description import describe
from kerasseg.fit import same_records


def test_what_changed_is_named(shared_records):
    described = describe(shared_records)
    before = same_records.noted(described, ("train", "val"))
    same_records.require(before, dict(before), "R", "RUN")
    same_records.require({}, before, "R", "RUN")  # of an earlier version

    train = described.splits["train"]
    shard = dataclasses.replace(train.shards[0], sha256="0" * 64)
    train = dataclasses.replace(train, shards=(shard, *train.shards[1:]))
    taxonomy = dataclasses.replace(
        described.taxonomy, names=("moon", *described.taxonomy.names[1:])
    )
    other = dataclasses.replace(
        described, taxonomy=taxonomy, splits=described.splits | {"train": train}
    )
    now = same_records.noted(other, ("train", "val"))
    with pytest.raises(UserError) as told:
        same_records.require(before, now, "R", "RUN")
    text = str(told.value)
    assert text.startswith("The records R are not those that run RUN began with: cla")
    assert "split 'train' (10 samples, checksum " in text
    assert "split 'val'" not in text
    assert text.endswith("the same command with --restart.")
