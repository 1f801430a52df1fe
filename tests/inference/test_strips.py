"""Strips of rows are bit for bit what one resize of all gives.

Softmax alone is not: Eigen computes the exponentials of a row's end one by one where
they do not fill a vector, and what does depends on the strip and on the processor. With
AVX2 up to 2e-7 of a probability was seen, with AVX-512 none.
"""

import numpy as np
import pytest
import tensorflow as tf

from kerasseg.inference import strips
from kerasseg.inference.class_maps import class_map

IDS = tf.TensorSpec((None, None, None), tf.uint8)
SCORES = tf.TensorSpec((None, None, None, None), tf.float32)


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """Strips of a few rows, of small pictures too."""
    monkeypatch.setattr(strips, "WHOLE", 0)
    monkeypatch.setattr(strips, "AT_ONCE", 4000)


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((1, 36, 48, 11), (77, 101)),
        ((2, 36, 48, 11), (36, 48)),
        ((3, 33, 47, 5), (12, 9)),  # smaller
        ((1, 9, 7, 3), (1001, 3)),
        ((1, 1, 1, 2), (5, 7)),
        ((1, 5, 3, 4), (1, 1)),
    ],
)
def test_strips_are_what_the_whole_is(rng, shape, size):
    scores = tf.constant(rng.normal(size=shape), tf.float32)
    whole = tf.image.resize(scores, size)
    found = strips.enlarged(scores, size, tf.identity, SCORES)
    np.testing.assert_array_equal(found, whole)
    found = strips.enlarged(scores, size, tf.nn.softmax, SCORES)
    np.testing.assert_allclose(found, tf.nn.softmax(whole), rtol=1e-6)


def test_in_a_graph_of_unknown_sizes(rng):
    numbers = tf.TensorSpec((None, None, None, 3), tf.float32)

    @tf.function(input_signature=[numbers, tf.TensorSpec((2,), tf.int32)])
    def found(scores, size):
        return strips.enlarged(scores, size, class_map, IDS)

    for shape, size in ((2, 36, 48, 3), (77, 101)), ((1, 9, 7, 3), (4, 900)):
        scores = tf.constant(rng.normal(size=shape), tf.float32)
        expected = class_map(tf.image.resize(scores, size))
        np.testing.assert_array_equal(found(scores, size), expected)


def test_they_are_strips(rng):
    """Not a whole in disguise: what is finished at once stays small."""
    seen = []

    def finish(strip):
        seen.append(strip.shape)
        return strip

    scores = tf.constant(rng.normal(size=(1, 8, 10, 4)), tf.float32)
    found = strips.enlarged(scores, (500, 20), finish, SCORES)
    assert found.shape == (1, 500, 20, 4)
    assert len(seen) == 10
    assert set(seen) == {(1, 50, 20, 4)}
