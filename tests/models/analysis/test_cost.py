"""Costs and receptive fields by hand values; architectures.md names their sources."""

import math

import keras
import numpy as np
import pytest
from keras import layers, ops
from receptive_field import make_positive, rows_seen

from kerasseg import upsampling
from kerasseg.models import build
from kerasseg.models.analysis.cost import activation_bytes, multiply_adds, peak_bytes
from kerasseg.models.analysis.receptive_field import (
    output_stride,
    pixels_seen,
    receptive_field,
)

pytestmark = pytest.mark.agnostic


def stack(*parts, shape=(32, 40, 4)):
    image = keras.Input(shape)
    x = image
    for part in parts:
        x = part(x)
    return keras.Model(image, x)


def without_memory(name, classes, shape, **options):
    """The network with shapes of weights only."""
    with keras.StatelessScope(initialize_variables=False):
        return build(name, classes, shape, **options)


@pytest.mark.parametrize(
    "layer, expected",
    [
        (layers.Conv2D(8, 3, padding="same"), 32 * 40 * 9 * 4 * 8),
        (layers.Conv2D(8, 3), 30 * 38 * 9 * 4 * 8),
        (layers.Conv2D(8, 3, groups=2, padding="same"), 32 * 40 * 9 * 2 * 8),
        (layers.Conv2D(8, 3, dilation_rate=2), 28 * 36 * 9 * 4 * 8),
        (layers.Conv2D(8, 5, strides=2, padding="same"), 16 * 20 * 25 * 4 * 8),
        (layers.DepthwiseConv2D(3, padding="same"), 32 * 40 * 9 * 4),
        (
            layers.SeparableConv2D(8, 3, padding="same"),
            32 * 40 * (9 * 4 + 4 * 8),
        ),
        # Each pixel of the input times the whole kernel.
        (layers.Conv2DTranspose(8, 4, strides=2), 32 * 40 * 16 * 4 * 8),
        (layers.Dense(7), 32 * 40 * 4 * 7),
        (layers.MaxPooling2D(2), 0),
    ],
)
def test_multiply_adds_of_one_layer(layer, expected):
    assert multiply_adds(stack(layer)) == expected


def test_multiply_adds_of_volumes_and_products():
    volume = stack(layers.Conv3D(2, 3, padding="same"), shape=(4, 5, 6, 3))
    assert multiply_adds(volume) == 4 * 5 * 6 * 27 * 3 * 2
    image = keras.Input((7, 5))
    product = ops.matmul(image, ops.transpose(image, (0, 2, 1)))
    assert multiply_adds(keras.Model(image, product)) == 7 * 5 * 7
    product = ops.einsum("bnc,bmc->bnm", image, image)
    assert multiply_adds(keras.Model(image, product)) == 7 * 5 * 7


def test_naive_stack():
    """architectures.md, section 0: the sum of k k Cin Cout for each pixel, and 9.7
    GMAC for a hidden layer of 64 filters on 512 x 512."""
    network = without_memory("naive", 11, (512, 512, 3))
    per_pixel = 9 * 3 * 64 + 2 * 9 * 64 * 64 + 64 * 11
    assert multiply_adds(network) == 512 * 512 * per_pixel
    assert 512 * 512 * 9 * 64 * 64 / 1e9 == pytest.approx(9.7, abs=0.05)
    assert receptive_field(network) == (7, 7)
    assert output_stride(network) == (1, 1)
    # The image, it rescaled, three times 64 maps, the logits.
    assert activation_bytes(network) == 4 * 512 * 512 * (3 + 3 + 3 * 64 + 11)
    assert peak_bytes(network) == 4 * 512 * 512 * 2 * 64


