"""MobileNetV2 without its last 1x1 convolution to 1280 channels.

Sandler et al. 2018 (arXiv 1801.04381), Table 2. Layers are named as in
keras.applications.MobileNetV2. The 1280-channel convolution is left out as in DeepLab
(research/deeplab/core/feature_extractor.py ends at layer_18).

The variants "torchvision" and "smp" are that network in torchvision.models and in
segmentation_models_pytorch, which have that convolution.
"""

from __future__ import annotations

import keras
from keras import layers

from kerasseg.models.encoders.inverted_residual import (
    EPSILON,
    batch_norm,
    divisible,
    inverted_residual,
)
from kerasseg.models.encoders.preprocessing import (
    check_variant,
    standardised,
    to_one,
)
from kerasseg.models.encoders.strides import check_output_stride, places
from kerasseg.models.encoders.weights import assign, read_applications
from kerasseg.models.importing import torchvision_encoders
from kerasseg.taxonomy import Tensor

# expansion, filters, repeats, stride
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
VARIANTS = ("paper", "torchvision", "smp")


def mobilenet_v2(
    image: Tensor,
    output_stride: int = 32,
    weights: str = "imagenet",
    batch_norm_momentum: float = 0.99,
    *,
    width: float = 1.0,
    variant: str = "paper",
) -> dict[int, Tensor]:
    """320 or 1280 channels at the end. `kerasseg.models.encoders` has the contract.

    Args:
        width: factor on all filters, rounded to multiples of 8 ("alpha" in
            keras.applications, with ImageNet weights for 0.35, 0.5, 0.75, 1, 1.3, 1.4).
        variant: "paper", or "torchvision": convolutions with stride are padded on both
            sides alike, images are standardised by ImageNet's mean and deviation, and
            the last 1x1 convolution, to 1280 channels, is there. "smp": the same, and a
            stage without its stride is dilated from its first block on. `weights` of
            these two are "none" or a file of torchvision.models.

    Raises:
        UserError: for a wrong output stride, and when weights cannot be read.
    """
    check_output_stride(output_stride)
    check_variant(variant, VARIANTS)
    torch, momentum = variant != "paper", batch_norm_momentum
    epsilon = 1e-5 if torch else EPSILON
    x = standardised(image) if torch else to_one(image)
    if torch:
        x = layers.ZeroPadding2D(1, name="encoder_Conv1_even_pad")(x)
    x = layers.Conv2D(
        divisible(32 * width),
        3,
        strides=2,
        padding="valid" if torch else "same",
        use_bias=False,
        name="encoder_Conv1",
    )(x)
    x = batch_norm(x, "encoder_bn_Conv1", momentum, epsilon)
    x = _relu(x, "encoder_Conv1")

    blocks = [
        (expansion, filters, step if repeat == 0 else 1)
        for expansion, filters, repeats, step in STAGES
        for repeat in range(repeats)
    ]
    features = {2: x}
    steps = places((step for *_, step in blocks), output_stride, variant == "smp")
    for index, ((expansion, filters, _), place) in enumerate(
        zip(blocks, steps, strict=True)
    ):
        x = inverted_residual(
            x,
            divisible(int(filters * width)),
            3,
            expansion * x.shape[-1] if expansion != 1 else None,
            f"encoder_block_{index}" if index else "encoder_expanded_conv",
            place,
            activate=_relu,
            momentum=momentum,
            endings=("", "_BN"),
            even=torch,
            epsilon=epsilon,
        )
        features[place.level] = x
    if torch:
        x = layers.Conv2D(
            divisible(1280 * max(1.0, width)), 1, use_bias=False, name="encoder_Conv_1"
        )(x)
        x = batch_norm(x, "encoder_Conv_1_bn", momentum, epsilon)
        features[32] = x = _relu(x, "encoder_out")
    if weights != "none":
        encoder = keras.Model(image, x)
        if torch:
            where = torchvision_encoders.mobilenet_v2
            torchvision_encoders.load(encoder, "MobileNetV2", weights, where)
        else:
            assign(encoder, read_applications("MobileNetV2", weights, alpha=width))
    return features


def _relu(x: Tensor, name: str) -> Tensor:
    return layers.ReLU(6.0, name=f"{name}_relu")(x)
