"""What the graph of a network tells of its last activation and of its pixels."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasseg.inference.foreign import graph

IMAGE = (8, 8, 3)


def made(end, begin=lambda x: x):
    """A network that begins and ends so, with a convolution between."""
    image = keras.Input(IMAGE)
    x = layers.Conv2D(2, 1)(begin(image))
    return keras.Model(image, end(x))


def nested(end):
    """A network of one layer, itself a network."""
    inner = keras.Input((8, 8, 2))
    return keras.Model(inner, end(inner))


def two(join, one, other):
    return lambda x: join()([one(x), other(x)])


SOFTMAX, SIGMOID = layers.Softmax, lambda: layers.Activation("sigmoid")
ENDS = {
    "none": [
        lambda x: x,
        lambda x: layers.Conv2D(2, 1)(x),
        lambda x: layers.Activation("linear")(x),
        lambda x: layers.UpSampling2D(2)(layers.Conv2DTranspose(2, 1)(x)),
        lambda x: layers.Add()([x, layers.Conv2D(2, 1)(x)]),
        lambda x: ops.log_softmax(x),
    ],
    "softmax": [
        lambda x: layers.Conv2D(2, 1, activation="softmax")(x),
        lambda x: SOFTMAX()(x),
        lambda x: layers.UpSampling2D(2)(layers.Activation("softmax")(x)),
        lambda x: layers.Activation("linear", dtype="float32")(SOFTMAX()(x)),
        lambda x: ops.softmax(x, axis=-1),
        lambda x: ops.cast(SOFTMAX()(x), "float16"),
        lambda x: SOFTMAX()(layers.Reshape((64, 2))(x)),
        lambda x: nested(lambda y: SOFTMAX()(layers.Conv2D(2, 1)(y)))(x),
        lambda x: layers.Average()([SOFTMAX()(x), SOFTMAX()(layers.Conv2D(2, 1)(x))]),
    ],
    "sigmoid": [
        lambda x: layers.Conv2D(1, 1, activation="sigmoid")(x),
        lambda x: layers.Conv2D(1, 1, activation="hard_sigmoid")(x),
        lambda x: SIGMOID()(x),
        lambda x: ops.sigmoid(x),
        lambda x: ops.squeeze(layers.Conv2D(1, 1, activation="sigmoid")(x), -1),
    ],
    "unknown": [
        lambda x: layers.Conv2D(1, 1, activation="tanh")(x),
        lambda x: layers.ReLU()(x),
        lambda x: SOFTMAX(axis=1)(x),
        lambda x: layers.Add()([SOFTMAX()(x), SOFTMAX()(layers.Conv2D(2, 1)(x))]),
        lambda x: layers.Average()([SOFTMAX()(x), x]),
        lambda x: layers.Multiply()([SOFTMAX()(x), SIGMOID()(x)]),
    ],
}


@pytest.mark.parametrize(
    "found, number", [(f, i) for f, ends in ENDS.items() for i in range(len(ends))]
)
def test_the_last_activation_is_found(found, number):
    assert graph.last_activation(made(ENDS[found][number])) == found


def test_of_a_sequential_network():
    network = keras.Sequential([keras.Input(IMAGE), layers.Conv2D(2, 1), SOFTMAX()])
    assert graph.last_activation(network) == "softmax"


def normalised(x):
    return layers.Normalization(mean=[120.0] * 3, variance=[60.0**2] * 3)(x)


def caffe(x):
    return ops.flip(x, axis=-1) - np.array([103.9, 116.8, 123.7], "f4")


SCALING = (
    lambda x: layers.Rescaling(1 / 255)(x),
    lambda x: layers.Rescaling(1 / 127.5, offset=-1)(layers.RandomFlip()(x)),
    normalised,
    lambda x: x / 255,
    lambda x: x * (1 / 255),
    lambda x: ops.cast(x, "float32") / 255.0,
    caffe,
    lambda x: keras.Sequential([keras.Input(IMAGE), layers.Rescaling(1 / 255)])(x),
)
NOT_SCALING = (
    lambda x: x,
    lambda x: layers.Rescaling(2.0, offset=-1)(x),  # of 0..1
    lambda x: layers.BatchNormalization()(x),
    lambda x: x - 0.5,
    lambda x: layers.Concatenate()([x / 255, x]),
)


@pytest.mark.parametrize("begin", [*SCALING, *NOT_SCALING])
def test_first_layers_tell_what_pixels_are(begin):
    assert graph.scales_pixels(made(SOFTMAX(), begin)) == (begin in SCALING)
