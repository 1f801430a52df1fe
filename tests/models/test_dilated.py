from pathlib import Path

import keras
import numpy as np
import pytest
from narrow_vgg import NARROW, columns_seen, set_weights
from network_laws import NetworkLaws
from networks import call, parameters_of, without_weights
from receptive_field import make_positive

from kerasseg.models import build
from kerasseg.models.dilated import (
    context_module,
    dilated_frontend,
    dilation7,
    dilation8,
    dilation10,
)
from kerasseg.models.pieces import convolutional_vgg16

pytestmark = pytest.mark.agnostic

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "vgg_dilated.npz")
DILATION7 = (1, 1, 2, 4, 8, 1)
DILATION8 = (1, 1, 2, 4, 8, 16, 1)
DILATION10 = (1, 1, 2, 4, 8, 16, 32, 64, 1)


class TestLaws(NetworkLaws):
    module = "dilated"


def context(classes, size=9, **options):
    maps = keras.Input((size, size, classes))
    return keras.Model(maps, context_module(maps, **options))


@pytest.mark.parametrize(
    "name, classes, options, parameters",
    [
        ("dilated_frontend", 21, {}, 134_346_581),
        ("dilated_frontend", 19, {}, 134_338_387),
        ("dilated_frontend", 11, {}, 134_305_611),
        ("dilation7", 11, {}, 134_305_611 + 6_732),
        ("dilation8", 11, {}, 134_313_443),
        ("dilation8", 21, {"context": "large"}, 141_149_720),
        ("dilation10", 19, {}, 134_368_179),
    ],
)
def test_parameters_of_the_paper(name, classes, options, parameters):
    """architectures.md 6.3, by arithmetic. Counted without filling half a gigabyte."""
    model = without_weights(name, classes, (64, 64, 3), **options)
    assert model.count_params() == parameters_of(model.trainable_weights) == parameters


@pytest.mark.parametrize(
    "classes, options, count",
    [
        (21, {}, 28_392),
        (11, {}, 7_832),
        (11, {"dilations": DILATION7}, 6_732),
        (19, {"dilations": DILATION10}, 29_792),
        (21, {"context": "large"}, 6_803_139),
    ],
)
def test_parameters_of_the_context_module(classes, options, count):
    assert context(classes, **options).count_params() == count


