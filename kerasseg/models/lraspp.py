"""Lite R-ASPP on MobileNetV3 (Howard et al. 2019, arXiv 1905.02244, section 6.4).

Last map -> 1x1 convolution, gated by a coarse pooling of itself -> logits -> summed
with those of the stride-8 map -> bilinear to the image's size.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from kerasseg import UserError, upsampling
from kerasseg.models.encoders import encode
from kerasseg.models.encoders.preprocessing import check_variant
from kerasseg.taxonomy import Tensor

WHOLE = (2**31, 2**31)
"""Larger than any map."""
LOW_LEVEL = {
    "paper": {
        "mobilenet_v3_large": "encoder_expanded_conv_5_depthwise_act",
        "mobilenet_v3_small": "encoder_expanded_conv_3_expand_act",
    },
    "torchvision": {
        "mobilenet_v3_large": "encoder_expanded_conv_3_project_bn",
        "mobilenet_v3_small": "encoder_expanded_conv_1_project_bn",
    },
}
"""The stride-8 maps: of 120 and 96 channels inside the inverted residual blocks, of 40
and 24 behind them."""


def lraspp(
    num_classes: int,
    input_shape: tuple[int, ...],
    encoder: str = "mobilenet_v3_large",
    output_stride: int = 16,
    filters: int = 128,
    reduced_tail: bool | None = None,
    pool_size: tuple[int, int] | None = None,
    pool_stride: tuple[int, int] | None = None,
    gate_bias: bool | None = None,
    low_level: str | None = None,
    batch_norm_momentum: float = 0.9,
    weights: str = "none",
    encoder_options: dict[str, Any] | None = None,
    variant: str = "paper",
) -> keras.Model:
    """Lite R-ASPP: the light head that the MobileNetV3 paper segments with.

    Args:
        num_classes: C, of the logits (B, H, W, C).
        input_shape: (H, W, channels), any size; the logits are resized to it.
        encoder: "mobilenet_v3_large" or "mobilenet_v3_small".
        output_stride: 16, 8 or 32.
        filters: of the convolution behind the encoder, and of its gate.
        reduced_tail: half the filters from the encoder's last stride on, as in the
            paper; there are ImageNet weights only without, so weights="imagenet" needs
            False. None: as the variant has it.
        pool_size: of the gate's average pooling, in pixels of the last map, as is
            pool_stride. None: the paper's (49, 49) and (16, 20), which are for 1024 x
            2048; torchvision's is the whole map. A smaller map is pooled as a whole.
        gate_bias: a bias in the gate's convolution. None: Google's code has one,
            torchvision none.
        low_level: name of another encoder layer of stride 8. Google's code takes
            "encoder_expanded_conv_2_depthwise_act" (88 channels) of the small encoder.
        weights: of the encoder: "imagenet", "none" (random) or a file.
        encoder_options: what else the encoder knows, such as {"width": 0.5}.
        variant: "paper", or "torchvision", also of the encoder: the network of
            torchvision.models.segmentation, whose files `kerasseg.models.import` reads.

    Raises:
        UserError: for another encoder or variant, and what the encoder raises.
    """
    check_variant(variant)
    low_levels, torch = LOW_LEVEL[variant], variant == "torchvision"
    if encoder not in low_levels:
        raise UserError(
            f"LR-ASPP needs one of {', '.join(low_levels)}, got encoder={encoder!r}."
        )
    reduced_tail = not torch if reduced_tail is None else reduced_tail
    gate_bias = not torch if gate_bias is None else gate_bias
    pool_size = pool_size or (WHOLE if torch else (49, 49))
    image = keras.Input(input_shape, name="image")
    options: dict[str, Any] = {"reduced_tail": reduced_tail, "variant": variant}
    options |= encoder_options or {}
    given = (output_stride, weights, batch_norm_momentum)
    x = encode(encoder, image, *given, **options)[32]
    low = keras.Model(image, x).get_layer(low_level or low_levels[encoder]).output

    gate = _gate(x, filters, pool_size, pool_stride or (16, 20), gate_bias)
    x = layers.Conv2D(filters, 1, use_bias=False, name="head_conv")(x)
    x = layers.BatchNormalization(
        momentum=batch_norm_momentum, epsilon=1e-5, name="head_bn"
    )(x)
    x = layers.ReLU()(x)
    if tuple(gate.shape[1:3]) != (1, 1):  # a single value is broadcast
        gate = upsampling.bilinear(gate, x.shape[1:3])
    x = layers.Multiply()([x, gate])

    # The paper resizes, then convolves. A 1x1 convolution and a resize may change
    # places, and this order resizes fewer channels.
    x = layers.Conv2D(num_classes, 1, dtype="float32", name="logits")(x)
    x = upsampling.bilinear(x, low.shape[1:3])
    low = layers.Conv2D(num_classes, 1, dtype="float32", name="logits_low_level")(low)
    x = layers.Add(dtype="float32")([x, low])
    x = upsampling.bilinear(x, input_shape[:2])
    return keras.Model(image, x, name="lraspp")


def _gate(
    x: Tensor,
    filters: int,
    pool_size: tuple[int, int],
    pool_stride: tuple[int, int],
    use_bias: bool,
) -> Tensor:
    """0..1 for each channel of coarse squares of the map: (B, h, w, filters)."""
    rows, columns = (min(pair) for pair in zip(pool_size, x.shape[1:3], strict=True))
    gate = layers.AveragePooling2D(
        (rows, columns), strides=pool_stride, name="gate_pool"
    )(x)
    return layers.Conv2D(
        filters, 1, use_bias=use_bias, activation="sigmoid", name="gate_conv"
    )(gate)
