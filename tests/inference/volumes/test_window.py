"""The sliding window: every voxel by the weighted mean of the patches over it."""

import itertools

import numpy as np
import pytest

from kerasseg import UserError
from kerasseg.inference.volumes import window


def collected(network, volume, size, **options):
    return np.concatenate(list(window.slabs(network, volume, size, **options)))


@pytest.mark.parametrize("shape", [(9, 7, 12), (4, 6, 5), (3, 20, 4), (1, 1, 1)])
@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.75])
def test_what_the_network_copies_comes_back(rng, shape, overlap):
    volume = rng.normal(size=(*shape, 2)).astype(np.float32)
    found = collected(lambda x: 2 * x, volume, (4, 6, 5), overlap=overlap)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, 2 * volume, rtol=2e-6)


def test_weights_are_those_of_one_sum_over_all_patches(rng):
    shape, size = (11, 9, 8), (4, 6, 5)
    volume = rng.normal(size=(*shape, 1)).astype(np.float32)
    calls = itertools.count()
    found = collected(lambda x: x * 0 + next(calls), volume, size)

    total, mass = np.zeros(shape), np.zeros(shape)
    axes = [window.starts(n, side) for n, side in zip(shape, size, strict=True)]
    # As nnU-Net: a Gaussian whose standard deviation is an eighth of the side.
    grids = [(np.arange(n) - (n - 1) / 2) / (n / 8) for n in size]
    squares = np.add.outer(np.add.outer(grids[0] ** 2, grids[1] ** 2), grids[2] ** 2)
    gauss = np.exp(-squares / 2)
    for number, begin in enumerate(itertools.product(*axes)):
        where = tuple(slice(b, b + n) for b, n in zip(begin, size, strict=True))
        total[where] += number * gauss
        mass[where] += gauss
    np.testing.assert_allclose(found[..., 0], total / mass, rtol=1e-4)
    assert next(calls) == window.patches(shape, size) == np.prod([len(a) for a in axes])


def test_nnunet_steps():
    # compute_steps_for_sliding_window of nnunetv2 2.5, by hand: ceil((L - s) / (s / 2))
    # + 1 steps, evenly spread and rounded.
    assert window.starts(110, 64) == [0, 23, 46]
    assert window.starts(64, 64) == [0]
    assert window.starts(65, 64) == [0, 1]


def test_smaller_volumes_lie_in_the_middle_among_zeros():
    seen = []

    def network(x):
        seen.append(x)
        return x

    collected(network, np.ones((2, 4, 4, 1), np.float32), (4, 4, 6))
    (patch,) = seen
    assert patch[0, :, 0, 0, 0].tolist() == [0, 0, 0, 0]
    assert patch[0, 1, 0, :, 0].tolist() == [0, 1, 1, 1, 1, 0]
    assert patch.sum() == 2 * 4 * 4


def test_memory_is_that_of_a_slab():
    volume = np.zeros((64, 4, 4, 1), np.float32)
    slabs = list(window.slabs(lambda x: x, volume, (8, 4, 4)))
    assert max(map(len, slabs)) <= 8
    assert sum(map(len, slabs)) == 64


def test_wrong_inputs():
    volume = np.zeros((8, 8, 8, 1), np.float32)
    with pytest.raises(UserError, match="should give"):
        collected(lambda x: x[:, 1:], volume, (4, 4, 4))
    with pytest.raises(UserError, match="Expected a volume"):
        collected(lambda x: x, volume[0], (4, 4, 4))
    with pytest.raises(UserError, match="overlap"):
        collected(lambda x: x, volume, (4, 4, 4), overlap=1.0)
