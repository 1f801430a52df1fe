import keras
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the kernel is TensorFlow's"
)


@pytest.fixture
def network():
    keras.utils.set_random_seed(3)
    image = keras.Input((8, 10, 3))
    x = keras.layers.Conv2D(6, 3, padding="same", use_bias=False)(image)
    x = keras.layers.BatchNormalization(momentum=0.7)(x)
    x = keras.layers.ReLU()(x)
    x = keras.ops.image.resize(x, (16, 20), interpolation="bilinear")
    x = keras.layers.DepthwiseConv2D(3, padding="same")(x)
    x = keras.layers.BatchNormalization(momentum=0.7, epsilon=1e-5)(x)
    return keras.Model(image, keras.layers.Conv2D(2, 1)(x))


def step(network, x, y):
    optimizer = keras.optimizers.SGD(0.1)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    network.compile(optimizer, loss, jit_compile=False)
    for _ in range(3):
        value = network.train_on_batch(x, y)
    return float(value)


def test_training_equals_the_stock_layers(network, rng):
    from kerasseg.fit.fused_normalisation import FusedBatchNormalization, fused

    x = rng.normal(size=(4, 8, 10, 3)).astype("float32")
    y = np.eye(2, dtype="float32")[rng.integers(0, 2, (4, 16, 20))]
    copy = fused(network)
    kinds = [type(layer) for layer in copy.layers]
    assert kinds.count(FusedBatchNormalization) == 2
    np.testing.assert_allclose(step(copy, x, y), step(network, x, y), rtol=1e-5)
    for ours, stock in zip(copy.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_allclose(ours, stock, rtol=1e-4, atol=1e-6)


def test_inference_is_the_same(network, rng):
    from kerasseg.fit.fused_normalisation import fused

    x = rng.normal(size=(2, 8, 10, 3)).astype("float32")
    expected = network(x, training=False)
    np.testing.assert_allclose(fused(network)(x, training=False), expected, atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_keeps_float32_statistics(policy, rng):
    from kerasseg.fit.fused_normalisation import FusedBatchNormalization

    x = (3 + 2 * rng.normal(size=(4, 8, 10, 6))).astype("float32")
    kinds = keras.layers.BatchNormalization, FusedBatchNormalization
    stock, ours = (kind(dtype=policy) for kind in kinds)
    expected, found = stock(x, training=True), ours(x, training=True)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(
        keras.ops.cast(found, "float32"), keras.ops.cast(expected, "float32"), atol=0.04
    )
    for a, b in zip(ours.get_weights(), stock.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)


def test_a_frozen_layer_keeps_its_statistics(network, rng):
    from kerasseg.fit.fused_normalisation import fused

    copy = fused(network)
    copy.trainable = False
    before = copy.get_weights()
    copy(rng.normal(size=(2, 8, 10, 3)).astype("float32"), training=True)
    for a, b in zip(before, copy.get_weights(), strict=True):
        assert (a == b).all()
