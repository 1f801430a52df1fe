"""The naive network: counts by the formula of a plain stack."""

import pytest
from network_laws import NetworkLaws
from networks import call, random_images

from kerasseg.models.naive import naive

pytestmark = pytest.mark.agnostic


class TestLaws(NetworkLaws):
    module = "naive"


@pytest.mark.parametrize(("depth", "count"), [(3, 76_363), (4, 113_291)])
def test_parameters(depth, count):
    """(9 * 3 * 64 + 64) + (depth - 1) (9 * 64 * 64 + 64) + 64 * 11 + 11."""
    assert naive(11, (30, 40, 3), depth=depth).count_params() == count


def test_volumes():
    network = naive(2, (6, 5, 4, 1), depth=1, filters=3)
    assert network.output_shape == (None, 6, 5, 4, 2)
    assert network.count_params() == 27 * 3 + 3 + 3 * 2 + 2


@pytest.mark.parametrize("depth", [1, 3])
def test_each_logit_sees_two_pixels_further_with_each_layer(depth):
    network = naive(2, (15, 15, 3), depth=depth, filters=8)
    image = random_images(1, 15, 15, 3)
    before = call(network, image)
    seen = []
    for shift in range(7):
        changed = image.copy()
        changed[0, 7 + shift, 7] = 255 - changed[0, 7 + shift, 7]
        after = call(network, changed)
        seen.append(bool((after != before)[0, 7, 7].any()))
    assert sum(seen) == seen.index(False) == depth + 1
