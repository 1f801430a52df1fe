from pathlib import Path

import keras
import numpy as np
import pytest
from narrow_vgg import NARROW, columns_seen, set_weights
from network_laws import NetworkLaws
from networks import call, parameters_of, without_weights

from kerasseg.models.deeplab_v1 import ASPP_S, deeplab_v1, deeplab_v2_vgg16, interpolate
from kerasseg.models.pieces import convolutional_vgg16

pytestmark = pytest.mark.agnostic

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "vgg_dilated.npz")


class TestLaws(NetworkLaws):
    module = "deeplab_v1"


@pytest.mark.parametrize(
    "name, options, parameters",
    [
        ("deeplab_v1", {}, 20_505_429),
        ("deeplab_v1", {"variant": "7x7"}, 134_346_581),
        ("deeplab_v1", {"variant": "4x4"}, 65_140_565),
        ("deeplab_v1", {"variant": "4x4_r8"}, 65_140_565),
        ("deeplab_v2_vgg16", {}, 37_877_652),
        ("deeplab_v2_vgg16", {"rates": ASPP_S}, 37_877_652),
    ],
)
def test_parameters_of_the_paper(name, options, parameters):
    """architectures.md 7.1 and 7.2, by arithmetic; 21 classes."""
    model = without_weights(name, 21, (65, 65, 3), **options)
    assert model.count_params() == parameters_of(model.trainable_weights) == parameters


def test_sizes_of_caffe():
    """321 -> 161 -> 81 -> 41 (ceil mode: 320 -> 161 too); then no more striding."""
    model = deeplab_v1(2, (321, 320, 3), width=NARROW, upsample=False)
    assert model.output_shape == (None, 41, 41, 2)
    pools = [
        layer for layer in model.layers if isinstance(layer, keras.layers.MaxPooling2D)
    ]
    assert [layer.pool_size for layer in pools] == [(3, 3)] * 5
    assert [layer.output.shape[1] for layer in pools] == [161, 81, 41, 41, 41]
    assert [layer.output.shape[2] for layer in pools] == [161, 81, 41, 41, 41]
    assert deeplab_v1(2, (321, 320, 3), width=NARROW).output_shape[1:3] == (321, 320)


def test_pools_look_as_far_as_in_caffe(rng):
    """pool1 of one bright pixel in the corner and one in the middle, by hand."""
    model = deeplab_v1(2, (17, 17, 3), width=NARROW)
    first = next(
        layer for layer in model.layers if isinstance(layer, keras.layers.ZeroPadding2D)
    )
    pool = keras.Model(first.input, model.layers[model.layers.index(first) + 1].output)
    x = np.zeros((1, 17, 17, first.input.shape[-1]), "float32")
    x[0, 0, 0] = 1
    x[0, 7, 8] = 2  # in the windows around rows 6 and 8, and around column 8
    expected = np.zeros((9, 9))
    expected[0, 0] = 1
    expected[3:5, 4] = 2
    np.testing.assert_array_equal(call(pool, x)[0, :, :, 0], expected)


@pytest.mark.parametrize(
    "name, options",
    [
        ("deeplab_v1_large_fov", {"variant": "large_fov"}),
        ("deeplab_v1_4x4_r8", {"variant": "4x4_r8"}),
        ("deeplab_v2_aspp_s", {"rates": ASPP_S}),
    ],
)
def test_equals_torch(name, options):
    picture = np.random.default_rng(7).uniform(0, 255, (1, 21, 18, 3))
    network = deeplab_v2_vgg16 if "v2" in name else deeplab_v1
    model = network(3, (21, 18, 3), width=1 / 32, **options)
    set_weights(model, seed=1)
    found = call(model, picture.astype("float32"))
    expected = GOLDEN[name]
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    "network, options, field",
    [
        (deeplab_v1, {"variant": "large_fov"}, 419),
        (deeplab_v1, {"variant": "7x7"}, 419),
        (deeplab_v1, {"variant": "4x4"}, 323),
        (deeplab_v1, {"variant": "4x4_r8"}, 419),
        (deeplab_v2_vgg16, {}, 611),
        (deeplab_v2_vgg16, {"rates": ASPP_S}, 419),
    ],
)
def test_receptive_field(network, options, field):
    """Around pixel 8 k of logit k."""
    middle = 8 * 41
    model = network(
        2, (193, 2 * middle + 1, 3), width=NARROW, upsample=False, **options
    )
    first, last = middle - field // 2, middle + field // 2
    columns = [first - 1, first, last, last + 1]
    assert columns_seen(model, columns) == [False, True, True, False]


