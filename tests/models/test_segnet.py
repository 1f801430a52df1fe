"""SegNet and SegNet-Basic: counts and sizes of the release, receptive fields, VGG-16.

Counts: arithmetic on Models/segnet_train.prototxt and segnet_basic_train.prototxt of
github.com/alexgkendall/SegNet-Tutorial.
"""

import keras
import numpy as np
import pytest
from keras import layers
from network_laws import NetworkLaws, tensorflow_only
from networks import call, parameters_of, random_images, without_weights

from kerasseg.models.segnet import segnet, segnet_basic

CAMVID = (360, 480, 3)


class TestLaws(NetworkLaws):
    module = "segnet"


# --- counts and sizes --------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "use_bias", "classes", "trainable", "total"),
    [
        ("segnet", True, 11, 29_449_355, 29_465_227),
        ("segnet", False, 11, 29_441_419, 29_457_291),
        ("segnet", True, 12, 29_449_932, 29_465_804),
        ("segnet_basic", True, 11, 1_416_587, 1_417_611),
        ("segnet_basic", False, 11, 1_416_075, 1_417_099),
    ],
)
def test_parameters(name, use_bias, classes, trainable, total):
    network = without_weights(name, classes, (32, 32, 3), use_bias=use_bias)
    assert parameters_of(network.trainable_weights) == trainable
    assert network.count_params() == total


def test_parameters_of_the_encoder():
    """13 convolutions of VGG-16 (14,714,688) and scale and offset for each filter."""
    network = without_weights("segnet", 11, (32, 32, 3))
    encoder = [w for w in network.trainable_weights if w.path.startswith("encoder_")]
    assert parameters_of(encoder) == 14_723_136


@pytest.mark.agnostic
def test_sizes_at_camvid_size():
    network = segnet(11, CAMVID, width=1 / 16)
    names = [f"encoder_block{number}_conv1" for number in range(1, 6)]
    maps = [network.get_layer(name).output.shape[1:3] for name in names]
    assert maps == [(360, 480), (180, 240), (90, 120), (45, 60), (23, 30)]
    names = [f"decoder_block{number}_conv1" for number in range(5, 1, -1)]
    maps = [network.get_layer(name).output.shape[1:4] for name in names]
    assert maps == [(23, 30, 32), (45, 60, 16), (90, 120, 8), (180, 240, 4)]
    assert network.output_shape == (None, 360, 480, 11)


def test_sizes_of_basic_at_camvid_size():
    network = segnet_basic(11, CAMVID, filters=4)
    rows = [network.get_layer(f"encoder_conv{n}").output.shape[1] for n in (1, 2, 3, 4)]
    assert rows == [360, 180, 90, 45]
    assert network.output_shape == (None, 360, 480, 11)


@pytest.mark.parametrize("function", [segnet, segnet_basic])
@pytest.mark.parametrize("size", [(1, 1), (31, 37), (64, 50)])
def test_any_size(function, size):
    small = {"width": 1 / 16} if function is segnet else {"filters": 2}
    network = function(2, (*size, 3), **small)
    logits = call(network, random_images(1, *size, 3))
    assert logits.shape == (1, *size, 2)
    assert np.isfinite(logits).all()


# --- structure ---------------------------------------------------------------------


def test_only_the_decoder_of_basic_has_no_relu():
    def relus(network):
        return sum(isinstance(layer, layers.ReLU) for layer in network.layers)

    assert relus(segnet(2, (32, 32, 3), width=1 / 16)) == 13 + 12
    assert relus(segnet_basic(2, (32, 32, 3), filters=2)) == 4


def test_batch_normalization_starts_as_in_the_release():
    network = segnet_basic(2, (32, 32, 3), filters=2)
    gamma, beta, _, _ = network.get_layer("encoder_conv1_bn").get_weights()
    np.testing.assert_allclose(gamma, 1)
    np.testing.assert_allclose(beta, 0.001)


def test_dropout_is_where_bayesian_segnet_has_it():
    """After pool3, pool4, pool5, conv5_1_D, conv4_1_D and conv3_1_D."""
    network = segnet(2, (32, 32, 3), width=1 / 16, dropout=0.5)
    found = [la for la in network.layers if isinstance(la, layers.Dropout)]
    assert [la.output.shape[1] for la in found] == [4, 2, 1, 2, 4, 8]
    assert all(la.rate == 0.5 for la in found)


