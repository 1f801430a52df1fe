"""U-Net's expanding path on any encoder, without transposed convolutions.

Ronneberger et al. 2015 (arXiv 1505.04597) in the form that segmentation_models_pytorch
calls `Unet`: encoder down to stride 32 -> five times: nearest neighbour x2, with the
encoder's map beside it while there is one, two 3x3 convolutions -> logits at full size
by a 3x3 convolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from kerasseg import UserError, upsampling
from kerasseg.models.encoders import encode
from kerasseg.models.encoders.preprocessing import check_variant
from kerasseg.taxonomy import Tensor

STRIDES = (16, 8, 4, 2, 1)


def encoder_unet(
    num_classes: int,
    input_shape: tuple[int, ...],
    encoder: str = "resnet34",
    filters: Sequence[int] = (256, 128, 64, 32, 16),
    batch_norm_momentum: float = 0.9,
    weights: str = "imagenet",
    encoder_options: dict[str, Any] | None = None,
    variant: str = "own",
) -> keras.Model:
    """U-Net on an encoder, down to full size.

    Args:
        num_classes: C, of the logits (B, H, W, C).
        input_shape: (H, W, channels), any size; where 32 does not divide it the
            encoder's maps are rounded up, and enlarged ones have the size of the next.
        encoder: a name of `kerasseg.models.encoders.ENCODERS`.
        filters: of both convolutions at strides 16, 8, 4, 2 and 1.
        batch_norm_momentum: of all layers; 0.9 follows short trainings.
        weights: of the encoder: "imagenet", "none" (random) or a file.
        encoder_options: what else the encoder knows, such as {"width": 0.5}.
        variant: "own": the encoder is what it is without. "smp": its variant of this
            name, for weights of segmentation_models_pytorch.

    Raises:
        UserError: for an unknown variant, another number of filters, and what the
            encoder raises.
    """
    check_variant(variant, ("own", "smp"))
    if len(filters) != len(STRIDES):
        raise UserError(
            f"filters must name 5 steps (strides 16, 8, 4, 2, 1), got {filters!r}."
        )
    momentum = batch_norm_momentum
    image = keras.Input(input_shape, name="image")
    options = ({} if variant == "own" else {"variant": variant}) | (
        encoder_options or {}
    )
    features = encode(encoder, image, 32, weights, momentum, **options)
    x = features[32]
    for stride, width in zip(STRIDES, filters, strict=True):
        skip = features.get(stride)
        rows, columns = (image if skip is None else skip).shape[1:3]
        x = upsampling.nearest(x)[:, :rows, :columns]
        if skip is not None:
            x = layers.Concatenate()([x, skip])
        for number in (1, 2):
            x = _conv(x, width, f"decoder_{stride}_{number}", momentum)
    x = layers.Conv2D(num_classes, 3, padding="same", dtype="float32", name="logits")(x)
    return keras.Model(image, x, name="encoder_unet")


def _conv(x: Tensor, filters: int, name: str, momentum: float) -> Tensor:
    x = layers.Conv2D(
        filters,
        3,
        padding="same",
        use_bias=False,
        kernel_initializer="he_uniform",
        name=f"{name}_conv",
    )(x)
    x = layers.BatchNormalization(momentum=momentum, epsilon=1e-5, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
