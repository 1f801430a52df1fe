"""DeepLabv3 (Chen et al. 2017, arXiv 1706.05587) on any encoder.

Encoder with dilated last stages -> atrous spatial pyramid pooling (ASPP) -> dropout ->
logits -> bilinear to the image's size. No decoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from kerasseg import upsampling
from kerasseg.models.encoders import encode, freeze
from kerasseg.models.encoders.strides import check_output_stride
from kerasseg.models.pieces.aspp import RATES, aspp


def deeplab_v3(
    num_classes: int,
    input_shape: tuple[int, ...],
    encoder: str = "resnet50",
    output_stride: int = 16,
    multi_grid: Sequence[int] | None = None,
    rates: Sequence[int] | None = None,
    separable: bool = False,
    aspp_filters: int = 256,
    dropout: float = 0.1,
    batch_norm_momentum: float = 0.9,
    freeze_batch_norm: bool = False,
    weights: str = "imagenet",
    encoder_options: dict[str, Any] | None = None,
) -> keras.Model:
    """DeepLabv3: ASPP on the encoder's last map.

    Args:
        num_classes: C, of the logits (B, H, W, C).
        input_shape: (H, W, channels), any size; the logits are resized to it by
            half-pixel centres. (The authors' code aligned the corners, hence the
            paper's crops of 16 k + 1 pixels, 513; here multiples of the stride suit as
            well.)
        encoder: a name of `kerasseg.models.encoders.ENCODERS`.
        output_stride: 16, 8 (the paper's second half of training and its test) or 32.
        multi_grid: factors on the dilations of the encoder's last three units, for
            ResNet and Xception; the paper's ResNets have (1, 2, 4).
        rates: dilations of the 3x3 branches; None for the paper's (6, 12, 18) at stride
            16, doubled at 8. () leaves only 1x1 and image pooling (the released
            MobileNetV2).
        separable: separable 3x3 branches (v3+); the v3 paper has full ones.
        aspp_filters: of each branch and of the ASPP's result.
        dropout: rate after the ASPP, in the authors' code only.
        batch_norm_momentum: of all layers; the authors used 0.9997 with 30,000 steps.
        freeze_batch_norm: all batch normalizations keep their statistics, scale and
            offset (the second half of the paper's training).
        weights: of the encoder: "imagenet", "none" (random) or a file.
        encoder_options: what else the encoder knows, such as {"width": 0.5}.

    Raises:
        UserError: for a wrong output stride, and what the encoder raises.
    """
    check_output_stride(output_stride)
    image = keras.Input(input_shape, name="image")
    options = {"multi_grid": multi_grid} | (encoder_options or {})
    given = (output_stride, weights, batch_norm_momentum)
    features = encode(encoder, image, *given, **options)
    x = aspp(
        features[32],
        aspp_filters,
        RATES[output_stride] if rates is None else tuple(rates),
        separable=separable,
        momentum=batch_norm_momentum,
    )
    x = layers.Dropout(dropout)(x)
    x = layers.Conv2D(
        num_classes,
        1,
        kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.01),
        dtype="float32",
        name="logits",
    )(x)
    x = upsampling.bilinear(x, input_shape[:2])
    model = keras.Model(image, x, name="deeplab_v3")
    if freeze_batch_norm:
        freeze(model)
    return model
