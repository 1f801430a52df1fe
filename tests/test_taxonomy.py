import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasseg.taxonomy import IGNORE, Taxonomy, one_hot


@given(st.integers(1, 255))
@settings(max_examples=20, deadline=None)
def test_numbered_colours_differ_enough_to_come_back(count):
    taxonomy = Taxonomy.numbered(min(count, 30))
    ids = np.arange(taxonomy.num_classes, dtype=np.uint8)[None]
    assert len(set(taxonomy.colours)) == taxonomy.num_classes
    assert (taxonomy.from_colours(taxonomy.colourise(ids)) == ids).all()


def test_json_round_trip():
    taxonomy = Taxonomy(("road", "sky"), ((1, 2, 3), (4, 5, 6)))
    assert Taxonomy.from_json(taxonomy.to_json()) == taxonomy


def test_ignored_is_black_and_back():
    taxonomy = Taxonomy(("road", "sky"), ((1, 2, 3), (4, 5, 6)))
    label = np.array([[0, IGNORE], [1, 0]], np.uint8)
    assert (taxonomy.from_colours(taxonomy.colourise(label)) == label).all()


def test_unknown_colour_is_named():
    taxonomy = Taxonomy(("road",), ((1, 2, 3),))
    with pytest.raises(ValueError, match=r"\(9, 8, 7\) is not a class"):
        taxonomy.from_colours(np.array([[[9, 8, 7]]], np.uint8))


@pytest.mark.parametrize(
    ("names", "colours", "message"),
    [
        ((), (), "1 to 65535 classes"),
        (("a", "b"), ((0, 0, 0),), "one colour for each"),
        (("a", "a"), ((0, 0, 0), (1, 1, 1)), "repeated: a"),
    ],
)
def test_wrong_taxonomies(names, colours, message):
    with pytest.raises(ValueError, match=message):
        Taxonomy(names, colours)


@pytest.mark.agnostic
def test_one_hot_is_zero_where_ignored():
    from keras import ops

    label = np.array([[[0, 2], [IGNORE, 1]]], np.uint8)
    hot = ops.convert_to_numpy(one_hot(label, 3))
    assert hot.tolist() == [[[[1, 0, 0], [0, 0, 1]], [[0, 0, 0], [0, 1, 0]]]]


@pytest.mark.agnostic
def test_one_hot_of_another_ignore_id():
    from keras import ops

    hot = ops.convert_to_numpy(one_hot(np.array([[1, 0]]), 2, ignore=1))
    assert hot.tolist() == [[[0, 0], [1, 0]]]
