"""From a volume to ids: mirrored means, other grids, classes that overlap."""

import numpy as np
import pytest

from kerasseg.inference.mirror import mean_over_mirrored
from kerasseg.inference.volumes.restoring import resized
from kerasseg.inference.volumes.segmenter import VolumeSegmenter


def two_classes(x):
    """Class 1 where a channel is above 0."""
    seen = np.clip(x[..., :1] + 0.5, 0, 1)
    return np.concatenate([1 - seen, seen], -1)


def test_a_label_that_is_copied_comes_back(rng):
    label = rng.integers(0, 2, (13, 9, 11))
    volume = (label - 0.5).astype(np.float32)[..., None]
    strips, calls = [], []
    segment = VolumeSegmenter(two_classes, (4, 6, 5))
    found = segment(volume, strips.append, advance=lambda: calls.append(1))
    assert found.dtype == np.uint8 and (found == label).all()
    assert np.concatenate(strips).shape == (13, 9, 11, 2)
    assert len(calls) == segment.patches(label.shape)
    planes = VolumeSegmenter(two_classes, (4, 6, 5), exclusive=False)(volume)
    assert (planes[..., 1] == label).all() and (planes[..., 0] == 1 - label).all()


def test_mirrored_patches_are_turned_back(rng):
    seen = []

    def network(x):
        seen.append(x)
        return x * np.arange(x.shape[3])[:, None]

    x = rng.normal(size=(1, 2, 3, 4, 1))
    found = mean_over_mirrored(network, (1, 3), x)
    assert len(seen) == 4
    np.testing.assert_array_equal(seen[3], x[:, ::-1, :, ::-1])
    np.testing.assert_allclose(found, x * 1.5)  # the mean of i and 3 - i


@pytest.mark.parametrize("shape", [(5, 7, 9), (20, 14, 18), (3, 20, 4), (37, 7, 9)])
def test_other_grids_are_those_of_one_interpolation(rng, shape):
    ndimage = pytest.importorskip("scipy.ndimage")
    whole = rng.random((10, 7, 9, 2)).astype(np.float32)
    slabs = iter([whole[:1], whole[1:6], whole[6:]])
    found = np.concatenate(list(resized(slabs, 10, shape)))
    sides = zip(shape, whole.shape, strict=False)
    axes = [(np.arange(n) + 0.5) * m / n - 0.5 for n, m in sides]
    places = np.meshgrid(*axes, indexing="ij")
    for c in range(2):
        wanted = ndimage.map_coordinates(whole[..., c], places, order=1, mode="nearest")
        np.testing.assert_allclose(found[..., c], wanted, atol=1e-5)
