"""Networks by name. `build` gives a functional `keras.Model` of stock layers: image
(B, H, W, 3) RGB 0..255 in, float32 logits (B, H, W, C) out.

Keras is imported with the first network that is built, not with this package.
"""

import inspect
from functools import partial
from importlib import import_module

from kerasseg import UserError

# name -> (module and function in this package, the options that make this network)
MODELS = {
    "naive": ("naive.naive", {}),
    "fcn32s": ("fcn.fcn32s", {}),
    "fcn16s": ("fcn.fcn16s", {}),
    "fcn8s": ("fcn.fcn8s", {}),
    "fcn_alexnet": ("fcn.fcn_alexnet", {}),
    "segnet": ("segnet.segnet", {}),
    "segnet_basic": ("segnet.segnet_basic", {}),
    "unet": ("unet.unet", {}),
    "unet_small": ("unet.unet", {"filters": 16, "batch_norm": True, "dropout": 0.0}),
    "unet_fast": (
        "unet.unet",
        {"filters": 32, "depth": 3, "stem": 2, "batch_norm": True, "dropout": 0.0},
    ),
    "unet_valid": ("unet.unet", {"padding": "valid"}),
    "unet_reflect": ("unet.unet", {"padding": "reflect"}),
    "unet_efficientnet_lite0": (
        "unet.unet",
        {
            "encoder": "efficientnet_lite0",
            "filters": 16,
            "depth": 5,
            "dropout": 0.0,
            "batch_norm": True,
        },
    ),
    "deeplab_v3plus_efficientnet_lite0": (
        "deeplab_v3plus.deeplab_v3plus",
        {"encoder": "efficientnet_lite0"},
    ),
    "deeplab_v3plus_efficientnet_lite1": (
        "deeplab_v3plus.deeplab_v3plus",
        {"encoder": "efficientnet_lite1"},
    ),
    "deeplab_v3plus_efficientnet_lite2": (
        "deeplab_v3plus.deeplab_v3plus",
        {"encoder": "efficientnet_lite2"},
    ),
    "deeplab_v3plus_mobilenet_v2": (
        "deeplab_v3plus.deeplab_v3plus",
        {"encoder": "mobilenet_v2"},
    ),
    "deeplab_v3plus_resnet50": (
        "deeplab_v3plus.deeplab_v3plus",
        {"encoder": "resnet50", "separable": False, "multi_grid": (1, 2, 4)},
    ),
    "deeplab_v3plus_resnet101": (
        "deeplab_v3plus.deeplab_v3plus",
        {"encoder": "resnet101", "separable": False, "multi_grid": (1, 2, 4)},
    ),
    "deeplab_v3plus_xception65": (
        "deeplab_v3plus.deeplab_v3plus",
        {"encoder": "xception65", "weights": "none"},
    ),
    "deeplab_v3_resnet50": (
        "deeplab_v3.deeplab_v3",
        {"encoder": "resnet50", "multi_grid": (1, 2, 4)},
    ),
    "deeplab_v3_resnet101": (
        "deeplab_v3.deeplab_v3",
        {"encoder": "resnet101", "multi_grid": (1, 2, 4)},
    ),
    "deeplab_v3_mobilenet_v2": (
        "deeplab_v3.deeplab_v3",
        {"encoder": "mobilenet_v2", "rates": ()},
    ),
    "deeplab_v2_resnet101": (
        "deeplab_v2_resnet.deeplab_v2_resnet",
        {"encoder": "resnet101"},
    ),
    "ladder_efficientnet_lite0": ("ladder.ladder", {"encoder": "efficientnet_lite0"}),
    "ladder_efficientnet_lite2": ("ladder.ladder", {"encoder": "efficientnet_lite2"}),
    "lraspp_mobilenet_v3_large": ("lraspp.lraspp", {"encoder": "mobilenet_v3_large"}),
    "lraspp_mobilenet_v3_small": ("lraspp.lraspp", {"encoder": "mobilenet_v3_small"}),
    "fc_densenet56": ("fc_densenet.fc_densenet56", {}),
    "fc_densenet67": ("fc_densenet.fc_densenet67", {}),
    "fc_densenet103": ("fc_densenet.fc_densenet103", {}),
    "residual_unet": ("residual_unet.residual_unet", {}),
    "vnet": ("vnet.vnet", {}),
    "dilated_frontend": ("dilated.dilated_frontend", {}),
    "dilation7": ("dilated.dilation7", {}),
    "dilation8": ("dilated.dilation8", {}),
    "dilation10": ("dilated.dilation10", {}),
    "deeplab_v1": ("deeplab_v1.deeplab_v1", {}),
    "deeplab_v2_vgg16": ("deeplab_v1.deeplab_v2_vgg16", {}),
}


def build(name, num_classes, input_shape, **options):
    """The network called `name` as a `keras.Model`.

    input_shape: (height, width, channels). options: the function's own, such as
    `filters=16`; see its docstring. Raises ValueError for an unknown name or option.
    """
    if name not in MODELS:
        raise UserError(f"Unknown model '{name}'. Known: {', '.join(MODELS)}.")
    network = function(name)
    _, _, *known = inspect.signature(network).parameters
    unknown = [key for key in options if key not in known]
    if unknown:
        raise UserError(
            f"Model '{name}' has no option '{unknown[0]}'. "
            f"Its options: {', '.join(known)}."
        )
    if num_classes < 1:
        raise UserError(f"num_classes must be at least 1, got {num_classes}.")
    return network(num_classes, tuple(input_shape), **options)


def function(name):
    """The function that builds the network called `name`, with its options set."""
    path, options = MODELS[name]
    module, attribute = path.split(".")
    return partial(
        getattr(import_module(f"kerasseg.models.{module}"), attribute), **options
    )