def test_values_go_back_where_they_came_from():
    """SegNet-Basic as identity: every convolution passes its centre. Only the largest
    of the pixels that each 16 x 16 block holds comes back, at its own place."""
    network = segnet_basic(1, (32, 48, 3), filters=3)
    for layer in network.layers:
        if isinstance(layer, layers.Conv2D):
            kernel = np.zeros(layer.kernel.shape)
            side = kernel.shape[0] // 2
            channels = np.arange(kernel.shape[3])
            kernel[side, side, channels, channels] = 1
            layer.set_weights([kernel, np.zeros(layer.bias.shape)])
        if isinstance(layer, layers.BatchNormalization):
            zeros, ones = np.zeros(3), np.ones(3)
            layer.set_weights([ones, zeros, zeros, ones - layer.epsilon])
    image = np.zeros((1, 32, 48, 3), "float32")
    image[..., 0] = random_images(1, 32, 48)
    logits = call(network, image)[0, ..., 0]
    expected = np.zeros((32, 48))
    for top in (0, 16):
        for left in (0, 16, 32):
            block = image[0, top : top + 16, left : left + 16, 0]
            row, column = np.unravel_index(block.argmax(), block.shape)
            value = block[row, column]  # the response of one channel alone, by hand
            expected[top + row, left + column] = (
                value / (1 + 1e-4 / 5 * value**2) ** 0.75
            )
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)


# --- receptive fields --------------------------------------------------------------


def receptive_field(network, last, size):
    """Rows and columns of the pixels from which a gradient comes to one place of the
    pooled map. Kernels are positive, so that no path dies or cancels; several images,
    because max-pooling passes one pixel of each window."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, layers.Conv2D):
            shape = layer.kernel.shape
            kernel = rng.uniform(1, 3, shape) / np.prod(shape[:-1])
            layer.set_weights([kernel, np.ones(layer.bias.shape)])
    pooled = layers.MaxPooling2D(2)(network.get_layer(last).output)
    model = keras.Model(network.input, pooled)
    image = tf.constant(random_images(8, size, size, 3))
    with tf.GradientTape() as tape:
        tape.watch(image)
        y = model(image, training=False)
        loss = tf.reduce_sum(y[:, y.shape[1] // 2, y.shape[2] // 2])
    seen = np.abs(tape.gradient(loss, image)).sum((0, 3)) > 0
    found = []
    for axis in (0, 1):
        places = np.flatnonzero(seen.any(axis))
        assert places[0] > 0 and places[-1] < size - 1
        found.append(int(places[-1] - places[0] + 1))
    return found


@tensorflow_only
def test_receptive_field_of_the_encoder():
    network = segnet(1, (320, 320, 3), width=1 / 16)
    assert receptive_field(network, "encoder_block5_conv3_bn", 320) == [212, 212]


@tensorflow_only
def test_receptive_field_of_basic():
    """106 x 106 pixels (paper, section 5.1)."""
    network = segnet_basic(1, (176, 176, 3), filters=4)
    assert receptive_field(network, "encoder_conv4_bn", 176) == [106, 106]


# --- weights -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "use_bias", [True, pytest.param(False, marks=pytest.mark.slow)]
)
def test_encoder_takes_the_weights_of_vgg16(tmp_path, use_bias):
    """With batch normalization as identity, the first two blocks give what
    keras.applications.VGG16 gives (blue, green, red; its own preprocess_input)."""
    keras.utils.set_random_seed(0)
    reference = keras.applications.VGG16(weights=None, include_top=False)
    path = tmp_path / "vgg16.weights.h5"
    reference.save_weights(path)
    network = segnet(2, (32, 48, 3), use_bias=use_bias, weights=str(path))
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            ones, zeros = np.ones(layer.gamma.shape), np.zeros(layer.gamma.shape)
            layer.set_weights([ones, zeros, zeros, ones - layer.epsilon])
    image = random_images(1, 32, 48, 3)
    expected = call(
        keras.Model(reference.input, reference.get_layer("block5_conv3").output),
        keras.applications.vgg16.preprocess_input(image.copy()),
    )
    last = network.get_layer("encoder_block5_conv3_bn").output
    got = call(keras.Model(network.input, layers.ReLU()(last)), image)
    np.testing.assert_allclose(got, expected, atol=1e-4 * expected.max())


def test_narrow_networks_take_no_weights():
    with pytest.raises(ValueError, match="Weights of VGG16 need width=1"):
        segnet(2, (32, 32, 3), width=0.5, weights="imagenet")
