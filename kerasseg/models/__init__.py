"""Networks by name. Each is a function that returns a functional `keras.Model` of
stock layers: image (B, H, W, 3) RGB 0..255 in, float32 logits (B, H, W, C) out."""

import inspect
from functools import partial

from kerasseg.models.deeplab import deeplab_v3plus
from kerasseg.models.deeplab_v1 import deeplab_v1, deeplab_v2_vgg16
from kerasseg.models.deeplab_v2_resnet import deeplab_v2_resnet
from kerasseg.models.deeplab_v3 import deeplab_v3
from kerasseg.models.dilated import (
    dilated_frontend,
    dilation7,
    dilation8,
    dilation10,
)
from kerasseg.models.fc_densenet import (
    fc_densenet56,
    fc_densenet67,
    fc_densenet103,
)
from kerasseg.models.fcn import fcn8s, fcn16s, fcn32s, fcn_alexnet
from kerasseg.models.lraspp import lraspp
from kerasseg.models.naive import naive
from kerasseg.models.residual_unet import residual_unet
from kerasseg.models.segnet import segnet, segnet_basic
from kerasseg.models.unet import unet
from kerasseg.models.vnet import vnet

MULTI_GRID = (1, 2, 4)
MODELS = {
    "naive": naive,
    "fcn32s": fcn32s,
    "fcn16s": fcn16s,
    "fcn8s": fcn8s,
    "fcn_alexnet": fcn_alexnet,
    "segnet": segnet,
    "segnet_basic": segnet_basic,
    "unet": unet,
    "unet_small": partial(unet, filters=16, batch_norm=True, dropout=0.0),
    "unet_valid": partial(unet, padding="valid"),
    "unet_reflect": partial(unet, padding="reflect"),
    "unet_efficientnet_lite0": partial(
        unet,
        encoder="efficientnet_lite0",
        filters=16,
        depth=5,
        dropout=0.0,
        batch_norm=True,
    ),
    "deeplab_v3plus_efficientnet_lite0": partial(
        deeplab_v3plus, encoder="efficientnet_lite0"
    ),
    "deeplab_v3plus_efficientnet_lite1": partial(
        deeplab_v3plus, encoder="efficientnet_lite1"
    ),
    "deeplab_v3plus_efficientnet_lite2": partial(
        deeplab_v3plus, encoder="efficientnet_lite2"
    ),
    "deeplab_v3plus_mobilenet_v2": partial(deeplab_v3plus, encoder="mobilenet_v2"),
    "deeplab_v3plus_resnet50": partial(
        deeplab_v3plus,
        encoder="resnet50",
        separable=False,
        multi_grid=MULTI_GRID,
    ),
    "deeplab_v3plus_resnet101": partial(
        deeplab_v3plus,
        encoder="resnet101",
        separable=False,
        multi_grid=MULTI_GRID,
    ),
    "deeplab_v3plus_xception65": partial(
        deeplab_v3plus, encoder="xception65", weights="none"
    ),
    "deeplab_v3_resnet50": partial(
        deeplab_v3, encoder="resnet50", multi_grid=MULTI_GRID
    ),
    "deeplab_v3_resnet101": partial(
        deeplab_v3, encoder="resnet101", multi_grid=MULTI_GRID
    ),
    "deeplab_v3_mobilenet_v2": partial(deeplab_v3, encoder="mobilenet_v2", rates=()),
    "deeplab_v2_resnet101": partial(deeplab_v2_resnet, encoder="resnet101"),
    "lraspp_mobilenet_v3_large": partial(lraspp, encoder="mobilenet_v3_large"),
    "lraspp_mobilenet_v3_small": partial(lraspp, encoder="mobilenet_v3_small"),
    "fc_densenet56": fc_densenet56,
    "fc_densenet67": fc_densenet67,
    "fc_densenet103": fc_densenet103,
    "residual_unet": residual_unet,
    "vnet": vnet,
    "dilated_frontend": dilated_frontend,
    "dilation7": dilation7,
    "dilation8": dilation8,
    "dilation10": dilation10,
    "deeplab_v1": deeplab_v1,
    "deeplab_v2_vgg16": deeplab_v2_vgg16,
}


def build(name, num_classes, input_shape, **options):
    """The network called `name` as a `keras.Model`.

    input_shape: (height, width, channels). options: the function's own, such as
    `filters=16`; see its docstring. Raises ValueError for an unknown name or option.
    """
    if name not in MODELS:
        raise ValueError(f"Unknown model '{name}'. Known: {', '.join(MODELS)}.")
    _, _, *known = inspect.signature(MODELS[name]).parameters
    unknown = [key for key in options if key not in known]
    if unknown:
        raise ValueError(
            f"Model '{name}' has no option '{unknown[0]}'. "
            f"Its options: {', '.join(known)}."
        )
    if num_classes < 1:
        raise ValueError(f"num_classes must be at least 1, got {num_classes}.")
    return MODELS[name](num_classes, tuple(input_shape), **options)
