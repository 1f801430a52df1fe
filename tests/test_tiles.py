"""Tiled inference against the whole image at once."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasseg import tiles

pytestmark = pytest.mark.agnostic


def convolutions(padding, pool=False):
    """Any image size; every output pixel sees 2 pixels on each side (pool: 6)."""
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, padding=padding, activation="relu")(x)
    if pool:
        x = keras.layers.MaxPooling2D(2)(x)
    x = keras.layers.Conv2D(3, 3, padding=padding)(x)
    if pool:
        x = keras.layers.UpSampling2D(2)(x)
    return keras.Model(inputs, x)


def picture(rng, height, width):
    return rng.uniform(0, 1, (height, width, 3)).astype("float32")


def whole(network, image):
    return keras.ops.convert_to_numpy(network(image[None]))[0]


@pytest.mark.parametrize("size", [(23, 31), (16, 12), (5, 40), (9, 9), (3, 2)])
def test_valid_network_equals_the_whole_mirrored_image(rng, size):
    network, image = convolutions("valid"), picture(rng, *size)
    mirrored = np.pad(image, [(2, 2), (2, 2), (0, 0)], mode="reflect")
    expected = whole(network, mirrored)
    for overlap, blend in ((0, "linear"), (4, "linear"), (2, "valid")):
        result = tiles.predict(network, image, (16, 12), overlap, blend, margin=2)
        assert result.shape == (*size, 3)
        np.testing.assert_allclose(result, expected, atol=1e-5)


def test_same_network_equals_the_whole_image_away_from_its_border(rng):
    network, image = convolutions("same"), picture(rng, 37, 29)
    result = tiles.predict(network, image, (16, 12), overlap=4, blend="valid")
    expected = whole(network, image)
    np.testing.assert_allclose(result[2:-2, 2:-2], expected[2:-2, 2:-2], atol=1e-5)
    less = tiles.predict(network, image, (16, 12), overlap=2, blend="valid")
    assert np.abs(less - expected)[2:-2, 2:-2].max() > 1e-3


def test_pooling_network_needs_multiples_of_its_stride(rng):
    network, image = convolutions("same", pool=True), picture(rng, 52, 38)
    result = tiles.predict(network, image, (24, 24), overlap=12, blend="valid")
    expected = whole(network, image)
    np.testing.assert_allclose(result[6:-6, 6:-6], expected[6:-6, 6:-6], atol=1e-5)


@settings(deadline=None, max_examples=25)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([0, 2, 4, 6]),
    st.sampled_from(["linear", "valid"]),
)
def test_pointwise_network_sees_no_tiles(height, width, overlap, blend):
    image = picture(np.random.default_rng(height), height, width)
    result = tiles.predict(lambda x: 2 * x + 1, image, (9, 7), overlap, blend)
    np.testing.assert_allclose(result, 2 * image + 1, rtol=1e-5)


def test_linear_blend_by_hand():
    """Two tiles of 5 columns with overlap 2; the first gives 0, the second 1."""
    answers = iter((0.0, 1.0))

    def network(x):
        return np.full((1, 5, 5, 1), next(answers), np.float32)

    result = tiles.predict(network, np.zeros((5, 8, 3)), (5, 5), overlap=2)
    expected = [[0, 0, 0, 1 / 3, 2 / 3, 1, 1, 1]] * 5
    np.testing.assert_allclose(result[..., 0], expected, rtol=1e-6)


def test_overlap_tile_of_unet_has_the_papers_numbers():
    """572 in, 388 out, margin 92; a 512 image needs 2 x 2 tiles."""
    shapes = []

    def network(x):
        shapes.append(x.shape)
        return x[:, 92:-92, 92:-92, :1]

    image = np.arange(512 * 512.0, dtype="float32").reshape(512, 512, 1)
    result = tiles.predict(network, image, (572, 572), overlap=0, margin=92)
    assert shapes == [(1, 572, 572, 1)] * 4
    np.testing.assert_array_equal(result, image)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tile": (8, 8), "overlap": 8}, "too small"),
        ({"tile": (8, 8), "overlap": 3}, "even"),
        ({"tile": (8, 8), "overlap": 2, "blend": "gauss"}, "blend"),
        ({"tile": (8, 8), "overlap": 2, "margin": 1}, "margin"),
    ],
)
def test_errors_say_what_to_do(options, message):
    with pytest.raises(ValueError, match=message):
        tiles.predict(lambda x: x, np.zeros((20, 20, 3), "float32"), **options)