def test_widths_of_table_1():
    def widths(**options):
        model = context(2, **options)
        return [layer.filters // 2 for layer in model.layers if layer.weights]

    assert widths() == [1] * 8
    assert widths(context="large") == [2, 2, 4, 8, 16, 32, 32, 1]


@pytest.mark.parametrize("size, out", [(900, 66), (1396, 128), (628, 32), (500, 16)])
@pytest.mark.parametrize("name", ["dilated_frontend", "dilation8"])
def test_sizes_without_padding(name, size, out):
    model = build(name, 2, (size, 380, 3), width=NARROW, padding="valid")
    assert model.output_shape == (None, out, 1, 2)


@pytest.mark.parametrize("size", [(8, 8), (64, 61), (187, 200), (1, 3)])
def test_mirrored_border_takes_any_size(size):
    model = dilated_frontend(2, (*size, 3), width=NARROW)
    assert model.output_shape == (None, *size, 2)
    assert model.get_layer("fc8").output.shape[1:3] == tuple(-(-n // 8) for n in size)


def test_mirrored_border_is_the_valid_network_on_a_mirrored_image(rng):
    """numpy's "reflect" mirrors more than once too, as OpenCV's BORDER_REFLECT_101."""
    image = rng.uniform(0, 255, (1, 40, 204, 3)).astype("float32")
    model = dilated_frontend(2, (40, 204, 3), width=NARROW)
    padded = np.pad(image, ((0, 0), (186, 186), (186, 190), (0, 0)), mode="reflect")
    valid = dilated_frontend(2, padded.shape[1:], width=NARROW, padding="valid")
    for network in (model, valid):
        set_weights(network, seed=0)
    expected = call(valid, padded)
    scores = keras.Model(model.input, model.get_layer("fc8").output)
    found = call(scores, image)
    assert expected.shape == (1, 5, 26, 2)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(
    "name, options, image",
    [("basic", {}, (24, 19)), ("large", {"padding": "valid"}, (388, 404))],
)
def test_equals_torch(name, options, image):
    picture = np.random.default_rng(7).uniform(0, 255, (*image, 3))
    model = dilation8(3, (*image, 3), context=name, width=1 / 32, **options)
    set_weights(model, seed=3)
    found = call(model, picture[None].astype("float32"))
    np.testing.assert_allclose(found, GOLDEN[f"dilation8_{name}"], atol=1e-4)


@pytest.mark.parametrize(
    "kind, dilations",
    [
        ("basic", DILATION7),
        ("basic", DILATION8),
        ("basic", DILATION10),
        ("large", DILATION8),
    ],
)
def test_context_starts_as_identity(kind, dilations, rng):
    """Exactly, for numbers of which 32nd parts add up without rounding."""
    maps = rng.integers(-50, 51, (1, 12, 13, 3)).astype("float32")
    inputs = keras.Input(maps.shape[1:])
    model = keras.Model(inputs, context_module(inputs, dilations, kind, noise=0.0))
    found = call(model, maps)
    np.testing.assert_array_equal(found, np.maximum(maps, 0))


def test_large_context_keeps_classes_apart_on_the_way():
    """Equation 5: every copy of a class sees its own class only, in equal shares."""
    model = context(3, context="large", noise=0.0)
    kernels = [layer.kernel for layer in model.layers if layer.weights]
    for kernel in map(keras.ops.convert_to_numpy, kernels):
        *_, before, after = kernel.shape
        centre = kernel[kernel.shape[0] // 2, kernel.shape[1] // 2]
        assert np.count_nonzero(kernel) == np.count_nonzero(centre)
        owner = np.equal.outer(
            np.repeat(np.arange(3), before // 3), np.repeat(np.arange(3), after // 3)
        )
        np.testing.assert_array_equal(centre, owner * 3 / after)


def test_noise_of_the_context_module():
    keras.utils.set_random_seed(0)
    model = context(20, noise=0.01)
    for layer in model.layers[1:]:
        kernel = keras.ops.convert_to_numpy(layer.kernel)
        centre = kernel[kernel.shape[0] // 2, kernel.shape[1] // 2]
        np.testing.assert_array_equal(np.diag(centre), 1)
        others = np.sort(kernel.ravel())[:-20]
        assert np.std(others) == pytest.approx(0.01, rel=0.2)
        assert not np.any(keras.ops.convert_to_numpy(layer.bias))


@pytest.mark.parametrize(
    "kind, dilations, field",
    [
        ("basic", DILATION7, 35),
        ("basic", DILATION8, 67),
        ("basic", DILATION10, 259),
        ("large", DILATION8, 67),
    ],
)
def test_receptive_field_of_the_context_module(kind, dilations, field):
    """Table 1: which inputs reach the middle output."""
    width = field + 4
    inputs = keras.Input((1, width, 1))
    model = keras.Model(inputs, context_module(inputs, dilations, kind))
    make_positive(model)
    points = np.eye(width, dtype="float32")[:, None, :, None]
    middle = call(model, points)[:, 0, width // 2, 0]
    np.testing.assert_array_equal(np.flatnonzero(middle), np.arange(2, field + 2))


@pytest.mark.parametrize(
    "depth, field", list(enumerate((3, 5, 9, 17, 33, 65, 67, 67), 1))
)
def test_receptive_field_of_each_layer(depth, field):
    inputs = keras.Input((1, 71, 1))
    model = keras.Model(inputs, context_module(inputs))
    make_positive(model)
    part = keras.Model(inputs, model.layers[depth].output)
    points = np.eye(71, dtype="float32")[:, None, :, None]
    seen = call(part, points)[:, 0, 35, 0] > 0
    assert np.count_nonzero(seen) == field


@pytest.mark.parametrize(
    "network, field",
    [(dilated_frontend, 380), (dilation7, 652), (dilation8, 908), (dilation10, 2444)],
)
def test_receptive_field_of_the_network(network, field):
    """One row of logits; the middle one begins 8 columns from the left."""
    size = (380, field + 16, 3)
    model = network(2, size, width=NARROW, padding="valid")
    columns = [7, 8, field + 7, field + 8]
    assert columns_seen(model, columns) == [False, True, True, False]


def test_weights_of_vgg16_come_in(rng):
    """fc1 of VGG16 on its flattened 7 x 7 map is fc6 on that map."""
    model = dilated_frontend(2, (64, 64, 3), width=NARROW)
    arrays = {
        layer.name.removeprefix("encoder_"): [
            rng.normal(size=weight.shape) for weight in layer.weights
        ]
        for layer in model.layers
        if layer.name.startswith("encoder_")
    }
    arrays["fc1"] = [rng.normal(size=(7 * 7 * 8, 64)), rng.normal(size=64)]
    arrays["fc2"] = [rng.normal(size=(64, 64)), rng.normal(size=64)]
    convolutional_vgg16.fill(model, arrays)
    kernel, bias = model.get_layer("fc6").get_weights()
    maps = rng.normal(size=(7, 7, 8))
    np.testing.assert_allclose(
        np.tensordot(maps, kernel, 3) + bias,
        maps.ravel() @ arrays["fc1"][0] + arrays["fc1"][1],
        atol=1e-4,
    )
    kernel, _ = model.get_layer("encoder_block5_conv3").get_weights()
    np.testing.assert_allclose(kernel, arrays["block5_conv3"][0], atol=1e-6)
    assert model.get_layer("fc8").kernel.shape == (1, 1, 64, 2)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"padding": "valid"}, "372 plus a multiple of 8.* to 500 or 508, or use"),
        ({"padding": "same"}, "padding must be one of"),
        ({"context": "small"}, "context must be one of"),
        ({"weights": "imagenet"}, "need width=1, got 0.015625"),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        dilation8(2, (504, 504, 3), width=NARROW, **options)
    with pytest.raises(ValueError, match="pad the image to 380, or use"):
        dilated_frontend(2, (379, 380, 3), padding="valid")
