"""MobileNetV3 Large and Small, up to and with the last 1x1 convolution before pooling.

Howard et al. 2019 (arXiv 1905.02244), Tables 1 and 2. Layers are named as in
keras.applications.MobileNetV3Large/Small, so that its weights load. The argument
`reduced_tail` gives the networks that the paper segments with: mobilenet_v3_large_seg
and _small_seg of github.com/tensorflow/models, research/deeplab. The variant
"torchvision" is the network of torchvision.models.
"""

from __future__ import annotations

from functools import partial

import keras
from keras import layers

from kerasseg.models.encoders.inverted_residual import (
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
from kerasseg.models.encoders.weights import assign, load_own, read_applications
from kerasseg.models.importing import torchvision_encoders
from kerasseg.taxonomy import Tensor

# kernel size, expansion, filters, squeeze and excitation, activation, stride
LARGE = (
    (3, 1, 16, False, "relu", 1),
    (3, 4, 24, False, "relu", 2),
    (3, 3, 24, False, "relu", 1),
    (5, 3, 40, True, "relu", 2),
    (5, 3, 40, True, "relu", 1),
    (5, 3, 40, True, "relu", 1),
    (3, 6, 80, False, "hard_swish", 2),
    (3, 2.5, 80, False, "hard_swish", 1),
    (3, 2.3, 80, False, "hard_swish", 1),
    (3, 2.3, 80, False, "hard_swish", 1),
    (3, 6, 112, True, "hard_swish", 1),
    (3, 6, 112, True, "hard_swish", 1),
    (5, 6, 160, True, "hard_swish", 2),
    (5, 6, 160, True, "hard_swish", 1),
    (5, 6, 160, True, "hard_swish", 1),
)
SMALL = (
    (3, 1, 16, True, "relu", 2),
    (3, 72 / 16, 24, False, "relu", 2),
    (3, 88 / 24, 24, False, "relu", 1),
    (5, 4, 40, True, "hard_swish", 2),
    (5, 6, 40, True, "hard_swish", 1),
    (5, 6, 40, True, "hard_swish", 1),
    (5, 3, 48, True, "hard_swish", 1),
    (5, 3, 48, True, "hard_swish", 1),
    (5, 6, 96, True, "hard_swish", 2),
    (5, 6, 96, True, "hard_swish", 1),
    (5, 6, 96, True, "hard_swish", 1),
)


def mobilenet_v3(
    name: str,
    blocks: tuple[tuple, ...],
    image: Tensor,
    output_stride: int = 32,
    weights: str = "imagenet",
    batch_norm_momentum: float = 0.99,
    *,
    reduced_tail: bool = False,
    width: float = 1.0,
    variant: str = "paper",
) -> dict[int, Tensor]:
    """MobileNetV3 of the given blocks. See `kerasseg.models.encoders` for the contract.

    Args:
        name: of the network in keras.applications.
        blocks: LARGE or SMALL.
        reduced_tail: half the filters from the last stride on, as in the paper's
            segmentation; there are no ImageNet weights for it.
        width: factor on all filters but the stem's, rounded to multiples of 8 ("alpha"
            in keras.applications, which has ImageNet weights for 0.75 and 1).
        variant: "paper", or "torchvision": convolutions with a stride are padded on
            both sides alike; the block that loses its stride is dilated itself; images
            are standardised by ImageNet's mean and deviation. Its `weights` are "none"
            or a file of torchvision.models.

    Raises:
        UserError: for a wrong output stride, and when weights cannot be read.
    """
    check_output_stride(output_stride)
    check_variant(variant)
    torch = variant == "torchvision"
    momentum = batch_norm_momentum
    x = standardised(image) if torch else to_one(image)
    if torch:
        x = layers.ZeroPadding2D(1, name="encoder_conv_even_pad")(x)
    x = layers.Conv2D(
        16,
        3,
        strides=2,
        padding="valid" if torch else "same",
        use_bias=False,
        name="encoder_conv",
    )(x)
    x = batch_norm(x, "encoder_conv_bn", momentum)
    x = layers.Activation("hard_swish", name="encoder_conv_act")(x)

    features = {2: x}
    steps = places((step for *_, step in blocks), output_stride, at_once=torch)
    for index, (block, place) in enumerate(zip(blocks, steps, strict=True)):
        kernel, factor, filters, squeeze, act, step = block
        tail = reduced_tail and place.level == 32
        if tail and step == 2:
            factor /= 2
        x = inverted_residual(
            x,
            divisible(filters * width / (2 if tail else 1)),
            kernel,
            divisible(x.shape[-1] * factor) if index else None,
            f"encoder_expanded_conv_{index}" if index else "encoder_expanded_conv",
            place,
            activate=partial(_activate, act),
            momentum=momentum,
            even=torch,
            gate=_squeeze_and_excite if squeeze else None,
        )
        features[place.level] = x
    x = layers.Conv2D(
        divisible(6 * x.shape[-1]), 1, use_bias=False, name="encoder_conv_1"
    )(x)
    x = batch_norm(x, "encoder_conv_1_bn", momentum)
    x = layers.Activation("hard_swish", name="encoder_conv_1_act")(x)
    features[32] = x
    if weights != "none":
        encoder = keras.Model(image, x)
        if torch:
            there = torchvision_encoders.mobilenet_v3(squeezes(blocks))
            torchvision_encoders.load(encoder, name, weights, there)
        elif reduced_tail:
            load_own(encoder, f"{name} with reduced_tail", weights)
        else:
            assign(encoder, read_applications(name, weights, alpha=width))
    return features


mobilenet_v3_large = partial(mobilenet_v3, "MobileNetV3Large", LARGE)
"""960 channels at the end, 480 with `reduced_tail`. Options: `mobilenet_v3`."""
mobilenet_v3_small = partial(mobilenet_v3, "MobileNetV3Small", SMALL)
"""576 channels at the end, 288 with `reduced_tail`. Options: `mobilenet_v3`."""


def squeezes(blocks: tuple[tuple, ...]) -> list[bool]:
    """Whether each block has a squeeze and excitation."""
    return [squeeze for _, _, _, squeeze, _, _ in blocks]


def _activate(activation: str, x: Tensor, name: str) -> Tensor:
    return layers.Activation(activation, name=f"{name}_act")(x)


def _squeeze_and_excite(x: Tensor, name: str) -> Tensor:
    channels = x.shape[-1]
    gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_avg_pool")(x)
    gate = layers.Conv2D(
        divisible(channels / 4), 1, activation="relu", name=f"{name}_conv"
    )(gate)
    gate = layers.Conv2D(channels, 1, activation="hard_sigmoid", name=f"{name}_conv_1")(
        gate
    )
    return layers.Multiply(name=f"{name}_mul")([x, gate])
