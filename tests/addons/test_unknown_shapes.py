"""Images whose size, or even rank, a TensorFlow graph knows only when it runs."""

import numpy as np
import pytest
import tensorflow as tf

from kerasseg import addons

ANY = tf.TensorSpec(None, tf.float32)


def test_rank_two_to_four_is_found_when_it_runs():
    turn = tf.function(addons.rotate).get_concrete_function(ANY, 0.4)
    image = np.random.default_rng(0).random((5, 6, 2), "float32")
    for given in (image[..., 0], image, np.stack([image, image])):
        want = addons.rotate(given, 0.4)
        np.testing.assert_allclose(turn(tf.constant(given)), want, atol=1e-6)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"\(H, W\)"):
        turn(tf.zeros(5))


@pytest.mark.parametrize("mode", addons.FILL_MODES)
@pytest.mark.parametrize("how", addons.INTERPOLATIONS)
def test_unknown_sizes_make_no_difference(how, mode):
    images = np.random.default_rng(1).random((2, 5, 6, 3)).astype("float32")
    # No coordinate is near a half, where a graph may round to the other side.
    row = tf.constant([0.713, 0.201, -4.03, -0.107, 1.31, 3.05, 0, 0])
    sizes = tf.TensorSpec((None, None, None, 3), tf.float32)

    def move(images):
        return addons.transform(images, row, how, mode)

    got = tf.function(move).get_concrete_function(sizes)(tf.constant(images))
    np.testing.assert_allclose(got, move(images), atol=1e-5)


def test_warp_and_interpolation_of_unknown_rank():
    random = np.random.default_rng(2)
    image = random.random((2, 5, 6, 3)).astype("float32")
    flow = random.normal(size=(2, 5, 6, 2)).astype("float32")
    warp = tf.function(addons.dense_image_warp).get_concrete_function(ANY, ANY)
    np.testing.assert_allclose(
        warp(tf.constant(image), tf.constant(flow)),
        addons.dense_image_warp(image, flow),
        atol=1e-6,
    )
    points = flow[:, 0]
    at = tf.function(addons.interpolate_bilinear).get_concrete_function(ANY, ANY)
    np.testing.assert_allclose(
        at(tf.constant(image), tf.constant(points)),
        addons.interpolate_bilinear(image, points),
        atol=1e-6,
    )


def test_unpooling_of_unknown_sizes():
    image = tf.constant(np.random.default_rng(3).random((2, 6, 8, 2)), tf.float32)

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 2), tf.float32)])
    def there_and_back(image):
        values, places = tf.nn.max_pool_with_argmax(image, 2, 2, "SAME")
        return addons.MaxUnpooling2D()(values, places)

    got = there_and_back(image).numpy()
    assert got.shape == (2, 6, 8, 2)
    assert np.count_nonzero(got) == got.size // 4
    np.testing.assert_array_equal(got[got > 0], image.numpy()[got > 0])
    layer = addons.MaxUnpooling2D()
    assert layer.compute_output_shape((None, None, 4, 2)) == (None, None, 8, 2)
