"""DeepLabv3 (Chen et al. 2017, arXiv 1706.05587) on any encoder.

Encoder with dilated last stages -> atrous spatial pyramid pooling (ASPP) -> dropout ->
logits -> bilinear to the image's size. No decoder.
"""

import keras
from keras import layers

from kerasseg import UserError, upsampling
from kerasseg.models.encoders import encode, freeze
from kerasseg.models.pieces.aspp import RATES, aspp


def deeplab_v3(
    num_classes,
    input_shape,
    encoder="resnet50",
    output_stride=16,
    multi_grid=None,
    rates=None,
    separable=False,
    aspp_filters=256,
    dropout=0.1,
    batch_norm_momentum=0.9,
    freeze_batch_norm=False,
    weights="imagenet",
    encoder_options=None,
):
    """DeepLabv3: ASPP on the encoder's last map.

    input_shape: (H, W, 3), any size; the logits are resized to it by half-pixel
    centres. (The authors' code aligned the corners, hence the paper's crops of 16 k + 1
    pixels, 513; here multiples of the stride suit as well.)
    encoder, weights: see `kerasseg.models.encoders`. encoder_options: what else the
    encoder knows, such as {"width": 0.5}.
    output_stride: 16, 8 (the paper's second half of training and its test) or 32.
    multi_grid: factors on the dilations of the encoder's last three units, for ResNet
    and Xception; the paper's ResNets have (1, 2, 4).
    rates: dilations of the 3x3 branches; None for the paper's (6, 12, 18) at stride 16,
    doubled at 8. () leaves only 1x1 and image pooling (the released MobileNetV2).
    separable: separable 3x3 branches (v3+); the v3 paper has full ones.
    dropout: rate after the ASPP, in the authors' code only.
    batch_norm_momentum: of all layers; the authors used 0.9997 with 30,000 steps.
    freeze_batch_norm: all batch normalizations keep their statistics, scale and offset
    (the second half of the paper's training).
    """
    if output_stride not in RATES:
        raise UserError(f"output_stride must be 8, 16 or 32, got {output_stride!r}.")
    image = keras.Input(input_shape, name="image")
    features = encode(
        encoder,
        image,
        output_stride=output_stride,
        weights=weights,
        batch_norm_momentum=batch_norm_momentum,
        **({"multi_grid": multi_grid} if multi_grid else {}),
        **(encoder_options or {}),
    )
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
