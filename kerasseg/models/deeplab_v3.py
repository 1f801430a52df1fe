"""DeepLabv3 (Chen et al. 2017, arXiv 1706.05587) on any encoder.

Encoder with dilated last stages -> atrous spatial pyramid pooling (ASPP) -> dropout ->
logits -> bilinear to the image's size. No decoder. The variant "torchvision" has one
more 3x3 convolution before the logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from kerasseg import upsampling
from kerasseg.models.encoders import encode, freeze
from kerasseg.models.encoders.preprocessing import check_variant
from kerasseg.models.encoders.strides import check_output_stride
from kerasseg.models.pieces.aspp import RATES, aspp, conv


def deeplab_v3(
    num_classes: int,
    input_shape: tuple[int, ...],
    encoder: str = "resnet50",
    output_stride: int | None = None,
    multi_grid: Sequence[int] | None = None,
    rates: Sequence[int] | None = None,
    separable: bool = False,
    aspp_filters: int = 256,
    dropout: float | None = None,
    batch_norm_momentum: float = 0.9,
    freeze_batch_norm: bool = False,
    weights: str = "imagenet",
    encoder_options: dict[str, Any] | None = None,
    variant: str = "paper",
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
            None: 16; in torchvision's ResNets 8.
        multi_grid: factors on the dilations of the encoder's last three units, for
            ResNet and Xception. None: (1, 2, 4) for the paper's ResNets, else 1.
        rates: dilations of the 3x3 branches; None for the paper's (6, 12, 18) at stride
            16, doubled at 8, and for torchvision's (12, 24, 36) at any. () leaves only
            1x1 and image pooling (the released MobileNetV2).
        separable: separable 3x3 branches (v3+); the v3 paper has full ones.
        aspp_filters: of each branch and of the ASPP's result.
        dropout: rate after the ASPP, in the authors' code only. None: theirs, 0.1, or
            torchvision's 0.5.
        batch_norm_momentum: of all layers; the authors used 0.9997 with 30,000 steps.
        freeze_batch_norm: all batch normalizations keep their statistics, scale and
            offset (the second half of the paper's training).
        weights: of the encoder: "imagenet", "none" (random) or a file.
        encoder_options: what else the encoder knows, such as {"width": 0.5}.
        variant: "paper", or "torchvision", also of the encoder: the networks of
            torchvision.models.segmentation, whose files `kerasseg.models.import` reads.

    Raises:
        UserError: for a wrong output stride, and what the encoder raises.
    """
    check_variant(variant)
    torch, is_resnet = variant == "torchvision", encoder.startswith("resnet")
    if output_stride is None:
        output_stride = 8 if torch and is_resnet else 16
    check_output_stride(output_stride)
    if multi_grid is None and is_resnet and not torch:
        multi_grid = (1, 2, 4)
    if rates is None:
        rates = RATES[8 if torch else output_stride]
    if dropout is None:
        dropout = 0.5 if torch else 0.1
    image = keras.Input(input_shape, name="image")
    options: dict[str, Any] = {"multi_grid": multi_grid}
    options |= {"variant": variant} if torch else {}
    options |= encoder_options or {}
    given = (output_stride, weights, batch_norm_momentum)
    features = encode(encoder, image, *given, **options)
    x = aspp(
        features[32],
        aspp_filters,
        tuple(rates),
        separable=separable,
        momentum=batch_norm_momentum,
    )
    x = layers.Dropout(dropout)(x)
    if torch:
        x = conv(x, aspp_filters, 3, "head", momentum=batch_norm_momentum)
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