def test_peak_keeps_what_is_used_later():
    """Image 4 channels, kept for the end: 4 + 8 + 8 at most, then 4 + 8 + 12."""
    image = keras.Input((2, 2, 4))
    x = layers.ReLU()(layers.Conv2D(8, 1)(image))
    network = keras.Model(image, layers.Concatenate()([image, x]))
    assert peak_bytes(network) == 4 * 4 * (4 + 8 + 12)
    assert activation_bytes(network) == 4 * 4 * (4 + 8 + 8 + 12)


@pytest.mark.parametrize(
    "parts, field, stride",
    [
        ((layers.Conv2D(1, (3, 5)),), (3, 5), (1, 1)),
        ((layers.Conv2D(1, 3, dilation_rate=6),), (13, 13), (1, 1)),
        ((layers.DepthwiseConv2D(5),), (5, 5), (1, 1)),
        # 7, then 3 of them 2 apart, then pooling over two of those: 7 + 4 + 2
        (
            (
                layers.Conv2D(1, 7, strides=2, padding="same"),
                layers.Conv2D(1, 3),
                layers.MaxPooling2D(2),
            ),
            (13, 13),
            (4, 4),
        ),
        # Kernel 2 stride 2 undoes the pooling; kernel 4 sees two of its values.
        ((layers.AveragePooling2D(2), layers.Conv2DTranspose(1, 2, 2)), (2, 2), (1, 1)),
        (
            (layers.MaxPooling2D(2), layers.Conv2DTranspose(1, 4, 2, padding="same")),
            (4, 4),
            (1, 1),
        ),
        ((layers.MaxPooling2D(2), layers.UpSampling2D(2)), (2, 2), (1, 1)),
        (
            (layers.MaxPooling2D(4), lambda x: upsampling.bilinear(x, (32, 40))),
            (8, 8),
            (1, 1),
        ),
        ((layers.MaxPooling2D(2), upsampling.nearest), (2, 2), (1, 1)),
        (
            (layers.ZeroPadding2D(3), layers.Conv2D(1, 3), lambda x: x[:, 5:]),
            (3, 3),
            (1, 1),
        ),
        (
            (lambda x: ops.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="reflect"),),
            (1, 1),
            (1, 1),
        ),
        ((layers.BatchNormalization(), layers.Activation("relu")), (1, 1), (1, 1)),
        (
            (layers.GroupNormalization(2), layers.MaxPooling2D(2)),
            (math.inf,) * 2,
            (2, 2),
        ),
        (
            (
                layers.Conv2D(2, 1),
                layers.GlobalAveragePooling2D(),
                layers.Reshape((1, 1, 2)),
            ),
            (math.inf,) * 2,
            None,
        ),
        (
            (lambda x: x * layers.GlobalMaxPooling2D(keepdims=True)(x),),
            (math.inf,) * 2,
            (1, 1),
        ),
    ],
)
def test_receptive_field_of_few_layers(parts, field, stride):
    network = stack(*parts)
    assert receptive_field(network) == field
    if stride is not None:
        assert output_stride(network) == stride


def test_a_spread_value_sees_the_image_and_has_no_stride():
    """Pooling over all of the map is no different from global pooling."""

    def gate(x):
        pooled = layers.AveragePooling2D((32, 40))(x)
        large = upsampling.bilinear(pooled, (32, 40))
        return layers.Conv2D(4, 3, padding="same")(x) * pooled + large

    network = stack(gate)
    assert receptive_field(network) == (math.inf, math.inf)
    assert output_stride(network) == (1, 1)


def test_volumes():
    network = stack(layers.Conv3D(1, (1, 3, 5), strides=(1, 2, 1)), shape=(8, 9, 10, 1))
    assert receptive_field(network) == (1, 3, 5)
    assert output_stride(network) == (1, 2, 1)


def test_branches_join_where_they_meet():
    """A crop of 5 shifts one branch: rows 5 and 0 to 2 together are 0 to 5."""
    image = keras.Input((20, 20, 1))
    x = layers.Concatenate()(
        [layers.Conv2D(1, 3)(image)[:, :13, :13], image[:, 5:18, 5:18]]
    )
    network = keras.Model(image, x)
    first, last = pixels_seen(network, 0, [0, 4])
    np.testing.assert_array_equal(first, [0, 4])
    np.testing.assert_array_equal(last, [5, 9])
    assert receptive_field(network) == (6, 6)


