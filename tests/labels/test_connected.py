"""Connected pieces, by hand and against SciPy."""

import numpy as np
import pytest

from kerasseg.labels.connected import connected


def test_corners_connect_with_eight_neighbours_only():
    label = np.array([[1, 0, 2], [0, 1, 2], [2, 0, 255]])
    eight = connected(label, connectivity=8, background=(0, 255))
    assert eight.tolist() == [[1, 0, 2], [0, 1, 2], [3, 0, 0]]
    four = connected(label, connectivity=4, background=(0, 255))
    assert four.tolist() == [[1, 0, 3], [0, 2, 3], [4, 0, 0]]
    assert four.dtype == np.int32


@pytest.mark.parametrize("connectivity", [4, 8])
def test_equals_scipy(rng, connectivity):
    ndimage = pytest.importorskip("scipy.ndimage")
    structure = ndimage.generate_binary_structure(2, connectivity // 4)
    mask = rng.random((40, 50)) < 0.5
    want, count = ndimage.label(mask, structure)
    got = connected(mask, connectivity=connectivity)
    assert got.max() == count and np.array_equal(got > 0, mask)
    pairs = np.unique(np.stack([got[mask], want[mask]]), axis=1)
    assert pairs.shape[1] == count, "each piece of one is one piece of the other"
