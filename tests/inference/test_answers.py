"""Class ids out of probabilities, by hand; strips one below the other."""

import numpy as np

from kerasseg.inference.answers import ids_of, stacked


def test_ids_by_hand():
    probabilities = np.array([[[0.2, 0.7, 0.1], [0.4, 0.2, 0.4]]], np.float32)
    assert ids_of(probabilities).tolist() == [[1, 0]]
    assert ids_of(probabilities).dtype == np.uint8
    assert ids_of(np.zeros((1, 1, 256), np.float32)).dtype == np.uint16


def test_overlapping_classes_are_asked_one_by_one():
    """Two at once, none, and what is as likely as not."""
    probabilities = np.array([[0.9, 0.6], [0.1, 0.4], [0.5, 0.51]], np.float32)
    found = ids_of(probabilities, exclusive=False)
    assert found.tolist() == [[1, 1], [0, 0], [0, 1]]
    assert found.dtype == np.uint8


def test_strips_are_stacked_into_one_array(rng):
    whole = rng.integers(0, 9, (10, 4, 2), np.uint8)
    found = stacked((whole[i : i + 3] for i in range(0, 10, 3)), 10)
    np.testing.assert_array_equal(found, whole)
    assert found.dtype == np.uint8
