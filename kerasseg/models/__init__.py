"""Networks by name. `build` gives a functional `keras.Model` of stock layers: image
(B, H, W, bands) in, RGB 0..255 or whatever range it was built for, and float32 logits
(B, H, W, C) out.

Keras is imported with the first network that is built, not with this package.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from kerasseg import UserError
from kerasseg.models.options import check_bounds, check_kinds

if TYPE_CHECKING:
    import keras

    from kerasseg.image_format import InputRange

_NORMALISED = {"batch_norm": True, "dropout": 0.0}
_FULL = {"separable": False, "multi_grid": (1, 2, 4)}
_SMP = {"variant": "smp", "weights": "none"}
_V3, _V3PLUS = "deeplab_v3.deeplab_v3", "deeplab_v3plus.deeplab_v3plus"

MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "naive": ("naive.naive", {}),
    "fcn32s": ("fcn.fcn32s", {}),
    "fcn16s": ("fcn.fcn16s", {}),
    "fcn8s": ("fcn.fcn8s", {}),
    "fcn_alexnet": ("fcn.fcn_alexnet", {}),
    "fcn_resnet50": ("fcn_resnet.fcn_resnet", {"encoder": "resnet50"}),
    "fcn_resnet101": ("fcn_resnet.fcn_resnet", {"encoder": "resnet101"}),
    "segnet": ("segnet.segnet", {}),
    "segnet_basic": ("segnet.segnet_basic", {}),
    "unet": ("unet.unet", {}),
    "unet_small": ("unet.unet", {"filters": 16} | _NORMALISED),
    "unet_fast": ("unet.unet", {"filters": 32, "depth": 3, "stem": 2} | _NORMALISED),
    "unet_valid": ("unet.unet", {"padding": "valid"}),
    "unet_reflect": ("unet.unet", {"padding": "reflect"}),
    "unet_efficientnet_lite0": (
        "unet.unet",
        {"encoder": "efficientnet_lite0", "filters": 16, "depth": 5} | _NORMALISED,
    ),
    "unet_resnet34": (
        "encoder_unet.encoder_unet",
        {"encoder": "resnet34", "weights": "none"},
    ),
    "fpn_resnet50": ("fpn.fpn", {"encoder": "resnet50"}),
    "deeplab_v3plus_efficientnet_lite0": (_V3PLUS, {"encoder": "efficientnet_lite0"}),
    "deeplab_v3plus_efficientnet_lite1": (_V3PLUS, {"encoder": "efficientnet_lite1"}),
    "deeplab_v3plus_efficientnet_lite2": (_V3PLUS, {"encoder": "efficientnet_lite2"}),
    "deeplab_v3plus_mobilenet_v2": (_V3PLUS, {"encoder": "mobilenet_v2"}),
    "deeplab_v3plus_resnet34": (_V3PLUS, {"encoder": "resnet34"} | _SMP),
    "deeplab_v3plus_resnet50": (_V3PLUS, {"encoder": "resnet50"} | _FULL),
    "deeplab_v3plus_resnet101": (_V3PLUS, {"encoder": "resnet101"} | _FULL),
    "deeplab_v3plus_xception65": (
        _V3PLUS,
        {"encoder": "xception65", "weights": "none"},
    ),
    "deeplab_v3_resnet50": (_V3, {"encoder": "resnet50"}),
    "deeplab_v3_resnet101": (_V3, {"encoder": "resnet101"}),
    "deeplab_v3_mobilenet_v2": (_V3, {"encoder": "mobilenet_v2", "rates": ()}),
    "deeplab_v3_mobilenet_v3_large": (_V3, {"encoder": "mobilenet_v3_large"}),
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
    "unet_3d": ("unet_3d.unet_3d", {}),
    "unet_3d_residual": (
        "unet_3d.unet_3d",
        {"residual": True, "up_convolutions": 1},
    ),
    "dilated_frontend": ("dilated.dilated_frontend", {}),
    "dilation7": ("dilated.dilation7", {}),
    "dilation8": ("dilated.dilation8", {}),
    "dilation10": ("dilated.dilation10", {}),
    "deeplab_v1": ("deeplab_v1.deeplab_v1", {}),
    "deeplab_v2_vgg16": ("deeplab_v1.deeplab_v2_vgg16", {}),
}
"""Name -> module and function in this package, and the options that it stands for."""


def build(
    name: str,
    num_classes: int,
    input_shape: tuple[int, ...],
    input_range: InputRange | None = None,
    bands: Sequence[str] = (),
    **options: Any,
) -> keras.Model:
    """The network called `name`.

    Args:
        name: a name of `MODELS`.
        num_classes: C, at least 1.
        input_shape: (height, width, channels); U-Net, V-Net and the naive network also
            take volumes, (depth, height, width, channels).
        input_range: how the first layers clip and scale each channel; None: images are
            pictures of 0..255.
        bands: names of the channels; with red, green and blue among them, pretrained
            encoders see these in their colours. () is RGB for three channels, gray for
            one, bands without names otherwise.
        options: the function's own, such as `filters=16`; see its docstring.

    Returns:
        A functional model: image (B, H, W, channels), numbers as the data has them, to
        float32 logits (B, H, W, C) without softmax.

    Raises:
        UserError: for an unknown name or option, with those that are known, for a value
            of another kind or out of bounds, for a size that the network cannot take,
            with the nearest that it can, and for a range or names of another number of
            bands.

    >>> from kerasseg import models
    >>> models.build("naive", 3, (8, 10, 3), filters=4).output_shape
    (None, 8, 10, 3)
    """
    check_known(name)
    network, known = function(name), options_of(name)
    parameters = inspect.signature(network).parameters
    unknown = [key for key in options if key not in known]
    if unknown:
        raise UserError(
            f"Model '{name}' has no option '{unknown[0]}'. "
            f"Its options: {', '.join(known)}."
        )
    check_kinds(options, parameters, f"Model '{name}'")
    check_bounds(options, f"Model '{name}'")
    if num_classes < 1:
        raise UserError(f"num_classes must be at least 1, got {num_classes}.")
    from kerasseg.models.pieces import first_layers

    with first_layers.images(input_shape[-1], input_range, bands):
        return network(num_classes, tuple(input_shape), **options)


def check_known(name: str) -> None:
    """Raises UserError, with the names that are known, for another one."""
    if name not in MODELS:
        raise UserError(f"Unknown model '{name}'. Known: {', '.join(MODELS)}.")


def options_of(name: str) -> tuple[str, ...]:
    """The options of the network called `name`, behind its classes and shape.

    Raises UserError for an unknown name.
    """
    check_known(name)
    _, _, *known = inspect.signature(function(name)).parameters
    return tuple(known)


def function(name: str) -> Callable[..., keras.Model]:
    """The function that builds the network called `name`, its options set.

    Args:
        name: a name of `MODELS`; another one raises KeyError.
    """
    path, options = MODELS[name]
    module, attribute = path.split(".")
    return partial(
        getattr(import_module(f"kerasseg.models.{module}"), attribute), **options
    )
