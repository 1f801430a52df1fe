"""Statistics of batch normalisation for the weights that are judged."""

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy as to_numpy

from kerasseg.fit import statistics

pytestmark = pytest.mark.agnostic


def network_of(frozen=False):
    image = keras.Input((4, 4, 3))
    first = keras.layers.BatchNormalization(name="first", epsilon=1e-5)
    last = keras.layers.BatchNormalization(name="last")
    last.trainable = not frozen
    x = keras.layers.Dropout(0.5, seed=1)(first(image))
    return keras.Model(image, last(keras.layers.Conv2D(2, 1)(x)))


@pytest.fixture
def batches():
    rng = np.random.default_rng(0)
    drawn = (rng.normal(i, 1 + i, (2, 4, 4, 3)) for i in range(3))
    return [(images.astype("float32"),) for images in drawn]


def means(of, batches):
    return np.mean([of(images, axis=(0, 1, 2)) for (images,) in batches], axis=0)


def test_they_are_the_mean_of_those_of_the_batches(batches):
    """By NumPy: population variances, as batch normalisation trains with."""
    network = network_of()
    first, last = (network.get_layer(name) for name in ("first", "last"))
    others = [v for v in network.variables if not v.name.startswith("moving_")]
    before = [to_numpy(v) for v in others]
    assert len(before) == 7  # with the state of dropout
    settle = statistics.Settle(network, batches)
    for _ in range(2):  # the second begins from zero again
        settle()
        mean, variance = means(np.mean, batches), means(np.var, batches)
        np.testing.assert_allclose(to_numpy(first.moving_mean), mean, rtol=1e-5)
        np.testing.assert_allclose(to_numpy(first.moving_variance), variance, rtol=1e-4)
    assert np.abs(to_numpy(last.moving_mean)).max() > 0
    assert (first.momentum, last.momentum) == (0.99, 0.99)
    for variable, was in zip(others, before, strict=True):
        np.testing.assert_array_equal(to_numpy(variable), was)


def test_frozen_layers_and_other_networks_stay(batches):
    network = network_of(frozen=True)
    statistics.Settle(network, batches)()
    assert to_numpy(network.get_layer("first").moving_mean).any()
    assert not to_numpy(network.get_layer("last").moving_mean).any()
    image = keras.Input((4, 4, 3))
    statistics.Settle(keras.Model(image, keras.layers.Conv2D(1, 1)(image)), iter(""))()


def test_a_network_that_trained_with_still_layers_is_judged_with_them(batches):
    """By NumPy: the next layer sees what the still one makes of its own statistics."""
    image = keras.Input((4, 4, 3))
    still = keras.layers.BatchNormalization(name="still", epsilon=1e-5)
    last = keras.layers.BatchNormalization(name="last")
    network = keras.Model(image, last(still(image)))
    still.moving_variance.assign([4.0, 4.0, 4.0])
    settle = statistics.Settle(network, batches, still=[still])
    for _ in range(2):
        settle()
        assert not to_numpy(still.moving_mean).any()
        mean = means(np.mean, batches)
        np.testing.assert_allclose(to_numpy(last.moving_mean), mean / 2, rtol=1e-4)
        assert still.trainable
        assert len(network.trainable_variables) == 4


def test_they_are_those_of_what_the_twin_sees(batches):
    """A network for 4x4 is judged with the statistics of crops of 2x2, twice as light,
    which its twin sees; nothing else of it moves."""

    def built(size):
        image = keras.Input((size, size, 3))
        x = keras.layers.BatchNormalization(name="first", epsilon=1e-5)(image)
        return keras.Model(image, keras.layers.Conv2D(2, 1, name="last")(x))

    judged, twin = built(4), built(2)
    kernel = to_numpy(judged.get_layer("last").kernel)
    pairs = [(images, np.float32(2)) for (images,) in batches]
    statistics.Settle(
        judged, pairs, see=lambda images, light: images[:, :2, :2] * light, twin=twin
    )()
    mean = np.mean([2 * i[:, :2, :2].mean(axis=(0, 1, 2)) for i, _ in pairs], axis=0)
    found = judged.get_layer("first").moving_mean
    np.testing.assert_allclose(to_numpy(found), mean, rtol=1e-5)
    for network in (judged, twin):
        np.testing.assert_array_equal(
            to_numpy(network.get_layer("last").kernel), kernel
        )


@pytest.mark.parametrize(
    ("most", "epoch", "size", "expected"),
    [
        (192, 2**30, (256, 256), (6, 32)),
        (192, 64 * 256 * 256, (256, 256), (2, 32)),  # 48 images, a quarter of the time
        (192, 256 * 256, (256, 256), (1, 32)),
        (192, 2**40, (1024, 2048), (96, 2)),
        (192, 2**40, (8192, 8192), (192, 1)),
        (5, 2**30, (64, 64), (1, 5)),
        (0, 2**30, (64, 64), (0, 0)),
    ],
)
def test_a_short_epoch_spends_a_quarter_of_its_time(most, epoch, size, expected):
    assert statistics.batches_for(most, epoch, size) == expected
