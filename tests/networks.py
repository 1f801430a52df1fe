"""The small form of every network: the one place where tests take networks from.

A new name in MODELS needs an entry in SMALL and in BY_HEART, and its module a test file
with a class of `NetworkLaws`; tests/models/test_every_name.py says what is missing.
"""

import functools

import keras
import numpy as np
import pytest

from kerasseg.models import build

CLASSES = 3

TIRAMISU = {"growth_rate": 2, "first_filters": 4, "layers_per_block": (1,) * 11}
V3PLUS = {"aspp_filters": 8, "decoder_filters": 8, "weights": "none"}
LADDER = {"aspp_filters": 8, "filters": (8, 8, 4, 4), "weights": "none"}
NARROW = {"encoder_options": {"width": 0.25}, "weights": "none"}
SHALLOW = {"encoder": "resnet18"} | NARROW
# name -> (input shape, options that make the network small and offline)
SMALL = {
    "naive": ((19, 23, 3), {"filters": 4}),
    "fcn32s": ((37, 50, 3), {"width": 1 / 16, "upsampling": "full"}),
    "fcn16s": ((37, 50, 3), {"width": 1 / 16, "border": "same"}),
    "fcn8s": ((37, 50, 3), {"width": 1 / 16, "upsampling": "diagonal"}),
    "fcn_alexnet": ((37, 50, 3), {"width": 1 / 16}),
    "fcn_resnet50": ((37, 50, 3), NARROW | {"variant": "torchvision"}),
    "fcn_resnet101": ((65, 51, 3), NARROW),
    "segnet": ((37, 50, 3), {"width": 1 / 16}),
    "segnet_basic": ((37, 50, 3), {"filters": 4}),
    "unet": ((32, 32, 3), {"filters": 4, "depth": 2}),
    "unet_small": ((32, 32, 3), {"filters": 4, "depth": 2}),
    "unet_fast": ((32, 40, 3), {"filters": 4, "depth": 2}),
    "unet_valid": ((44, 44, 3), {"filters": 4, "depth": 2}),
    "unet_reflect": ((32, 32, 3), {"filters": 4, "depth": 2}),
    "unet_efficientnet_lite0": ((64, 64, 3), {"filters": 2, "weights": "none"}),
    "unet_resnet34": ((37, 50, 3), SHALLOW | {"filters": (8, 8, 4, 4, 2)}),
    "fpn_resnet50": (
        (37, 50, 3),
        SHALLOW | {"pyramid_filters": 8, "filters": 8, "groups": 4},
    ),
    "deeplab_v3plus_efficientnet_lite0": ((71, 64, 3), V3PLUS),
    "deeplab_v3plus_efficientnet_lite1": ((65, 51, 3), V3PLUS),
    "deeplab_v3plus_efficientnet_lite2": ((37, 50, 3), V3PLUS),
    "deeplab_v3plus_mobilenet_v2": ((51, 65, 3), V3PLUS | NARROW),
    "deeplab_v3plus_resnet34": ((53, 48, 3), V3PLUS | SHALLOW),
    "deeplab_v3plus_resnet50": ((61, 72, 3), V3PLUS | NARROW),
    "deeplab_v3plus_resnet101": ((37, 50, 3), V3PLUS | NARROW),
    "deeplab_v3plus_xception65": ((37, 50, 3), V3PLUS | NARROW),
    "deeplab_v3_resnet50": ((65, 65, 3), NARROW),
    "deeplab_v3_resnet101": ((37, 50, 3), NARROW),
    "deeplab_v3_mobilenet_v2": ((37, 72, 3), NARROW),
    "deeplab_v3_mobilenet_v3_large": ((51, 37, 3), NARROW | {"variant": "torchvision"}),
    # Its encoder is that of deeplab_v3_resnet101.
    "deeplab_v2_resnet101": ((65, 65, 3), {"encoder": "vgg16"} | NARROW),
    "ladder_efficientnet_lite0": ((65, 51, 3), LADDER),
    "ladder_efficientnet_lite2": ((37, 50, 3), LADDER),
    "lraspp_mobilenet_v3_large": ((37, 50, 3), NARROW),
    "lraspp_mobilenet_v3_small": ((65, 65, 3), NARROW),
    "fc_densenet56": ((45, 38, 3), TIRAMISU),
    "fc_densenet67": ((33, 40, 3), TIRAMISU),
    "fc_densenet103": ((35, 32, 3), TIRAMISU),
    "residual_unet": ((70, 65, 3), {"filters": 2, "repeats": (1, 2, 1, 2, 1)}),
    "vnet": ((32, 48, 3), {"filters": 3, "convolutions": (1, 2, 1, 1, 1)}),
    "unet_3d": ((32, 40, 3), {"filters": 3, "depth": 2}),
    "unet_3d_residual": (
        (32, 40, 3),
        {"filters": 3, "depth": 2, "blocks": (1, 2, 1)},
    ),
    "dilated_frontend": ((19, 24, 3), {"width": 1 / 64}),
    "dilation7": ((388, 396, 3), {"width": 1 / 64, "padding": "valid"}),
    "dilation8": ((19, 24, 3), {"width": 1 / 64, "context": "large"}),
    "dilation10": ((19, 24, 3), {"width": 1 / 64}),
    "deeplab_v1": ((37, 50, 3), {"width": 1 / 32}),
    "deeplab_v2_vgg16": ((37, 50, 3), {"width": 1 / 32}),
}
SAME_AS = {"fc_densenet67": "fc_densenet56", "fc_densenet103": "fc_densenet56"}
"""Names that differ in nothing once they are small: a law is tested once for them."""
CHOSEN = (
    *("naive", "fcn8s", "fcn_alexnet", "segnet", "segnet_basic", "unet"),
    *("deeplab_v3plus_mobilenet_v2", "deeplab_v3_resnet50", "deeplab_v2_resnet101"),
    *("ladder_efficientnet_lite0", "lraspp_mobilenet_v3_small", "fc_densenet56"),
    *("residual_unet", "vnet", "dilation8", "deeplab_v2_vgg16", "fcn_resnet50"),
    *("unet_resnet34", "fpn_resnet50", "unet_3d_residual"),
)
"""One name for each way in which networks are made, for laws that are dear to test."""
LIKE_OTHERS = {
    "naive": "fcn_alexnet",
    "unet": "fcn8s",
    "unet_resnet34": "fpn_resnet50",
    "deeplab_v3_resnet50": "deeplab_v3plus_mobilenet_v2",
    "fcn_resnet50": "deeplab_v3plus_mobilenet_v2",
    "ladder_efficientnet_lite0": "deeplab_v3plus_mobilenet_v2",
    "fc_densenet56": "residual_unet",
}
"""Of CHOSEN, those that have no kind of layer that others do not have: who reads a file
of them sees nothing new. tests/export/test_every_network.py converts all."""
OF_ALL_KINDS = tuple(name for name in CHOSEN if name not in LIKE_OTHERS)
OUTPUT = {"unet_valid": (4, 4), "dilation7": (2, 3)}
"""Networks whose logits are smaller than the image: height and width of the logits."""
ADVICE = {
    "unet": "100 or 104",
    "unet_small": "100 or 104",
    "unet_fast": "96 or 104",
    "unet_valid": "100 or 104",
    "unet_reflect": "100 or 104",
    "unet_efficientnet_lite0": "96 or 128",
    "vnet": "96 or 112",
    "unet_3d": "100 or 104",
    "unet_3d_residual": "100 or 104",
    "dilation7": "380",
}
"""Networks that do not take any size: the sizes that they name beside 101."""

