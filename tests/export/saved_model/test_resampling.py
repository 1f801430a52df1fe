"""The resize of operations that other engines know is the one of training."""

import numpy as np
import pytest
import tensorflow as tf

from kerasseg.data.resize import resize_image
from kerasseg.export.saved_model.resampling import resampled

SIZE = (23, 31)


@pytest.fixture(scope="module")
def graph():
    """In a graph TensorFlow rewrites what it can: the numbers must not change."""
    spec = tf.TensorSpec((None, None, None, 2), tf.float32)
    return tf.function(lambda image: resampled(image, SIZE), input_signature=[spec])


@pytest.mark.parametrize(
    "size", [SIZE, (46, 62), (24, 30), (5, 7), (1, 1), (200, 300), (97, 11), (1, 900)]
)
def test_bit_for_bit_what_records_hold(size, graph, rng):
    image = tf.constant(rng.uniform(-300, 70000, (2, *size, 2)).astype("float32"))
    np.testing.assert_array_equal(graph(image), resize_image(image, SIZE))