def test_unet():
    """572 -> 388; a logit sees 188 rows at the best place, 204 at the worst, and pixel
    k of the output lies on pixel k + 92."""
    network = without_memory("unet_valid", 2, (572, 572, 3))
    assert network.output_shape == (None, 388, 388, 2)
    first, last = pixels_seen(network, 0, np.arange(388))
    seen = last - first + 1
    assert (seen.min(), seen.max()) == (188, 204)
    assert first.min() >= 0 and last.max() <= 571
    assert receptive_field(network) == (204, 204)
    assert output_stride(network) == (1, 1)


@pytest.mark.parametrize("border", ["pad100", "same"])
def test_fcn32s(border):
    """Table 1 of the paper: 404 pixels at stride 32."""
    network = build("fcn32s", 3, (500, 500, 3), border=border, width=1 / 64)
    scores = keras.Model(network.input, network.get_layer("score_fr").output)
    assert receptive_field(scores) == (404, 404)
    assert output_stride(scores) == (32, 32)
    # Upsampled, a logit mixes two scores.
    assert receptive_field(network) == (436, 436)
    assert output_stride(network) == (1, 1)


def test_fcn_alexnet():
    network = build("fcn_alexnet", 3, (500, 500, 3), width=1 / 16)
    scores = keras.Model(network.input, network.get_layer("score_fr").output)
    assert receptive_field(scores) == (355, 355)
    assert output_stride(scores) == (32, 32)


@pytest.mark.parametrize("variant, field", [("large_fov", 419), ("4x4", 323)])
def test_deeplab_v1(variant, field):
    options = {"variant": variant, "upsample": False}
    network = without_memory("deeplab_v1", 21, (321, 321, 3), **options)
    assert receptive_field(network) == (field, field)
    assert output_stride(network) == (8, 8)


@pytest.mark.parametrize(
    "name, field", [("dilated_frontend", 380), ("dilation7", 652), ("dilation8", 908)]
)
def test_dilated(name, field):
    options = {"padding": "valid", "width": 1 / 64}
    network = build(name, 3, (1396, 900, 3), **options)
    assert receptive_field(network) == (field, field)
    assert output_stride(network) == (8, 8)


def test_errors():
    with pytest.raises(ValueError, match="network for one size"):
        receptive_field(stack(layers.Conv2D(1, 3), shape=(None, 8, 3)))
    with pytest.raises(ValueError, match="not known how far Flip"):
        receptive_field(stack(lambda x: ops.flip(x, axis=1)))
    inner = stack(layers.Conv2D(4, 3))
    with pytest.raises(ValueError, match="a model of its own"):
        multiply_adds(stack(inner))


@pytest.mark.skipif(
    keras.backend.backend() == "jax", reason="grey is not exactly zero in XLA"
)
@pytest.mark.parametrize(
    "name, size, period, options",
    [
        ("vnet", 304, 8, {"filters": 1, "convolutions": (1, 1, 1, 1)}),
        ("fc_densenet56", 128, 4, {"layers_per_block": (2, 1, 2, 1, 1)}),
        ("unet_reflect", 80, 4, {"filters": 2, "depth": 2}),
        ("residual_unet", 256, 16, {"filters": 1, "repeats": (1,)}),
    ],
)
def test_equals_what_a_bright_row_reaches(name, size, period, options):
    network = build(name, 1, (size, 16, 1), **options)
    make_positive(network)
    middle = size // 2 // period * period
    seen = rows_seen(network, period)
    first, last = pixels_seen(network, 0, np.arange(middle, middle + period))
    np.testing.assert_array_equal(np.stack([first, last], 1) - middle, seen)