def test_logits_of_the_branches_are_summed(rng):
    image = rng.uniform(0, 255, (1, 17, 25, 3)).astype("float32")
    model = deeplab_v2_vgg16(3, (17, 25, 3), width=1 / 32, upsample=False)
    set_weights(model, seed=1)
    names = [f"fc8_rate{rate}" for rate in (6, 12, 18, 24)]
    branches = keras.Model(model.input, [model.get_layer(n).output for n in names])
    expected = sum(call(branches, image))
    np.testing.assert_allclose(call(model, image), expected, rtol=1e-4)


def test_interpolation_puts_value_k_on_pixel_8k(rng):
    """Equals numpy's linear interpolation, one axis after the other."""
    small = rng.normal(size=(1, 4, 3, 2)).astype("float32")
    found = keras.ops.convert_to_numpy(interpolate(small, (25, 14)))
    expected = np.apply_along_axis(
        lambda v: np.interp(np.arange(25) / 8, np.arange(4), v), 1, small
    )
    expected = np.apply_along_axis(
        lambda v: np.interp(np.arange(14) / 8, np.arange(3), v), 2, expected
    )
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_array_equal(found[:, ::8, ::8], small[:, :, :2])


@pytest.mark.parametrize(
    "variant, places", [("7x7", slice(None)), ("4x4", slice(0, 7, 2))]
)
def test_weights_of_vgg16_are_thinned_out(variant, places, rng):
    check_weights(deeplab_v1(2, (9, 9, 3), variant, width=NARROW), "", places, 1, rng)


def test_weights_of_vgg16_come_into_every_branch(rng):
    """Every third place of 7 x 7, every fourth of the filters."""
    model = deeplab_v2_vgg16(2, (9, 9, 3), width=1 / 32)
    for rate in (6, 12, 18, 24):
        check_weights(model, f"_rate{rate}", slice(0, 7, 3), 4, rng)


def check_weights(model, branch, places, every, rng):
    fc6, fc7 = (model.get_layer(name + branch) for name in ("fc6", "fc7"))
    channels, filters = fc6.kernel.shape[2], every * fc6.filters
    arrays = {
        layer.name.removeprefix("encoder_"): layer.get_weights()
        for layer in model.layers
        if layer.name.startswith("encoder_")
    }
    arrays["fc1"] = [rng.normal(size=(49 * channels, filters)), np.arange(filters)]
    arrays["fc2"] = [rng.normal(size=(filters, filters)), np.arange(filters)]
    convolutional_vgg16.fill(model, arrays)
    full = arrays["fc1"][0].reshape(7, 7, channels, filters)
    kernel, bias = fc6.get_weights()
    np.testing.assert_allclose(kernel, full[places, places, :, ::every], atol=1e-6)
    np.testing.assert_array_equal(bias, np.arange(0, filters, every))
    kernel, _ = fc7.get_weights()
    np.testing.assert_allclose(kernel[0, 0], arrays["fc2"][0][::every, ::every], 1e-5)


def test_errors():
    with pytest.raises(ValueError, match="variant must be one of large_fov, 7x7"):
        deeplab_v1(2, (65, 65, 3), variant="5x5")
    with pytest.raises(ValueError, match="need width=1"):
        deeplab_v2_vgg16(2, (65, 65, 3), width=NARROW, weights="imagenet")
    with pytest.raises(ValueError, match=r'no\.h5.*"none" \(random\)'):
        deeplab_v1(2, (65, 65, 3), weights="no.h5")
