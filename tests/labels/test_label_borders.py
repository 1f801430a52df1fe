"""Borders of label maps, by hand and against loops over all pairs of neighbours."""

import numpy as np
import pytest

from kerasseg.labels.borders import borders


def by_loops(label, both_sides, valid):
    marked = np.zeros(label.shape, bool)
    height, width = label.shape
    for row in range(height):
        for column in range(width):
            for down, right in (0, 1), (1, 0):
                other = row + down, column + right
                if other[0] == height or other[1] == width:
                    continue
                if label[row, column] == label[other]:
                    continue
                if valid[row, column] and valid[other]:
                    marked[row, column] = True
                    marked[other] |= both_sides
    return marked


def test_by_hand():
    label = np.array([[1, 1, 2], [1, 1, 2], [255, 255, 255]])
    assert borders(label).tolist() == [[0, 1, 0], [1, 1, 1], [0, 0, 0]]
    assert borders(label, both_sides=True).tolist() == [[0, 1, 1], [1, 1, 1], [1, 1, 1]]
    within = borders(label, both_sides=True, valid=label != 255)
    assert within.tolist() == [[0, 1, 1], [0, 1, 1], [0, 0, 0]]


@pytest.mark.parametrize("both_sides", [False, True])
def test_equals_loops(rng, both_sides):
    for shape in (6, 7), (1, 5), (5, 1), (0, 4):
        label = rng.integers(0, 3, shape).astype(np.uint8)
        valid = rng.random(shape) < 0.7
        for where in valid, np.ones(shape, bool):
            got = borders(label, both_sides=both_sides, valid=where)
            assert np.array_equal(got, by_loops(label, both_sides, where))
        everywhere = borders(label, both_sides=both_sides)
        assert np.array_equal(everywhere, got)
