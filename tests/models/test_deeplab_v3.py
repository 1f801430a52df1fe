"""DeepLab v2 (ResNet), v3 and v3+: counts, rates and shapes of the papers."""

import keras
import numpy as np
import pytest
from keras import ops
from network_laws import NetworkLaws
from networks import call, parameters_of, random_images
from networks import without_weights as structure

from kerasseg.models import build
from kerasseg.models.pieces.aspp import aspp

pytestmark = pytest.mark.agnostic
BETA = {"encoder_options": {"stem": "beta"}}
BIASED = {"encoder_options": {"conv_bias": True}}
NARROW = {"encoder_options": {"width": 0.125}, "weights": "none"}


class TestLaws(NetworkLaws):
    module = "deeplab_v3"


class TestLawsOfV2(NetworkLaws):
    module = "deeplab_v2_resnet"


def without_weights(name, classes=21, size=(65, 65), **options):
    return structure(name, classes, (*size, 3), weights="none", **options)


# architectures.md 7.2, 8 and 9, 21 classes. The papers' networks come first, with no
# option; None where the table has no number.
@pytest.mark.parametrize(
    "name, options, trainable, total",
    [
        ("deeplab_v3_resnet50", {}, 39_048_533, 39_104_725),
        ("deeplab_v3_resnet101", {}, 58_040_661, 58_149_077),
        ("deeplab_v3_resnet101", BETA, 58_164_437, 58_273_237),
        ("deeplab_v3_resnet50", BETA, 39_172_309, 39_228_885),
        ("deeplab_v3_mobilenet_v2", {}, 2_113_557, 2_146_645),
        (
            "deeplab_v3_mobilenet_v2",
            {"rates": (6, 12, 18)},
            4_523_541,
            4_558_165,
        ),
        ("deeplab_v3plus_xception65", {}, 41_055_413, 41_258_213),
        ("deeplab_v3plus_xception65", {"classes": 19}, None, 41_257_699),
        ("deeplab_v3plus_resnet50", {}, 40_352_181, 40_409_493),
        ("deeplab_v3plus_resnet101", {}, 59_344_309, 59_453_845),
        ("deeplab_v3plus_resnet50", {"separable": True}, 26_696_133, 26_766_853),
        ("deeplab_v3plus_resnet101", {"separable": True}, 45_688_261, 45_811_205),
        ("deeplab_v3plus_mobilenet_v2", {}, 2_719_813, 2_758_597),
        (  # the authors' low-level map: 144 channels in place of 24, reduced to 48
            "deeplab_v3plus_mobilenet_v2",
            {"low_level": "encoder_block_2_depthwise_relu"},
            2_719_813 + (144 - 24) * 48,
            2_758_597 + (144 - 24) * 48,
        ),
        ("deeplab_v2_resnet101", {}, 44_048_532, 44_153_876),
        (  # keras.applications.ResNet101 is larger by its biases
            "deeplab_v2_resnet101",
            BIASED,
            44_048_532 + 42_658_176 - 42_605_504,
            44_153_876 + 42_658_176 - 42_605_504,
        ),
    ],
)
def test_parameters(name, options, trainable, total):
    model = without_weights(name, **options)
    assert model.count_params() == total
    assert trainable in (None, parameters_of(model.trainable_weights))


@pytest.mark.parametrize("name", ["deeplab_v3_resnet50", "deeplab_v3plus_resnet101"])
@pytest.mark.parametrize(
    "output_stride, units, branches",
    [(16, (2, 4, 8), (6, 12, 18)), (8, (4, 8, 16), (12, 24, 36))],
)
def test_multi_grid_and_aspp_rates(name, output_stride, units, branches):
    """Section 8: final rates of block 4 are 2 (1, 2, 4) at stride 16, doubled at 8."""
    model = without_weights(name, output_stride=output_stride)
    for unit, rate in enumerate(units, 1):
        layer = model.get_layer(f"encoder_conv5_block{unit}_2_conv")
        assert layer.dilation_rate == (rate, rate)
    for rate in branches:
        layer = model.get_layer(f"aspp_rate{rate}_conv")
        assert layer.dilation_rate == (rate, rate)
        assert layer.kernel_size == (3, 3)
        assert not layer.use_bias


