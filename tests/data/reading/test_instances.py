"""Where objects touch, and connected components."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from kerasseg.data.reading.masks.instances import components, touching


def neighbours(row, column, shape):
    for r in range(max(0, row - 1), min(shape[0], row + 2)):
        for c in range(max(0, column - 1), min(shape[1], column + 2)):
            yield r, c


def test_the_gap_is_one_pixel_of_the_larger_object():
    instance = np.zeros((5, 8), np.uint16)
    instance[1:4, 1:5] = 9
    instance[1:4, 5:7] = 4
    cleared = np.argwhere(touching(instance)).tolist()
    assert cleared == [[1, 4], [2, 4], [3, 4]]


def test_corners_touch_and_pixels_of_background_part():
    instance = np.array([[1, 0, 0], [0, 2, 2], [0, 0, 0]])
    assert np.argwhere(touching(instance)).tolist() == [[1, 1]]
    assert not touching(np.array([[1, 1, 0, 2, 2]])).any()
    assert not touching(np.zeros((3, 3), np.uint16)).any()
    assert not touching(np.full((3, 3), 7, np.uint16)).any()


@settings(deadline=None, max_examples=25)
@given(
    arrays.arrays(
        np.uint16, st.tuples(*[st.integers(1, 8)] * 2), elements=st.integers(0, 4)
    )
)
def test_nothing_touches_behind_it_and_nothing_else_is_cleared(instance):
    cleared = touching(instance)
    left = np.where(cleared, 0, instance)
    for row, column in np.argwhere(instance):
        around = list(neighbours(row, column, instance.shape))
        own = instance[row, column]
        if cleared[row, column]:
            others = {instance[at] for at in around} - {0, own}
            areas = [(instance == other).sum() for other in others]
            assert min(areas) <= (instance == own).sum()
        else:
            assert {left[at] for at in around} <= {0, own}


@settings(deadline=None, max_examples=25)
@given(arrays.arrays(bool, st.tuples(*[st.integers(1, 12)] * 2)))
def test_components(mask):
    ids = components(mask)
    expected, count = ndimage.label(mask)  # 4-connected by default
    assert ids.dtype == np.uint16
    assert ids.max() == count
    pairs = set(zip(ids.ravel().tolist(), expected.ravel().tolist(), strict=True))
    assert len(pairs - {(0, 0)}) == count


def test_more_components_than_ids():
    mask = np.indices((400, 400)).sum(0) % 2
    with pytest.raises(ValueError, match="has 80000 components, ids end at 65535"):
        components(mask)
