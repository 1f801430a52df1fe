"""The mean with the mirror image, by hand and as a law."""

import numpy as np
import pytest
import tensorflow as tf

from kerasseg.inference.mirror import mirrored_mean


def by_column(images):
    """A network that answers by column: 0.5 on the left, 0.9 on the right."""
    first = tf.constant([[0.5, 0.9]]) * tf.ones(tf.shape(images)[:-1])
    return tf.stack([first, 1 - first], -1)


def test_by_hand():
    found = mirrored_mean(by_column, np.zeros((1, 1, 2, 3), np.float32))
    np.testing.assert_allclose(found[0, 0, :, 0], [0.7, 0.7], rtol=1e-6)


@pytest.mark.parametrize("framework", [np.asarray, tf.constant])
@pytest.mark.parametrize("shape", [(4, 6, 3), (2, 4, 6, 3)])
def test_the_mean_of_a_mirrored_image_is_the_mirrored_mean(rng, framework, shape):
    image = framework(rng.uniform(0, 1, shape))
    slope = framework(np.linspace(0, 1, 6)[:, None])

    def network(image):
        return image * slope

    found, mirrored = (
        mirrored_mean(network, given) for given in (image, image[..., ::-1, :])
    )
    np.testing.assert_allclose(found[..., ::-1, :], mirrored)
    np.testing.assert_allclose(found, image * 0.5)  # the mean of slope and 1 - slope
