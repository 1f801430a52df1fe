"""Orientation, spacing and normalisation of volumes; orientation against nibabel."""

import itertools

import numpy as np
import pytest

from kerasseg import UserError
from kerasseg.volume_format import (
    VolumeFormat,
    VolumeGeometry,
    mean_and_deviation,
    orientation,
    plain_geometry,
    spacing_of,
    standardised,
    to_source,
    to_volume,
)

ORIENTATIONS = [
    np.array(axes) * signs
    for axes in itertools.permutations((1, 2, 3))
    for signs in itertools.product((1, -1), repeat=3)
]


def affine_of(axes, rng) -> np.ndarray:
    """Array axis n runs along world axis |axes[n]| - 1, a little obliquely."""
    affine = np.eye(4)
    affine[:3, :3] = rng.normal(scale=0.1, size=(3, 3))
    for column, axis in enumerate(axes):
        affine[abs(axis) - 1, column] += np.sign(axis)
    affine[:3, :3] *= (0.5, 0.8, 3.0)
    affine[:3, 3] = 10, -20, 30
    return affine


@pytest.mark.parametrize("axes", ORIENTATIONS, ids=str)
def test_volumes_lie_as_nibabel_says(axes, rng):
    nibabel = pytest.importorskip("nibabel")
    affine, array = affine_of(axes, rng), rng.normal(size=(4, 5, 6, 2))
    canonical = nibabel.as_closest_canonical(nibabel.Nifti1Image(array, affine))
    volume = to_volume(array, affine)
    expected = np.asarray(canonical.dataobj).transpose(2, 1, 0, 3)
    np.testing.assert_array_equal(volume, expected)
    np.testing.assert_array_equal(to_source(volume, affine), array)
    geometry = VolumeGeometry(spacing_of(affine), affine, (4, 5, 6))
    assert geometry.orientation == "".join(nibabel.aff2axcodes(affine))
    assert geometry.source_shape == volume.shape[:3]
    zooms = canonical.header.get_zooms()[:3]
    np.testing.assert_allclose(spacing_of(affine), zooms[::-1], rtol=1e-6)


def test_a_stack_without_orientation_stays_as_it_is(rng):
    geometry = plain_geometry((3, 4, 5), (40.0, 4.0, 5.0))
    array = rng.normal(size=(5, 4, 3))
    np.testing.assert_array_equal(to_volume(array, geometry.affine), array.T)
    assert geometry.orientation == "RAS"
    assert geometry.source_shape == (3, 4, 5)
    assert geometry.source_spacing == geometry.spacing == (40.0, 4.0, 5.0)


@pytest.mark.parametrize("column", [[0, 0, 0], [1, 0, 0], [np.nan, 0, 1]])
def test_a_flat_affine_is_refused(column):
    affine = np.eye(4)
    affine[:3, 2] = column
    with pytest.raises(UserError, match="affine of a volume"):
        orientation(affine)


def test_standardised_by_channel(rng):
    image = rng.normal((5, 900), (2, 40), size=(6, 7, 8, 2))
    done = standardised(image)
    assert done.dtype == np.float32
    np.testing.assert_allclose(done.mean((0, 1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(done.std((0, 1, 2)), 1, atol=1e-6)
    # The values of a volume decide, not their unit.
    np.testing.assert_allclose(standardised(image * 1e4 + 7), done, atol=1e-4)


def test_what_is_not_valid_does_not_count(rng):
    image = rng.normal(size=(4, 5, 6, 1))
    valid = rng.random((4, 5, 6)) < 0.7
    wild = np.where(valid[..., None], image, 1e9)
    mean, deviation = mean_and_deviation(wild, valid)
    np.testing.assert_allclose(mean, [image[valid].mean()])
    np.testing.assert_allclose(deviation, [image[valid].std()])
    assert not standardised(wild, valid)[~valid].any()
    assert not standardised(image, np.zeros_like(valid)).any()


def test_one_value_everywhere_becomes_0():
    assert not standardised(np.full((2, 3, 4, 1), 7, np.int16)).any()


def test_a_block_is_made_like_the_whole(rng):
    image = rng.normal(size=(6, 5, 4, 2))
    part = standardised(image[2:4], statistics=mean_and_deviation(image))
    np.testing.assert_array_equal(part, standardised(image)[2:4])


def test_json():
    given = VolumeFormat("ct", (1.0, 2.0, 3.5), (1.0, 2.0, 3.5))
    assert VolumeFormat.from_json(given.to_json()) == given
    assert VolumeFormat.from_json(None) is None


@pytest.mark.parametrize(
    "wrong", [("mr",), ("ct", (1, 2)), ("ct", (1, 0, 1)), ("ct", None, (1, 1, np.nan))]
)
def test_what_is_no_format(wrong):
    with pytest.raises(UserError):
        VolumeFormat(*wrong)