@pytest.mark.parametrize("output_stride, middle, last", [(16, 1, 2), (8, 2, 4)])
def test_xception_rates(output_stride, middle, last):
    """Section 9: exit blocks have rates (1, 2) at stride 16; at 8 the middle flow has 2
    and the exit blocks (2, 4)."""
    model = without_weights("deeplab_v3plus_xception65", output_stride=output_stride)
    for name, rate in {
        "encoder_entry_block3_3_depthwise": 1,
        "encoder_middle_unit1_1_depthwise": middle,
        "encoder_middle_unit16_3_depthwise": middle,
        "encoder_exit_block1_2_depthwise": middle,
        "encoder_exit_block2_3_depthwise": last,
    }.items():
        assert model.get_layer(name).dilation_rate == (rate, rate)


@pytest.mark.parametrize(
    "name, output_stride, deepest",
    [
        ("deeplab_v3_resnet101", 16, (33, 33, 2048)),
        ("deeplab_v3_resnet101", 8, (65, 65, 2048)),
        ("deeplab_v3_mobilenet_v2", 16, (33, 33, 320)),
        ("deeplab_v3plus_xception65", 16, (33, 33, 2048)),
    ],
)
def test_shapes_of_a_513_crop(name, output_stride, deepest):
    model = without_weights(name, size=(513, 513), output_stride=output_stride)
    assert tuple(model.get_layer("aspp_point_conv").input.shape[1:]) == deepest
    assert model.output_shape == (None, 513, 513, 21)
    if "plus" in name:
        low_level = model.get_layer("decoder_low_level_conv")
        assert low_level.input.shape[1:] == (129, 129, 256)
        assert low_level.output.shape[-1] == 48
        assert model.get_layer("decoder_0_depthwise_conv").input.shape[-1] == 304
        assert model.get_layer("logits").output.shape[1:] == (129, 129, 21)


@pytest.mark.parametrize("separable", [False, True])
def test_a_branch_looks_as_far_as_its_rate(separable):
    """An impulse spreads to the 3 x 3 grid of that spacing, and nowhere else."""
    x = keras.Input((31, 31, 1))
    model = keras.Model(x, aspp(x, 2, (6, 12), separable=separable, momentum=0.9))
    for rate in (6, 12):
        conv = model.get_layer(f"aspp_rate{rate}{'_depthwise' * separable}_conv")
        image = np.zeros((1, 31, 31, 1), "float32")
        image[0, 15, 15] = 1
        spread = call(keras.Model(x, conv.output), image)
        places = np.argwhere(np.abs(spread[0]).sum(-1) > 0) - 15
        grid = [(r, c) for r in (-rate, 0, rate) for c in (-rate, 0, rate)]
        assert sorted(map(tuple, places.tolist())) == sorted(grid)


def test_aspp_equals_the_concatenated_form():
    """The paper's form: pool, 1x1, resize, concatenate with the rest, 1x1."""
    rng = np.random.default_rng(0)
    x = keras.Input((9, 7, 5))
    model = keras.Model(x, aspp(x, 4, (2,), separable=False, momentum=0.9))
    image = rng.normal(size=(2, 9, 7, 5)).astype("float32")

    def run(name, y):
        y = model.get_layer(f"{name}_conv")(y)
        return ops.relu(model.get_layer(f"{name}_bn")(y, training=False))

    pooled = run("aspp_context", ops.mean(image, axis=(1, 2), keepdims=True))
    branches = [
        run("aspp_point", image),
        run("aspp_rate2", image),
        ops.broadcast_to(pooled, (2, 9, 7, 4)),
    ]
    kernel = ops.concatenate(
        [
            model.get_layer("aspp_project_local").kernel,
            model.get_layer("aspp_project_context").kernel,
        ],
        axis=2,
    )
    expected = ops.conv(ops.concatenate(branches, axis=-1), kernel)
    bn = model.get_layer("aspp_project_bn")
    expected = ops.relu(bn(expected, training=False))
    np.testing.assert_allclose(
        call(model, image),
        ops.convert_to_numpy(expected),
        atol=1e-5,
    )


