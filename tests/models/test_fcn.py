"""FCN: sizes, counts and crops of the release; VGG-16's numbers by keras.applications.

Counts and sizes: arithmetic on voc-fcn{32,16,8}s/net.py and voc-fcn-alexnet/net.py of
github.com/shelhamer/fcn.berkeleyvision.org.
"""

import itertools

import keras
import numpy as np
import pytest
from keras import layers
from network_laws import NetworkLaws, tensorflow_only
from networks import call, random_images

from kerasseg.models import fcn
from kerasseg.models.fcn import fcn8s, fcn16s, fcn32s, fcn_alexnet
from kerasseg.models.pieces import convolutional_vgg16
from kerasseg.models.pieces.local_response_normalization import (
    local_response_normalization,
)
from kerasseg.models.pieces.score_upsampling import KINDS, upscore
from kerasseg.upsampling import bilinear_window

VGG = [fcn32s, fcn16s, fcn8s]
NETWORKS = [*VGG, fcn_alexnet]
SMALL = {"width": 1 / 16}
COUNTS = {
    fcn32s: (134_346_581, 134_432_597, 136_152_917),
    fcn16s: (134_357_354, 134_379_194, 134_815_994),
    fcn8s: (134_362_751, 134_368_799, 134_489_759),
    fcn_alexnet: (56_954_261, 57_037_610, 58_704_590),
}


class TestLaws(NetworkLaws):
    module = "fcn"


def sizes(network, *names):
    return [network.get_layer(name).output.shape[1] for name in names]


def randomize(network, seed=0):
    """Random scores: they begin as zeros."""
    rng = np.random.default_rng(seed)
    for layer in network.layers:
        if layer.name.startswith("score_"):
            layer.set_weights([rng.normal(size=w.shape) for w in layer.weights])
    return network


# --- counts and sizes --------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("function", NETWORKS)
def test_parameters_at_full_width(function, kind):
    """All three columns: without upsampling weights, one kernel a class, Caffe's."""
    with keras.StatelessScope(initialize_variables=False):  # shapes of weights only
        network = function(21, (64, 64, 3), upsampling=kind)
    assert network.count_params() == COUNTS[function][KINDS.index(kind)]


def test_the_last_upsampling_is_fixed_and_those_before_it_are_learnt():
    network = fcn8s(21, (64, 64, 3), upsampling="full", **SMALL)
    kernels = {w.path.split("/")[0] for w in network.trainable_weights}
    assert {"upscore_pool4", "upscore_pool3"} <= kernels
    assert [w.path for w in network.non_trainable_weights] == ["upscore/kernel"]


@pytest.mark.agnostic
@pytest.mark.parametrize("function", VGG)
def test_sizes_of_the_release(function):
    network = function(21, (500, 500, 3), **SMALL)
    first = network.get_layer("encoder_block1_conv1").output.shape[1]
    pools = sizes(network, *(f"pool{number}" for number in range(1, 6)))
    assert [first, *pools] == [698, 349, 175, 88, 44, 22]
    assert sizes(network, "fc6", "score_fr") == [16, 16]
    assert network.output_shape == (None, 500, 500, 21)


def test_sizes_of_the_skips():
    network = fcn8s(21, (500, 500, 3), upsampling="full", **SMALL)
    assert sizes(network, "upscore_pool4", "score_pool4", "fuse_pool4") == [34, 44, 34]
    assert sizes(network, "upscore_pool3", "score_pool3", "fuse_pool3") == [70, 88, 70]
    assert sizes(network, "upscore") == [568]
    network = fcn16s(21, (500, 500, 3), upsampling="full", **SMALL)
    assert sizes(network, "upscore_pool4", "upscore") == [34, 560]
    network = fcn32s(21, (500, 500, 3), upsampling="full", **SMALL)
    assert sizes(network, "upscore") == [544]


