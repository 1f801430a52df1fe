"""Fake quantisation by hand, its gradient, folding, and what it is for."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kerasseg import models
from kerasseg.export import gate
from kerasseg.export.litert import conversion, fake_quantisation, flatbuffer
from kerasseg.inference import litert


def rounded(x, least, largest, steps=255):
    """Affine rounding with an exact zero, as Jacob et al. 2018, equation 12 and 13."""
    step = (largest - least) / steps
    zero = np.round(-least / step)
    return (np.clip(np.round(x / step) + zero, 0, steps) - zero) * step


def filled(network, seed=0):
    """A mistake must not hide behind zeros and ones."""
    rng = np.random.default_rng(seed)
    for weight in network.weights:
        if weight.path.endswith(("beta", "moving_mean", "bias")):
            weight.assign(rng.normal(0, 0.2, weight.shape))
        if weight.path.endswith(("gamma", "moving_variance")):
            weight.assign(rng.uniform(0.5, 2, weight.shape))
    return network


def test_activations_are_rounded_in_the_mean_range_of_the_batches(rng):
    layer = fake_quantisation.FakeQuantisation()
    batches = [rng.normal(1, 2, (2, 4, 4, 3)).astype("float32") for _ in range(3)]
    for batch in batches:
        layer(batch, training=True)
    least = np.mean([min(batch.min(), 0) for batch in batches])
    largest = np.mean([batch.max() for batch in batches])
    assert float(layer.least) == pytest.approx(least, rel=1e-5)
    given = layer(batches[0], training=False).numpy()
    step = (largest - least) / 255
    # The range is moved by less than a step, so that 0 is one of the 256 values.
    assert np.abs(given - np.clip(batches[0], least, largest)).max() < 1.01 * step
    assert len(np.unique(given.round(4))) <= 256
    assert float(layer(np.zeros((1, 1, 1, 1), "float32"))[0, 0, 0, 0]) == 0


def test_a_range_that_fits_is_rounded_by_the_paper(rng):
    layer = fake_quantisation.FakeQuantisation()
    x = np.append(rng.uniform(-1, 3, 500), [-1.0, 3.0]).astype("float32")
    x = x[None, :, None, None]
    least, largest = -1.0, 3.0
    step = (largest - least) / 255
    least = -np.round(1.0 / step) * step  # zero is a step
    given = layer(x, training=True).numpy()
    np.testing.assert_allclose(given, rounded(x, least, least + 255 * step), atol=1e-5)


def test_kernels_are_rounded_channel_by_channel(rng):
    scales = np.array([1e-3, 1, 50, 0], "float32")
    kernel = rng.normal(size=(3, 3, 5, 4)).astype("float32") * scales
    given = fake_quantisation.rounded_kernel(tf.constant(kernel)).numpy()
    step = np.abs(kernel).max((0, 1, 2)) / 127
    expected = np.round(kernel / np.maximum(step, 1e-12)) * step
    np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-7)


def test_the_gradient_passes_straight_through(rng):
    kernel = tf.constant(rng.normal(size=(3, 3, 2, 4)).astype("float32"))
    weight = rng.normal(size=kernel.shape).astype("float32")
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        loss = tf.reduce_sum(fake_quantisation.rounded_kernel(kernel) * weight)
    np.testing.assert_allclose(tape.gradient(loss, kernel), weight, rtol=1e-6)
    layer = fake_quantisation.FakeQuantisation()
    layer(np.array([[-1.0, 1.0]], "float32"), training=True)
    x = tf.constant([[-5.0, -0.5, 0.0, 0.7, 5.0]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(layer(x))
    np.testing.assert_array_equal(tape.gradient(loss, x)[0], [0, 1, 1, 1, 0])


CONVOLUTIONS = {
    "full": lambda **o: layers.Conv2D(6, 3, strides=2, padding="same", **o),
    "dilated": lambda **o: layers.Conv2D(6, 3, dilation_rate=2, **o),
    "grouped": lambda **o: layers.Conv2D(8, 3, groups=2, **o),
    "depthwise": lambda **o: layers.DepthwiseConv2D(3, depth_multiplier=2, **o),
    "transposed": lambda **o: layers.Conv2DTranspose(5, 2, strides=2, **o),
}


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_folding_is_convolution_and_batch_norm(kind, bias, rng, monkeypatch):
    """Without the rounding the copy is the network; with it nearly."""
    image = keras.Input((8, 10, 4), name="image")
    x = CONVOLUTIONS[kind](use_bias=bias)(image)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    network = filled(keras.Model(image, x))
    inputs = rng.normal(size=(2, 8, 10, 4)).astype("float32")
    expected = network(inputs, training=False)
    copy = fake_quantisation.quantised(network)
    copy(inputs, training=True)
    near = copy(inputs, training=False)
    assert 0 < np.abs(near - expected).max() < 0.05 * np.abs(expected).max()
    monkeypatch.setattr(fake_quantisation, "rounded_kernel", lambda kernel: kernel)
    monkeypatch.setattr(
        fake_quantisation.FakeQuantisation, "call", lambda self, x, **_: x
    )
    exact = fake_quantisation.quantised(network)(inputs, training=True)
    np.testing.assert_allclose(exact, expected, atol=1e-5)


def test_nothing_is_rounded_before_a_relu_and_all_else_is():
    image = keras.Input((8, 8, 3), name="image")
    x = layers.Rescaling(1 / 255, name="rescaling")(image)
    x = layers.BatchNormalization(name="bn")(layers.Conv2D(4, 3, name="conv")(x))
    x = y = layers.ReLU(name="relu")(x)
    x = layers.Conv2D(4, 1, activation="relu", name="own")(x)
    x = layers.ReLU(6.0, name="after")(layers.Add(name="sum")([x, y]))
    x = layers.Dropout(0.5, name="dropout")(layers.MaxPooling2D(name="pool")(x))
    x = layers.Conv2D(2, 1, activation="sigmoid", name="gate")(x)
    x = layers.Conv2D(2, 1, name="logits")(x)
    copy = fake_quantisation.quantised(keras.Model(image, x))
    rounds = {
        layer.name
        for layer in copy.layers
        if layer.name.endswith(fake_quantisation.SUFFIX)
    }
    names = "rescaling relu own after gate_sum gate logits".split()
    assert rounds == {f"{name}{fake_quantisation.SUFFIX}" for name in names}


def test_all_of_a_network_becomes_int8(rng):
    """Also what joins maps of different ranges, up-convolutions and gates."""
    image = keras.Input((8, 8, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = y = layers.Conv2D(4, 3, padding="same", activation="relu", name="one")(x)
    x = layers.DepthwiseConv2D(3, padding="same", name="two")(layers.MaxPooling2D()(x))
    x = layers.Conv2DTranspose(4, 2, strides=2, use_bias=False, name="up")(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Concatenate()([x, y])
    x = layers.Multiply()([x, layers.Conv2D(8, 1, activation="sigmoid")(x)])
    network = filled(keras.Model(image, layers.Conv2D(2, 1, name="logits")(x)))
    images = rng.integers(0, 256, (4, 8, 8, 3)).astype("float32")
    copy = fake_quantisation.quantised(network)
    copy(images, training=True)
    data = conversion.convert(
        fake_quantisation.with_ranges(network, fake_quantisation.ranges(copy)), "learnt"
    )
    count = flatbuffer.operators(flatbuffer.split(data, ["class_map"]))
    assert count["DEQUANTIZE"] == 0
    assert (count["CONV_2D"], count["TRANSPOSE_CONV"]) == (3, 1)
    assert not [name for name in count if name.startswith("CUSTOM")]


def test_statistics_stay_and_weights_go_back(rng):
    keras.utils.set_random_seed(0)
    network = filled(models.build("unet_small", 3, (16, 24, 3), filters=4, depth=1))
    before = [weight.numpy() for weight in network.weights]
    copy = fake_quantisation.quantised(network)
    image = rng.uniform(0, 255, (2, 16, 24, 3)).astype("float32")
    copy.compile(keras.optimizers.SGD(0.1), loss="mse", jit_compile=False)
    copy.train_on_batch(image, np.ones((2, 16, 24, 3), "float32"))
    fake_quantisation.give_back(copy, network)
    changed = {
        weight.path.split("/")[-1]
        for weight, old in zip(network.weights, before, strict=True)
        if (weight.numpy() != old).any()
    }
    assert changed == {"kernel", "bias", "gamma", "beta"}
    assert not any(
        type(layer).__module__.startswith("kerasseg") for layer in network.layers
    )


def stripes(rng, count):
    """Batches of nearly equal greys in noise, and which grey it was."""
    label = rng.integers(0, 3, (count, 4, 6)).repeat(4, 1).repeat(4, 2)
    grey = 122 + 6 * label[..., None] + rng.normal(0, 4, (count, 16, 24, 3))
    return np.clip(grey.round(), 0, 255).astype(np.uint8), label.astype(np.uint8)


def spread_channels(network, rng, most):
    """The same function in floating point, badly spread: channels before a ReLU times
    up to `most`, and what reads them divided by it."""
    names = [layer.name for layer in network.layers]
    for norm in (n for n in names if n.startswith("norm")):
        factor = np.exp(rng.uniform(0, np.log(most), 8)).astype("float32")
        gamma, beta, *_ = network.get_layer(norm).weights
        gamma.assign(gamma * factor)
        beta.assign(beta * factor)
        reader = network.get_layer(f"conv{int(norm[-1]) + 1}").kernel
        reader.assign(reader / factor[:, None])


@pytest.mark.processes
def test_fine_tuning_gives_back_what_int8_loses(tmp_path, rng):
    keras.utils.set_random_seed(0)
    image = x = keras.Input((16, 24, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1)(x)
    for number, kernel in ((1, 5), (2, 3)):
        x = layers.Conv2D(8, kernel, padding="same", name=f"conv{number}")(x)
        x = layers.BatchNormalization(momentum=0.8, name=f"norm{number}")(x)
        x = layers.ReLU()(x)
    network = keras.Model(image, layers.Conv2D(3, 1, name="conv3")(x), name="net")
    images, labels = stripes(rng, 512)

    def fit(model, rate, epochs):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        adam = keras.optimizers.Adam(rate)
        model.compile(optimizer=adam, loss=loss, jit_compile=False)
        model.fit(images, labels, 16, epochs, verbose=0)

    def scores(data):
        file = conversion.finish(data, tmp_path / "int8.tflite", "net")
        unseen = [dict(zip(("image", "label"), map(tf.constant, unknown), strict=True))]
        return [row["miou"] for row in gate.check(network, {"int8": file}, unseen)]

    unknown = stripes(np.random.default_rng(1), 64)
    fit(network, 1e-2, 6)
    spread_channels(network, rng, 100)
    before, plain = scores(conversion.convert(network, "int8", images[:16]))
    assert before > 0.9
    assert plain < before - 0.05
    copy = fake_quantisation.quantised(network)
    fit(copy, 1e-3, 4)
    fake_quantisation.give_back(copy, network)
    again = fake_quantisation.with_ranges(network, fake_quantisation.ranges(copy))
    data = conversion.convert(again, "learnt")
    _, tuned = scores(data)
    assert tuned > before - 0.01
    ids = copy.predict(unknown[0].astype("float32"), verbose=0).argmax(-1)
    file = litert.Model(tmp_path / "int8.tflite", threads=1)
    given = np.stack([file.class_map(image) for image in unknown[0]])
    assert (given == ids).mean() > 0.999
    count = flatbuffer.operators(flatbuffer.split(data, ["class_map"]))
    # The image is rescaled in float32, all else is int8: ARG_MAX too.
    assert count == dict(CAST=2, MUL=1, ADD=1, QUANTIZE=1, CONV_2D=3, ARG_MAX=1)
