"""The numbers are from the authors' code and its summary (architectures of SimJeg's
FC-DenseNet.py with 11 classes); widths from the README's table."""

import keras
import numpy as np
import pytest
from network_laws import NetworkLaws
from networks import call, parameters_of, without_weights
from receptive_field import make_positive, rows_seen

from kerasseg.models.analysis.receptive_field import pixels_seen
from kerasseg.models.fc_densenet import fc_densenet, fc_densenet56

pytestmark = pytest.mark.agnostic

TINY = {"growth_rate": 2, "first_filters": 4, "layers_per_block": (2, 1, 2)}


class TestLaws(NetworkLaws):
    module = "fc_densenet"


# name: layers per block, growth rate, total and trainable parameters, stack widths
PAPER = {
    56: (
        (4,) * 11,
        12,
        (1_397_963, 1_376_795),
        (96, 144, 192, 240, 288, 336, 384, 336, 288, 240, 192),
    ),
    67: (
        (5,) * 11,
        16,
        (3_502_923, 3_463_243),
        (128, 208, 288, 368, 448, 528, 608, 528, 448, 368, 288),
    ),
    103: (
        (4, 5, 7, 10, 12, 15, 12, 10, 7, 5, 4),
        16,
        (9_425_163, 9_322_091),
        (112, 192, 304, 464, 656, 896, 1088, 816, 576, 384, 256),
    ),
}


@pytest.mark.parametrize("number", PAPER)
def test_the_authors_network(number):
    blocks, growth, counts, widths = PAPER[number]
    model = without_weights(f"fc_densenet{number}", 11, (360, 480, 3))
    assert model.output_shape == (None, 360, 480, 11)
    assert (model.count_params(), parameters_of(model.trainable_weights)) == counts

    convolutions = [
        layer
        for layer in model.layers
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.Conv2DTranspose))
    ]
    assert len(convolutions) == number
    assert all(
        isinstance(layer.kernel_initializer, keras.initializers.HeUniform)
        for layer in convolutions
    )
    dropouts = [la for la in model.layers if isinstance(la, keras.layers.Dropout)]
    assert {layer.rate for layer in dropouts} == {0.2}
    # After every convolution but the first, five transposed ones and the classifier.
    assert len(dropouts) == number - 7

    assert model.get_layer("first").filters == 48
    for block, (count, width) in enumerate(zip(blocks, widths, strict=True)):
        last = model.get_layer(f"block{block}_layer{count - 1}")
        assert last.input.shape[-1] + growth == width
    assert model.get_layer("logits").input.shape[-1] == widths[-1]
    for block in range(6, 11):  # only new maps go up
        up = model.get_layer(f"transition_up{block}")
        assert up.input.shape[-1] == up.filters == growth * blocks[block - 1]


@pytest.mark.parametrize(
    "number, total", [(56, 1_398_156), (67, 3_503_212), (103, 9_425_420)]
)
def test_parameters_with_twelve_classes(number, total):
    """One class more costs as many weights as the last stack is wide, and a bias."""
    widths = PAPER[number][3]
    assert total == PAPER[number][2][0] + widths[-1] + 1
    if number == 56:
        model = without_weights("fc_densenet56", 12, (32, 32, 3))
        assert model.count_params() == total


@pytest.mark.parametrize("size", [(360, 480), (32, 32), (45, 63), (33, 90)])
def test_every_size_comes_out_as_it_went_in(size):
    """360 rows are 180, 90, 45, 22 and 11 on the way down: 22 must become 45 again."""
    model = fc_densenet56(
        3, (*size, 3), growth_rate=1, first_filters=1, layers_per_block=(1,) * 11
    )
    assert model.output_shape == (None, *size, 3)
    heights = [
        model.get_layer(f"transition_up{block}").output.shape[1]
        for block in range(6, 11)
    ]
    if size == (360, 480):
        assert heights == [23, 45, 91, 181, 361]


def what_a_logit_sees():
    """Computed by hand from kernels and strides: 794 to 826 pixels, by its place.
    It does not depend on the number of filters."""
    return fc_densenet56(1, (1728, 32, 3), growth_rate=1, first_filters=1), {794, 826}


def test_what_a_logit_sees():
    model, extremes = what_a_logit_sees()
    first, last = pixels_seen(model, 0, np.arange(864, 896))
    lengths = last - first + 1
    assert {lengths.min(), lengths.max()} == extremes


@pytest.mark.slow
def test_what_a_logit_sees_by_bright_rows():
    model, extremes = what_a_logit_sees()
    make_positive(model)
    seen = rows_seen(model, 32, batch=4)
    lengths = seen[:, 1] - seen[:, 0] + 1
    assert {lengths.min(), lengths.max()} == extremes


def test_batch_statistics_are_those_of_training():
    """The same weights: prediction with the batch's statistics is what the network with
    moving averages computes in training (without dropout)."""
    plain = fc_densenet(3, (20, 24, 3), dropout=0.0, **TINY)
    model = fc_densenet(3, (20, 24, 3), dropout=0.0, batch_statistics=True, **TINY)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if layer.weights:
            weights = [rng.normal(0.1, 0.5, weight.shape) for weight in layer.weights]
            layer.set_weights(weights)
            other = plain.get_layer(layer.name)
            other.set_weights([*weights, *other.get_weights()[len(weights) :]])
    assert (
        parameters_of(model.trainable_weights)
        == parameters_of(plain.trainable_weights)
        == model.count_params()
    )

    image = rng.uniform(0, 255, (3, 20, 24, 3)).astype("float32")
    expected = keras.ops.convert_to_numpy(plain(image, training=True))
    assert np.abs(expected - call(plain, image)).max() > 0.1
    np.testing.assert_allclose(call(model, image), expected, atol=2e-4)
    for training in (False, None):
        found = keras.ops.convert_to_numpy(model(image, training=training))
        np.testing.assert_allclose(found, expected, atol=2e-4)


def test_batch_statistics_update_nothing_and_keep_dropout_off():
    model = fc_densenet(3, (20, 24, 3), dropout=0.5, batch_statistics=True, **TINY)
    image = np.random.default_rng(1).uniform(0, 255, (2, 20, 24, 3)).astype("float32")
    before = model.get_weights()
    first, second = (keras.ops.convert_to_numpy(model(image)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    alone = call(model, image[:1])
    assert np.abs(alone - first[:1]).max() > 1e-4  # an image depends on its batch


def test_options_are_checked():
    with pytest.raises(ValueError, match=r"must be odd in length.*got 4 blocks"):
        fc_densenet(3, (64, 64, 3), layers_per_block=(1, 2, 3, 4))
    with pytest.raises(ValueError, match=r"at least 32 pixels a side, got \(64, 31\)"):
        fc_densenet56(3, (64, 31, 3))