BN = {"batch_norm_momentum": 0.5}
UNET = {"filters": 8, "depth": 3, "dropout": 0.0}
VGG = {"width": 1 / 8, "dropout": 0.0}
DENSE = {"growth_rate": 8, "first_filters": 16, "dropout": 0.0} | BN
DEEPLAB = {"aspp_filters": 32, "weights": "none", "dropout": 0.0} | BN
PLUS = {"decoder_filters": 32} | DEEPLAB
STEPS = {"aspp_filters": 32, "filters": (32,) * 4, "dropout": 0.0, "weights": "none"}
WIDE = {"weights": "none"} | BN
QUARTER = {"encoder_options": {"width": 0.25}}
LRASPP = {"encoder_options": {"width": 0.5}, "weights": "none"} | BN
DILATED = {"width": 1 / 16, "dropout": 0.0}
# name -> (height and width, first pixel of the logits' grid, its step, options): large
# enough to learn, with a low momentum so that the moving statistics are the last ones.
BY_HEART = {
    "naive": (64, 0, 1, {"depth": 6, "filters": 24}),
    "fcn32s": (192, 12, 32, VGG),
    "fcn16s": (96, 4, 16, VGG),
    "fcn8s": (96, 0, 8, VGG),
    "fcn_alexnet": (192, 13, 32, VGG),
    "fcn_resnet50": (96, 4, 8, {"weights": "none", "dropout": 0.0} | QUARTER | BN),
    "fcn_resnet101": (96, 4, 8, {"weights": "none", "dropout": 0.0} | QUARTER | BN),
    "segnet": (64, 0, 1, {"width": 1 / 8} | BN),
    "segnet_basic": (64, 0, 1, {"filters": 16} | BN),
    "unet": (64, 0, 1, UNET),
    "unet_small": (64, 0, 1, UNET | BN),
    "unet_fast": (64, 0, 1, UNET | BN),
    "unet_valid": (108, 0, 1, UNET),
    "unet_reflect": (64, 0, 1, UNET),
    "unet_efficientnet_lite0": (64, 0, 1, {"filters": 8, "weights": "none"} | BN),
    "unet_resnet34": (64, 0, 1, WIDE | {"filters": (32, 32, 16, 16, 16)} | QUARTER),
    "fpn_resnet50": (64, 2, 4, WIDE | {"filters": 32, "groups": 8} | QUARTER),
    "deeplab_v3plus_efficientnet_lite0": (64, 2, 4, PLUS),
    "deeplab_v3plus_efficientnet_lite1": (64, 2, 4, PLUS),
    "deeplab_v3plus_efficientnet_lite2": (64, 2, 4, PLUS),
    "deeplab_v3plus_mobilenet_v2": (64, 2, 4, PLUS | QUARTER),
    "deeplab_v3plus_resnet34": (64, 2, 4, PLUS | QUARTER),
    "deeplab_v3plus_resnet50": (64, 2, 4, PLUS | QUARTER),
    "deeplab_v3plus_resnet101": (64, 2, 4, PLUS | QUARTER),
    "deeplab_v3plus_xception65": (64, 2, 4, PLUS | QUARTER),
    "deeplab_v3_resnet50": (96, 8, 16, DEEPLAB | QUARTER),
    "deeplab_v3_resnet101": (96, 8, 16, DEEPLAB | QUARTER),
    "deeplab_v3_mobilenet_v2": (96, 8, 16, DEEPLAB | QUARTER),
    "deeplab_v3_mobilenet_v3_large": (96, 8, 16, DEEPLAB | QUARTER),
    "deeplab_v2_resnet101": (96, 0, 8, {"weights": "none"} | QUARTER | BN),
    "ladder_efficientnet_lite0": (64, 1, 2, STEPS | BN),
    "ladder_efficientnet_lite2": (64, 1, 2, STEPS | BN),
    "lraspp_mobilenet_v3_large": (96, 4, 8, LRASPP),
    "lraspp_mobilenet_v3_small": (96, 4, 8, LRASPP),
    "fc_densenet56": (64, 0, 1, DENSE),
    "fc_densenet67": (64, 0, 1, DENSE),
    "fc_densenet103": (64, 0, 1, DENSE),
    "residual_unet": (64, 0, 1, {"filters": 8, "dropout": 0.0} | BN),
    "vnet": (64, 0, 1, {"filters": 8}),
    "unet_3d": (64, 0, 1, {"filters": 8, "depth": 3}),
    "unet_3d_residual": (64, 0, 1, {"filters": 8, "depth": 3, "blocks": (1, 2, 2, 2)}),
    "dilated_frontend": (96, 4, 8, DILATED),
    "dilation7": (96, 4, 8, DILATED),
    "dilation8": (96, 4, 8, DILATED),
    "dilation10": (96, 4, 8, DILATED | {"width": 1 / 8}),
    "deeplab_v1": (96, 0, 8, VGG),
    "deeplab_v2_vgg16": (96, 0, 8, VGG),
}
SLOWLY = {"vnet": 1e-3, "dilation10": 1e-3}
"""Learning rates of those that diverge at that of the others: deep, not normalised."""