def test_sizes_of_alexnet():
    network = fcn_alexnet(21, (500, 500, 3), upsampling="full", **SMALL)
    names = ("conv1", "pool1", "conv2", "pool2", "conv5", "pool5", "fc6", "upscore")
    assert sizes(network, *names) == [173, 86, 86, 43, 43, 21, 16, 543]
    assert network.output_shape == (None, 500, 500, 21)


@pytest.mark.parametrize("function", NETWORKS)
@pytest.mark.parametrize("size", [(1, 33), (32, 65), (101, 120), (97, 31)])
def test_any_size(function, size):
    assert function(2, (*size, 3), **SMALL).output_shape == (None, *size, 2)
    if function in VGG:
        network = function(2, (*size, 3), border="same", **SMALL)
        assert network.output_shape == (None, *size, 2)
        assert sizes(network, "score_fr") == [-(-size[0] // 32)]


# --- upsampling --------------------------------------------------------------------


def test_bilinear_windows():
    """By hand: upsample_filt of surgery.py for an even and an odd size."""
    np.testing.assert_allclose(bilinear_window(4), [0.25, 0.75, 0.75, 0.25])
    np.testing.assert_allclose(bilinear_window(3), [0.5, 1, 0.5])
    assert bilinear_window(63)[31] == 1 and bilinear_window(63)[0] == 1 / 32


@pytest.mark.agnostic
@pytest.mark.parametrize("sides", [(4, 2), (16, 8), (3, 2), (63, 32)])
def test_three_kinds_of_upsampling_begin_as_one(sides):
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 3)).astype("float32")
    tensor = keras.Input((3, 4, 3))
    expected = by_hand(x, *sides)
    for kind in KINDS:
        network = keras.Model(tensor, upscore(tensor, *sides, kind, "up"))
        got = keras.ops.convert_to_numpy(network(x))
        np.testing.assert_allclose(got, expected, atol=1e-5)


def by_hand(x, size, stride):
    """Each input spreads its value over a bilinear window."""
    batch, height, width, channels = x.shape
    y = np.zeros(
        (batch, (height - 1) * stride + size, (width - 1) * stride + size, channels)
    )
    factor = (size + 1) // 2
    centre = factor - 1 if size % 2 else factor - 0.5
    for row, column in itertools.product(range(height), range(width)):
        for i, j in itertools.product(range(size), range(size)):
            weight = (1 - abs(i - centre) / factor) * (1 - abs(j - centre) / factor)
            y[:, row * stride + i, column * stride + j] += weight * x[:, row, column]
    return y


