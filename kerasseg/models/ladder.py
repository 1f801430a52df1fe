"""A ladder on any encoder, for small and fast networks that also see thin things.

Encoder down to stride 32 -> atrous spatial pyramid pooling -> at strides 16, 8, 4, 2:
x2, plus the encoder's map, one separable 3x3 convolution -> logits -> bilinear x2.

The form is SwiftNet's (Orsic et al. 2019, arXiv 1903.08469): lateral connections are
projected and added, and a decoder this narrow is enough where the encoder is
pretrained. Three things are not: ASPP in place of grid pooling (no pooling of odd
sizes on a device), separable convolutions, and a step more, to stride 2, where a pole
is one pixel wide and not a half.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from kerasseg import UserError, upsampling
from kerasseg.models.encoders import encode
from kerasseg.models.pieces.aspp import RATES, aspp, conv, separable_conv


def ladder(
    num_classes: int,
    input_shape: tuple[int, ...],
    encoder: str = "efficientnet_lite2",
    aspp_filters: int = 128,
    filters: Sequence[int] = (128, 128, 96, 48),
    dropout: float = 0.1,
    batch_norm_momentum: float = 0.9,
    weights: str = "imagenet",
    encoder_options: dict[str, Any] | None = None,
) -> keras.Model:
    """A ladder of one separable convolution a step, down to stride 2.

    Args:
        num_classes: C, of the logits (B, H, W, C).
        input_shape: (H, W, channels), any size; where 32 does not divide it the maps
            are rounded up and resized to the exact size again.
        encoder: a name of `kerasseg.models.encoders.ENCODERS`.
        aspp_filters: of each branch and of the ASPP's result.
        filters: of the steps at strides 16, 8, 4 and 2; fewer of them end earlier.
        dropout: rate after the ASPP.
        weights: of the encoder: "imagenet", "none" (random) or a file.
        encoder_options: what else the encoder knows, such as {"width": 0.5}.

    Raises:
        UserError: for another number of filters, and what the encoder raises.
    """
    if not 1 <= len(filters) <= 4:
        raise UserError(
            f"filters must name 1 to 4 steps (strides 16, 8, 4, 2), got {filters!r}."
        )
    momentum = batch_norm_momentum
    image = keras.Input(input_shape, name="image")
    features = encode(encoder, image, 32, weights, momentum, **(encoder_options or {}))
    x = aspp(features[32], aspp_filters, RATES[32], separable=True, momentum=momentum)
    x = layers.Dropout(dropout)(x)
    for stride, width in zip((16, 8, 4, 2), filters, strict=False):
        name = f"ladder_{stride}"
        skip = conv(features[stride], width, 1, f"{name}_skip", momentum=momentum)
        if x.shape[-1] != width:
            x = conv(x, width, 1, f"{name}_deep", momentum=momentum)
        x = layers.Add()([upsampling.bilinear(x, skip.shape[1:3]), skip])
        x = separable_conv(x, width, name, momentum=momentum)
    x = layers.Conv2D(num_classes, 1, dtype="float32", name="logits")(x)
    x = upsampling.bilinear(x, input_shape[:2])
    return keras.Model(image, x, name="ladder")
