"""Semantic FPN (Kirillov et al. 2019, "Panoptic Feature Pyramid Networks", arXiv
1901.02446, section 3.1) on any encoder.

Pyramid: the encoder's maps of strides 4 to 32 by 1x1 convolutions to one width, from
the deepest up each one x2 and added to the next (Lin et al. 2017, arXiv 1612.03144).
Branches: each level by 3x3 convolutions with group normalization and x2 to stride 4.
Their sum -> logits -> bilinear to the image's size. The variant "smp" is `FPN` of
segmentation_models_pytorch.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from kerasseg import UserError, upsampling
from kerasseg.models.encoders import encode
from kerasseg.models.encoders.preprocessing import check_variant

LEVELS = (32, 16, 8, 4)
"""Strides of the pyramid's maps."""
VARIANTS = ("paper", "smp")


def fpn(
    num_classes: int,
    input_shape: tuple[int, ...],
    encoder: str = "resnet50",
    pyramid_filters: int = 256,
    filters: int = 128,
    groups: int = 32,
    dropout: float = 0.0,
    batch_norm_momentum: float = 0.9,
    weights: str = "imagenet",
    encoder_options: dict[str, Any] | None = None,
    variant: str = "paper",
) -> keras.Model:
    """Semantic FPN.

    Args:
        num_classes: C, of the logits (B, H, W, C).
        input_shape: (H, W, channels), any size; where 32 does not divide it the maps
            are rounded up, and enlarged ones have the size of the next.
        encoder: a name of `kerasseg.models.encoders.ENCODERS`.
        pyramid_filters: of the pyramid's maps.
        filters: of the branches; a multiple of `groups`.
        groups: of the group normalizations.
        dropout: rate of whole maps of the sum (0.2 in segmentation_models_pytorch).
        batch_norm_momentum: of the encoder.
        weights: of the encoder: "imagenet", "none" (random) or a file.
        encoder_options: what else the encoder knows, such as {"width": 0.5}.
        variant: "paper": a 3x3 convolution after each sum of the pyramid, as Lin et al.
            have it, and bilinear resizing by half-pixel centres. "smp": no such
            convolution, resizing that keeps the corners, and the encoder's variant of
            this name.

    Raises:
        UserError: for an unknown variant, filters that the groups do not divide, and
            what the encoder raises.
    """
    check_variant(variant, VARIANTS)
    if groups < 1 or filters % groups:
        raise UserError(
            f"filters must be a multiple of groups, got filters={filters} and "
            f"groups={groups}."
        )
    paper = variant == "paper"
    resize = upsampling.bilinear if paper else upsampling.bilinear_by_corners
    image = keras.Input(input_shape, name="image")
    given = (32, weights, batch_norm_momentum)
    options = ({} if paper else {"variant": variant}) | (encoder_options or {})
    features = encode(encoder, image, *given, **options)
    sizes = {stride: features[stride].shape[1:3] for stride in LEVELS}

    branches, level = [], None
    for stride in LEVELS:
        lateral = layers.Conv2D(pyramid_filters, 1, name=f"pyramid_{stride}_lateral")
        x = lateral(features[stride])
        if level is not None:
            rows, columns = sizes[stride]
            x = layers.Add()([upsampling.nearest(level)[:, :rows, :columns], x])
        level = x
        if paper:
            name = f"pyramid_{stride}_smooth"
            x = layers.Conv2D(pyramid_filters, 3, padding="same", name=name)(x)
        larger = [sizes[each] for each in reversed(LEVELS) if 4 <= each < stride]
        for number in range(max(1, len(larger))):
            name = f"branch_{stride}_{number}"
            x = layers.Conv2D(
                filters,
                3,
                padding="same",
                use_bias=False,
                kernel_initializer="he_uniform",
                name=f"{name}_conv",
            )(x)
            x = layers.GroupNormalization(groups, epsilon=1e-5, name=f"{name}_norm")(x)
            x = layers.ReLU()(x)
            if larger:
                x = resize(x, larger[-1 - number])
        branches.append(x)
    x = layers.Add()(branches)
    x = layers.SpatialDropout2D(dropout)(x)
    x = layers.Conv2D(num_classes, 1, dtype="float32", name="logits")(x)
    return keras.Model(image, resize(x, input_shape[:2]), name="fpn")