@functools.cache
def network(name):
    """The small network `name`, which no test may change. Its weights and moving
    statistics are random, so that a mistake cannot hide behind zeros and ones."""
    keras.utils.set_random_seed(1)
    shape, options = SMALL[name]
    model = build(name, CLASSES, shape, **options)
    rng = np.random.default_rng(0)
    for weight in randomize_statistics(model).weights:
        if weight.path.endswith("kernel") and not np.any(weight):  # as in FCN
            weight.assign(rng.normal(0, 0.1, weight.shape))
    return model


def images(name, count=1):
    """float32 0..255 of the size that the small network takes."""
    shape, _ = SMALL[name]
    return random_images(count, *shape, seed=2)


def random_images(*shape, seed=0):
    """float32 0..255."""
    return np.random.default_rng(seed).uniform(0, 255, shape).astype("float32")


def call(model, x):
    """What a network makes of `x`, as numpy; one array or those of a list or dict."""
    return keras.tree.map_structure(keras.ops.convert_to_numpy, model(x))


def without_weights(name, classes, shape, **options):
    """The network's structure only: the memory of its weights is never taken."""
    with keras.StatelessScope(initialize_variables=False):
        return build(name, classes, shape, **options)


def parameters_of(weights):
    """How many numbers they are."""
    return sum(int(np.prod(weight.shape)) for weight in weights)


def randomize_statistics(model):
    """Offsets, scales and moving statistics at random, as if it had been trained."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if weight.path.endswith(("beta", "moving_mean", "bias")):
            weight.assign(rng.normal(0, 0.1, weight.shape))
        if weight.path.endswith(("gamma", "moving_variance")):
            weight.assign(rng.uniform(0.8, 1.2, weight.shape))
    return model


def chosen(names, some):
    """`names` as pytest parameters; all but `some` of them are slow."""
    slow = pytest.mark.slow
    return [name if name in some else pytest.param(name, marks=slow) for name in names]