@tensorflow_only
def test_inside_it_is_the_bilinear_resize():
    import tensorflow as tf

    x = np.random.default_rng(0).normal(size=(1, 5, 6, 2)).astype("float32")
    tensor = keras.Input((5, 6, 2))
    y = keras.Model(tensor, upscore(tensor, 16, 8, "bilinear", "up"))(x)
    resized = tf.image.resize(x, (40, 48))
    np.testing.assert_allclose(
        y[:, 8:-8, 8:-8], resized[:, 4:-4, 4:-4], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("function", NETWORKS)
def test_three_kinds_of_upsampling_give_the_same_network(function):
    first, *others = (
        randomize(function(3, (45, 60, 3), upsampling=kind, **SMALL)) for kind in KINDS
    )
    image = random_images(1, 45, 60, 3)
    expected = call(first, image)
    for other in others:
        for layer in first.layers:
            if layer.weights:
                other.get_layer(layer.name).set_weights(layer.get_weights())
        got = call(other, image)
        np.testing.assert_allclose(got, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("border", fcn.BORDERS)
@pytest.mark.parametrize(
    ("function", "score", "stride"),
    [
        (fcn32s, "score_fr", 32),
        (fcn16s, "score_fr", 32),
        (fcn16s, "score_pool4", 16),
        (fcn8s, "score_fr", 32),
        (fcn8s, "score_pool4", 16),
        (fcn8s, "score_pool3", 8),
    ],
)
def test_each_score_lies_over_the_pixels_it_came_from(function, score, stride, border):
    """A bright square through convolutions that pass the centre of their window: its
    centre comes back to within what pooling can move it, half a stride."""
    network = function(1, (256, 256, 3), border=border, dropout=0.0, **SMALL)
    for layer in network.layers:
        name = layer.name
        if isinstance(layer, layers.Conv2D) and (name == score or "score" not in name):
            kernel = np.zeros(layer.kernel.shape)
            side = kernel.shape[0] // 2
            kernel[side, side] = 1 / kernel.shape[2]
            layer.set_weights([kernel, np.zeros(layer.bias.shape)])
    for row, column in [(128, 128), (96, 160), (101, 117)]:
        image = np.tile(np.array(fcn.MEAN, "float32"), (1, 256, 256, 1))
        image[:, row - 10 : row + 10, column - 10 : column + 10] += 100
        logits = call(network, image)[0, :, :, 0]
        rows, columns = np.mgrid[:256, :256] + 0.5
        found = [(logits * axis).sum() / logits.sum() for axis in (rows, columns)]
        assert np.abs(np.array(found) - [row, column]).max() <= stride / 2


# --- the start ---------------------------------------------------------------------


@pytest.mark.agnostic
@pytest.mark.parametrize("function", NETWORKS)
def test_a_fresh_network_gives_zeros(function):
    logits = function(4, (40, 50, 3), **SMALL)(random_images(1, 40, 50, 3))
    assert not keras.ops.convert_to_numpy(logits).any()


def test_at_once_scales_the_skips():
    plain, scaled = (
        randomize(fcn8s(2, (40, 50, 3), at_once=at_once, **SMALL))
        for at_once in (False, True)
    )
    for network in (plain, scaled):
        network.get_layer("score_fr").set_weights(
            [np.zeros(w.shape) for w in network.get_layer("score_fr").weights]
        )
    for layer in plain.layers:
        if layer.weights:
            scaled.get_layer(layer.name).set_weights(layer.get_weights())
    for pool, scale in (("pool4", 0.01), ("pool3", 0.0001)):
        for network, factor in ((plain, scale), (scaled, 1)):
            layer = network.get_layer(f"score_{pool}")
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel * factor, bias])
    image = random_images(1, 40, 50, 3)
    expected = call(plain, image)
    np.testing.assert_allclose(call(scaled, image), expected, rtol=1e-3, atol=1e-4)
    assert np.ptp(expected) > 0


def test_unknown_options_say_what_is_known():
    with pytest.raises(ValueError, match="border must be one of"):
        fcn32s(2, (40, 40, 3), border="valid")
    with pytest.raises(ValueError, match="upsampling must be one of"):
        fcn_alexnet(2, (40, 40, 3), upsampling="nearest")
    with pytest.raises(ValueError, match="Weights of VGG16 need width=1"):
        fcn32s(2, (40, 40, 3), width=0.5, weights="imagenet")


# --- receptive fields --------------------------------------------------------------