@pytest.mark.parametrize("name", ["deeplab_v3_resnet50", "deeplab_v2_resnet101"])
def test_frozen_batch_norm_changes_nothing(name):
    options = {"encoder": "resnet50", "freeze_batch_norm": True, **NARROW}
    model = build(name, 3, (33, 33, 3), **options)
    assert not any("bn" in weight.path for weight in model.trainable_weights)
    before = [ops.convert_to_numpy(weight) for weight in model.non_trainable_weights]
    image = random_images(2, 33, 33, 3)
    model(image, training=True)
    for old, new in zip(before, model.non_trainable_weights, strict=True):
        if "bn" in new.path:
            np.testing.assert_array_equal(old, ops.convert_to_numpy(new))


# --- DeepLab v2 --------------------------------------------------------------------


def test_v2_sizes_and_rates():
    """Section 7.2: 321 -> 161 -> 81 -> 41, res4 rate 2, res5 rate 4, ASPP-L."""
    model = without_weights("deeplab_v2_resnet101", size=(321, 321))
    assert model.get_layer("encoder_conv1_conv").output.shape[1:3] == (161, 161)
    assert model.get_layer("encoder_pool1_pool").output.shape[1:3] == (81, 81)
    assert model.get_layer("logits").output.shape[1:] == (41, 41, 21)
    # Stride in the first 1x1 convolution of a block, not in the 3x3 one.
    assert model.get_layer("encoder_conv3_block1_1_conv").strides == (2, 2)
    assert model.get_layer("encoder_conv3_block1_2_conv").strides == (1, 1)
    rates = {"encoder_conv4_block1_2_conv": 2, "encoder_conv5_block3_2_conv": 4}
    rates |= {f"logits_rate{rate}": rate for rate in (6, 12, 18, 24)}
    for name, rate in rates.items():
        assert model.get_layer(name).dilation_rate == (rate, rate)


def torch_interp(x, size):
    """Caffe's Interp: bilinear, first and last values on each other."""
    torch = pytest.importorskip("torch")
    x = torch.tensor(np.array(x)).permute(0, 3, 1, 2)
    x = torch.nn.functional.interpolate(x, size, mode="bilinear", align_corners=True)
    return x.permute(0, 2, 3, 1).numpy()


def test_v2_takes_the_largest_logit_of_all_scales():
    """At sizes 8 k + 1 as in the release, against PyTorch's interpolation."""
    small = {"encoder": "resnet50", **NARROW}
    fused = build("deeplab_v2_resnet101", 3, (65, 49, 3), scales=(1, 0.5), **small)
    image = random_images(1, 65, 49, 3)
    shared = fused.get_layer("single_scale")
    maps = [
        torch_interp(ops.convert_to_numpy(shared(torch_interp(image, size))), (9, 7))
        for size in ((65, 49), (33, 25))
    ]
    expected = torch_interp(np.max(maps, axis=0), (65, 49))
    np.testing.assert_allclose(
        ops.convert_to_numpy(fused(image)), expected, atol=1e-4 * np.abs(expected).max()
    )
    plain = build("deeplab_v2_resnet101", 3, (65, 49, 3), **small)
    assert fused.count_params() == plain.count_params()


# --- options -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("deeplab_v3_resnet50", {"output_stride": 4}, "8, 16 or 32, got 4"),
        ("deeplab_v2_resnet101", {"output_stride": 4}, "8, 16 or 32, got 4"),
        ("deeplab_v3_resnet50", {"multi_grid": (1, 2)}, "multi_grid needs 3 factors"),
        (
            "deeplab_v3_mobilenet_v2",
            {"multi_grid": (1, 2, 4)},
            "Encoder 'mobilenet_v2' has no option 'multi_grid'",
        ),
        (
            "deeplab_v2_resnet101",
            {"scales": (1, 0)},
            "scales must be in .0, 16., got 0",
        ),
        (
            "deeplab_v3_resnet50",
            {"encoder_options": {"stem": "5x5"}},
            "stem must be one of 7x7, beta",
        ),
    ],
)
def test_options_are_checked(name, options, message):
    with pytest.raises(ValueError, match=message):
        build(name, 3, (33, 33, 3), weights="none", **options)
