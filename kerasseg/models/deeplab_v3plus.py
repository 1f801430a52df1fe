"""DeepLabv3+ (Chen et al. 2018, arXiv 1802.02611) on any encoder.

Encoder with dilated last stages -> atrous spatial pyramid pooling (ASPP) -> x4 ->
refined with the encoder's stride-4 map -> logits -> bilinear to the image's size.
The variant "smp" is `DeepLabV3Plus` of segmentation_models_pytorch.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
from keras import layers

from kerasseg import upsampling
from kerasseg.models.encoders import encode
from kerasseg.models.encoders.preprocessing import check_variant
from kerasseg.models.encoders.strides import check_output_stride
from kerasseg.models.pieces.aspp import RATES, aspp, conv, conv3, separable_conv


def deeplab_v3plus(
    num_classes: int,
    input_shape: tuple[int, ...],
    encoder: str = "efficientnet_lite0",
    output_stride: int = 16,
    multi_grid: Sequence[int] | None = None,
    rates: Sequence[int] | None = None,
    separable: bool = True,
    aspp_filters: int = 256,
    decoder_filters: int = 256,
    low_level: str | None = None,
    low_level_filters: int = 48,
    dropout: float = 0.1,
    batch_norm_momentum: float = 0.9,
    weights: str = "imagenet",
    encoder_options: dict[str, Any] | None = None,
    variant: str = "paper",
) -> keras.Model:
    """DeepLabv3+: ASPP and a decoder of two 3x3 convolutions at stride 4.

    Args:
        num_classes: C, of the logits (B, H, W, C).
        input_shape: (H, W, channels), any size; where the output stride does not divide
            it the maps are rounded up and resized to the exact size again. All resizing
            is by half-pixel centres (the authors' code aligned the corners).
        encoder: a name of `kerasseg.models.encoders.ENCODERS`.
        output_stride: 16 (paper default), 8 (finer, about four times the work) or 32.
        multi_grid: factors on the dilations of the encoder's last three units, for
            ResNet and Xception; Google's ResNets have (1, 2, 4).
        rates: dilations of the 3x3 branches; None for the paper's (6, 12, 18) at stride
            16, doubled at 8, and (12, 24, 36) of "smp".
        separable: separable convolutions in ASPP and decoder (the paper's with
            Xception), else full ones (its ResNet-101; of "smp" in the ASPP only).
        aspp_filters: of each branch and of the ASPP's result.
        decoder_filters: of the two convolutions at stride 4.
        low_level: name of another encoder layer of stride 4 for the decoder; the
            authors take "encoder_block_2_depthwise_relu" (144 channels) of mobilenet_v2
            and "encoder_conv2_block2_3_bn" (256 channels) of a ResNet.
        low_level_filters: to which the encoder's map is reduced.
        dropout: rate after the ASPP (0.1 in the authors' code).
        batch_norm_momentum: of all layers; 0.9 follows short trainings, the authors
            used 0.9997 with 30,000 steps.
        weights: of the encoder: "imagenet", "none" (random) or a file.
        encoder_options: what else the encoder knows, such as {"width": 0.5}.
        variant: "paper", or "smp": one separable convolution of the decoder stands
            before the x4 and one after it, nothing is between their two parts, resizing
            keeps the corners, and the encoder's variant is that of this name.

    Raises:
        UserError: for a wrong option, and what the encoder raises.
    """
    check_output_stride(output_stride)
    check_variant(variant, ("paper", "smp"))
    paper = variant == "paper"
    momentum = batch_norm_momentum
    if rates is None:
        rates = RATES[output_stride] if paper else RATES[8]
    image = keras.Input(input_shape, name="image")
    options = {"multi_grid": multi_grid, "variant": None if paper else variant}
    options |= encoder_options or {}
    features = encode(encoder, image, output_stride, weights, momentum, **options)
    x = aspp(
        features[32],
        aspp_filters,
        tuple(rates),
        separable=separable,
        momentum=momentum,
        between=paper,
    )
    x = layers.Dropout(dropout)(x)
    separable_three = partial(separable_conv, between=paper)
    if not paper:
        x = separable_three(x, decoder_filters, "decoder_deep", momentum=momentum)

    skip = features[4]
    if low_level:
        skip = keras.Model(image, features[32]).get_layer(low_level).output
    skip = conv(skip, low_level_filters, 1, "decoder_low_level", momentum=momentum)
    resize = upsampling.bilinear if paper else upsampling.bilinear_by_corners
    x = resize(x, skip.shape[1:3])
    x = layers.Concatenate()([x, skip])
    three = separable_three if separable or not paper else conv3
    for number in range(2 if paper else 1):
        x = three(x, decoder_filters, f"decoder_{number}", momentum=momentum)
    x = layers.Conv2D(num_classes, 1, dtype="float32", name="logits")(x)
    x = resize(x, input_shape[:2])
    return keras.Model(image, x, name="deeplab_v3plus")
