"""FCN on a dilated encoder, as in torchvision.models.segmentation.

Long, Shelhamer and Darrell 2015 (arXiv 1411.4038) scored VGG-16 at stride 32. Here the
last two strides of a ResNet are dilation instead (Yu and Koltun 2016, arXiv 1511.07122)
-> 3x3 convolution to a quarter of the channels -> dropout -> logits -> bilinear to the
image's size. No skips.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from kerasseg import upsampling
from kerasseg.models.encoders import encode
from kerasseg.models.encoders.preprocessing import check_variant
from kerasseg.models.pieces.aspp import conv


def fcn_resnet(
    num_classes: int,
    input_shape: tuple[int, ...],
    encoder: str = "resnet50",
    output_stride: int = 8,
    dropout: float = 0.1,
    batch_norm_momentum: float = 0.9,
    weights: str = "imagenet",
    encoder_options: dict[str, Any] | None = None,
    variant: str = "paper",
) -> keras.Model:
    """FCN on the last map of an encoder.

    Args:
        num_classes: C, of the logits (B, H, W, C).
        input_shape: (H, W, channels), any size; the logits are resized to it by
            half-pixel centres.
        encoder: a name of `kerasseg.models.encoders.ENCODERS`.
        output_stride: 8, 16 or 32.
        dropout: rate before the logits.
        batch_norm_momentum: of all layers.
        weights: of the encoder: "imagenet", "none" (random) or a file.
        encoder_options: what else the encoder knows, such as {"width": 0.5}.
        variant: of the encoder: "paper" (keras.applications), or "torchvision": the
            network whose files `kerasseg.models.import` reads.

    Raises:
        UserError: for a wrong option, and what the encoder raises.
    """
    check_variant(variant)
    image = keras.Input(input_shape, name="image")
    options = {"variant": variant} if variant != "paper" else {}
    given = (output_stride, weights, batch_norm_momentum)
    x = encode(encoder, image, *given, **options, **(encoder_options or {}))[32]
    x = conv(x, x.shape[-1] // 4, 3, "head", momentum=batch_norm_momentum)
    x = layers.Dropout(dropout)(x)
    x = layers.Conv2D(num_classes, 1, dtype="float32", name="logits")(x)
    x = upsampling.bilinear(x, input_shape[:2])
    return keras.Model(image, x, name="fcn_resnet")
