"""Encoders: image in, feature maps out; any decoder takes any encoder.

The contract. An encoder is a function

    name(image, output_stride=32, weights="imagenet", batch_norm_momentum=0.99) -> dict

- `image`: Keras tensor (B, H, W, C), RGB 0..255 or what `first_layers.images` says. The
  first layers are the encoder's own (`first_layers.scaled`), because each set of
  weights wants its own scaling; its first kernel is fitted to the bands.
- the result: {2: map, 4: map, 8: map, 16: map, 32: map}, last map of each stage. The
  keys are the strides the encoder has without dilation, so that 4 is always the stage
  a DeepLab decoder reads and 32 always the deepest. With `output_stride` 16 or 8 the
  strides beyond it are replaced by dilation (atrous convolution), and those maps have
  the real stride min(key, output_stride). Sizes are rounded up: ceil(H / stride).
- `weights`: "imagenet", "none" (random) or the path of a weight file.
- names of all layers that have weights begin with "encoder_".

An encoder may have further options of its own, all with defaults.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from kerasseg import UserError
from kerasseg.models.encoders.densenet import densenet121, densenet169, densenet201
from kerasseg.models.encoders.efficientnet import (
    efficientnet_b0,
    efficientnet_b1,
    efficientnet_b2,
    efficientnet_b3,
    efficientnet_b4,
    efficientnet_b5,
    efficientnet_b6,
    efficientnet_b7,
)
from kerasseg.models.encoders.efficientnet_lite import (
    efficientnet_lite0,
    efficientnet_lite1,
    efficientnet_lite2,
)
from kerasseg.models.encoders.mobilenet_v2 import mobilenet_v2
from kerasseg.models.encoders.mobilenet_v3 import mobilenet_v3_large, mobilenet_v3_small
from kerasseg.models.encoders.resnet import resnet18, resnet34, resnet50, resnet101
from kerasseg.models.encoders.vgg16 import vgg16
from kerasseg.models.encoders.xception65 import xception65
from kerasseg.taxonomy import Tensor

ENCODERS: dict[str, Callable[..., dict[int, Tensor]]] = {
    "efficientnet_b0": efficientnet_b0,
    "efficientnet_b1": efficientnet_b1,
    "efficientnet_b2": efficientnet_b2,
    "efficientnet_b3": efficientnet_b3,
    "efficientnet_b4": efficientnet_b4,
    "efficientnet_b5": efficientnet_b5,
    "efficientnet_b6": efficientnet_b6,
    "efficientnet_b7": efficientnet_b7,
    "efficientnet_lite0": efficientnet_lite0,
    "efficientnet_lite1": efficientnet_lite1,
    "efficientnet_lite2": efficientnet_lite2,
    "densenet121": densenet121,
    "densenet169": densenet169,
    "densenet201": densenet201,
    "mobilenet_v2": mobilenet_v2,
    "mobilenet_v3_large": mobilenet_v3_large,
    "mobilenet_v3_small": mobilenet_v3_small,
    "resnet18": resnet18,
    "resnet34": resnet34,
    "resnet50": resnet50,
    "resnet101": resnet101,
    "vgg16": vgg16,
    "xception65": xception65,
}


def encode(
    name: str, image: Tensor, *arguments: Any, **options: Any
) -> dict[int, Tensor]:
    """Feature maps of the encoder called `name`; see the contract above.

    Args:
        name: a name of `ENCODERS`.
        image: (B, H, W, C), see above.
        arguments: output_stride, weights and batch_norm_momentum, in this order.
        options: the same by name, and the encoder's own, such as `width=0.5`. An option
            that is None is left out, so that the encoder's default holds.

    Returns:
        {2: map, 4: map, 8: map, 16: map, 32: map}.

    Raises:
        UserError: for an unknown name or option, and what the encoder raises.
    """
    if name not in ENCODERS:
        raise UserError(f"Unknown encoder '{name}'. Known: {', '.join(ENCODERS)}.")
    options = {key: value for key, value in options.items() if value is not None}
    _, *known = inspect.signature(ENCODERS[name]).parameters
    unknown = [key for key in options if key not in known]
    if unknown:
        raise UserError(
            f"Encoder '{name}' has no option '{unknown[0]}'. "
            f"Its options: {', '.join(known)}."
        )
    return ENCODERS[name](image, *arguments, **options)


def freeze(model: keras.Model) -> None:
    """All batch normalizations of the model keep statistics, scale and offset."""
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False
