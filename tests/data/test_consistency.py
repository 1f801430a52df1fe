"""A number of dataset.json that cannot be true is named where records are opened."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasseg import UserError
from kerasseg.data.format.description import FILE, describe


@pytest.fixture(scope="module")
def values(shared_records):
    return json.loads((shared_records / FILE).read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("described")


def opened(folder, values):
    (folder / FILE).write_text(json.dumps(values))
    return describe(folder)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("samples", 11, "samples is 11, its shards hold 10"),
        ("height", 64, "10 images of 64 x 48 have 30720"),
        (
            "height",
            0,
            r"must be null or pixels above 0, got \[0, 48\]",
        ),
        ("width", 48.0, r"got \[32, 48.0\]"),
        ("ignored", -1, r"ignored must be counts, got \[-1\]"),
        ("pixels", [1, 2], "pixels has 2 entries, there are 11 classes"),
        ("images_with", [11] * 11, "images_with is 11 of 10 samples"),
        ("pixels", [True] * 11, "pixels must be counts"),
    ],
)
def test_it_is_named(values, folder, key, value, said):
    wrong = copy.deepcopy(values)
    wrong["splits"]["train"][key] = value
    with pytest.raises(UserError, match=rf"is damaged .*splits\.train: .*{said}"):
        opened(folder, wrong)


def test_a_shard_belongs_to_one_split(values, folder):
    wrong = copy.deepcopy(values)
    wrong["splits"]["val"] = wrong["splits"]["train"]
    with pytest.raises(UserError, match="is listed 2 times"):
        opened(folder, wrong)


@given(st.data())
def test_no_count_can_be_changed_alone(values, folder, data):
    wrong = copy.deepcopy(values)
    split = wrong["splits"]["train"]
    place = data.draw(st.sampled_from(["samples", "ignored", "height", "shard", 0, 3]))
    by = data.draw(st.integers(-(2**40), 2**40).filter(bool))
    if place == "shard":
        split["shards"][0]["samples"] += by
    elif isinstance(place, int):
        split["pixels"][place] += by
    else:
        split[place] += by
    with pytest.raises(UserError, match="is damaged"):
        opened(folder, wrong)