@tensorflow_only
@pytest.mark.parametrize(("function", "side"), [(fcn32s, 404), (fcn_alexnet, 355)])
def test_receptive_field_of_a_score(function, side):
    """Paper, table 1. Measured: pixels from which a gradient comes. Kernels are
    positive, so that no path dies or cancels; several images, because of each window
    max-pooling passes one."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    network = function(1, (500, 500, 3), width=1 / 32, dropout=0.0)
    for layer in network.layers:
        if isinstance(layer, layers.Conv2D):
            shape = layer.kernel.shape
            kernel = rng.uniform(1, 3, shape) / np.prod(shape[:-1])
            layer.set_weights([kernel, np.ones(layer.bias.shape)])
    scores = keras.Model(network.input, network.get_layer("score_fr").output)
    image = tf.constant(random_images(3, 500, 500, 3))
    with tf.GradientTape() as tape:
        tape.watch(image)
        loss = tf.reduce_sum(scores(image)[:, 8, 8])
    seen = np.abs(tape.gradient(loss, image)).sum((0, 3)) > 0
    for axis in (0, 1):
        places = np.flatnonzero(seen.any(axis))
        assert places[0] > 0 and places[-1] < 499
        assert places[-1] - places[0] + 1 == side


# --- another implementation's numbers ----------------------------------------------


@tensorflow_only
def test_local_response_normalization_is_tensorflows():
    import tensorflow as tf

    x = 50 * np.random.default_rng(0).normal(size=(2, 3, 4, 9)).astype("float32")
    expected = tf.nn.local_response_normalization(x, 2, 1.0, 1e-4 / 5, 0.75)
    np.testing.assert_allclose(local_response_normalization(x), expected, rtol=1e-5)


def narrow_vgg16():
    """keras.applications.VGG16(include_top=True), a sixteenth as wide."""
    reference = keras.applications.VGG16(weights=None, include_top=False)
    x = image = keras.Input((224, 224, 3))
    for layer in reference.layers[1:]:
        config = layer.get_config()
        if "filters" in config:
            config["filters"] //= 16
        x = type(layer).from_config(config)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(256, activation="relu", name="fc1")(x)
    x = layers.Dense(256, activation="relu", name="fc2")(x)
    return keras.Model(image, x)


@pytest.mark.parametrize("border", fcn.BORDERS)
def test_dense_layers_became_convolutions(border):
    """An image of 26 x 26 padded by 99 is 224 x 224: fc6 has one place, and gives what
    the dense layers of VGG-16 give. In the middle of a map padded by zeros too."""
    reference = narrow_vgg16()
    side = 26 if border == "pad100" else 224
    network = fcn32s(5, (side, side, 3), border=border, dropout=0.0, **SMALL)
    arrays = {la.name: la.get_weights() for la in reference.layers if la.weights}
    convolutional_vgg16.fill(network, arrays)
    image = random_images(1, side, side, 3)
    centred = image - np.array(fcn.MEAN, "float32")
    margin = (224 - side) // 2
    padded = np.pad(centred, [(0, 0), (margin, margin), (margin, margin), (0, 0)])
    expected = call(reference, padded)
    fc7 = keras.Model(network.input, network.get_layer("fc7").output)
    got = call(fc7, image)
    assert got.shape[1:3] == ((1, 1) if border == "pad100" else (7, 7))
    middle = got.shape[1] // 2
    np.testing.assert_allclose(
        got[:, middle, middle], expected, atol=1e-4 * expected.max()
    )


@pytest.mark.slow
def test_weights_file_of_the_true_vgg16(tmp_path):
    """0.5 GB: the file of VGG16(include_top=True) goes into FCN-32s."""
    reference = keras.applications.VGG16(weights=None)
    path = tmp_path / "vgg16.weights.h5"
    reference.save_weights(path)
    network = fcn32s(2, (26, 26, 3), weights=str(path))
    image = random_images(1, 26, 26, 3)
    centred = (image - np.array(fcn.MEAN, "float32"))[..., ::-1]  # blue, green, red
    padded = np.pad(centred, [(0, 0), (99, 99), (99, 99), (0, 0)])
    dense = keras.Model(reference.input, reference.get_layer("fc2").output)
    expected = call(dense, padded)
    fc7 = keras.Model(network.input, network.get_layer("fc7").output)
    got = call(fc7, image)[:, 0, 0]
    np.testing.assert_allclose(got, expected, atol=1e-4 * expected.max())


def test_a_missing_weights_file_says_what_is_expected():
    match = r'"none" \(random\) or the path of a file of .*VGG16\(include_top=True\)'
    with pytest.raises(ValueError, match=match):
        convolutional_vgg16.load(keras.Sequential(), "nowhere.h5", width=1.0)
