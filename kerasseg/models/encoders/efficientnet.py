"""EfficientNet-B0 to B7 without the last 1x1 convolution and the classifier.

Tan and Le 2019 (arXiv 1905.11946), Table 1 and the factors of their code
(github.com/tensorflow/tpu/tree/master/models/official/efficientnet). The weights are
those of keras.applications.EfficientNetB0 to B7.

The variant "smp" is the encoder of segmentation_models_pytorch, which is the network of
github.com/lukemelas/EfficientNet-PyTorch.
"""

from __future__ import annotations

import math
import re
from functools import partial
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from kerasseg import UserError
from kerasseg.models.encoders.efficientnet_lite import STAGES
from kerasseg.models.encoders.inverted_residual import (
    batch_norm,
    divisible,
    inverted_residual,
)
from kerasseg.models.encoders.preprocessing import (
    TORCH_MEAN,
    check_variant,
    standardised,
)
from kerasseg.models.encoders.strides import check_output_stride, places
from kerasseg.models.encoders.weights import Arrays, assign, load_own, read_applications
from kerasseg.taxonomy import Tensor

VARIANTS = ("paper", "smp")
SIZES = (
    (1.0, 1.0, 224),
    (1.0, 1.1, 240),
    (1.1, 1.2, 260),
    (1.2, 1.4, 300),
    (1.4, 1.8, 380),
    (1.6, 2.2, 456),
    (1.8, 2.6, 528),
    (2.0, 3.1, 600),
)
"""Of B0 to B7: factor on the filters, which are rounded to multiples of 8; factor on
the repeats of the stages, rounded up; side of the image, pixels."""
TO_OURS = (
    ("dwconv", "depthwise_conv"),
    (r"^(block\d[a-z])_bn", r"\1_depthwise_bn"),
    ("_se_", "_squeeze_excite_"),
)
"""Parts of the names of layers in keras.applications, and ours."""


class Block(NamedTuple):
    """An inverted residual block before the factors of `SIZES`."""

    name: str
    kernel: int
    expansion: int
    filters: int
    step: int


def efficientnet(
    number: int,
    image: Tensor,
    output_stride: int = 32,
    weights: str = "imagenet",
    batch_norm_momentum: float = 0.99,
    *,
    variant: str = "paper",
) -> dict[int, Tensor]:
    """EfficientNet-B`number`. See `kerasseg.models.encoders` for the contract.

    Args:
        variant: "paper", or "smp": convolutions with stride are padded as the maps of
            an image of `SIZES` need it, whatever the image is; the map of stride 2 is
            the stem's; a stage without its stride is dilated from its first block on.
            B0's stage of stride 16 ends with block 5a: 5b and 5c belong to the next.
            There are no ImageNet weights of it in Keras; `weights` are "none" or a file
            of its own.

    Raises:
        UserError: for a wrong option, and when weights cannot be read.
    """
    check_output_stride(output_stride)
    check_variant(variant, VARIANTS)
    width, _, side = SIZES[number]
    smp, momentum = variant == "smp", batch_norm_momentum
    x = layers.Conv2D(
        divisible(32 * width),
        3,
        strides=2,
        padding="same",  # as `side` needs it, which is even
        use_bias=False,
        name="encoder_stem_conv",
    )(standardised(image))
    x = _swish(batch_norm(x, "encoder_stem_bn", momentum), "encoder_stem")

    found = blocks(number)
    steps = list(places((block.step for block in found), output_stride, smp))
    features = {2: x}
    side = math.ceil(side / 2)
    for block, place in zip(found, steps, strict=True):
        if smp and number == 0 and block.name in ("block5b", "block5c"):
            place = steps[-1]
        x = inverted_residual(
            x,
            divisible(block.filters * width),
            block.kernel,
            block.expansion * x.shape[-1] if block.expansion != 1 else None,
            f"encoder_{block.name}",
            place,
            activate=_swish,
            momentum=momentum,
            endings=("_conv", "_bn"),
            gate=partial(_squeeze_and_excite, max(1, x.shape[-1] // 4)),
            even=smp and side % 2 == 1,
        )
        side = math.ceil(side / block.step)
        if not smp or place.level > 2:
            features[place.level] = x
    if weights != "none" and smp:
        load_own(keras.Model(image, x), f"efficientnet_b{number} of smp", weights)
    elif weights != "none":
        assign(keras.Model(image, x), _read(number, weights))
    return features


efficientnet_b0 = partial(efficientnet, 0)
efficientnet_b1 = partial(efficientnet, 1)
efficientnet_b2 = partial(efficientnet, 2)
efficientnet_b3 = partial(efficientnet, 3)
efficientnet_b4 = partial(efficientnet, 4)
efficientnet_b5 = partial(efficientnet, 5)
efficientnet_b6 = partial(efficientnet, 6)
efficientnet_b7 = partial(efficientnet, 7)


def blocks(number: int) -> list[Block]:
    """The blocks of EfficientNet-B`number`, in their order."""
    _, depth, _ = SIZES[number]
    return [
        Block(
            f"block{stage}{chr(ord('a') + repeat)}",
            kernel,
            expansion,
            filters,
            step if repeat == 0 else 1,
        )
        for stage, (repeats, kernel, step, expansion, filters) in enumerate(STAGES, 1)
        for repeat in range(math.ceil(depth * repeats))
    ]


def _swish(x: Tensor, name: str) -> Tensor:
    return layers.Activation("swish", name=f"{name}_activation")(x)


def _squeeze_and_excite(filters: int, x: Tensor, name: str) -> Tensor:
    """Each channel of (B, H, W, C) times a number from 0 to 1, found from all."""
    gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(x)
    gate = layers.Conv2D(filters, 1, activation="swish", name=f"{name}_reduce")(gate)
    gate = layers.Conv2D(x.shape[-1], 1, activation="sigmoid", name=f"{name}_expand")(
        gate
    )
    return layers.Multiply(name=f"{name}_excite")([x, gate])


def _read(number: int, weights: str) -> Arrays:
    """The weights of keras.applications by the names of our layers.

    Raises:
        UserError: as `read_applications`, and where they were trained on images that
            were scaled otherwise than here.
    """
    arrays = read_applications(f"EfficientNetB{number}", weights)
    found: Arrays = {}
    for name, values in arrays.items():
        if name.startswith("normalization"):
            mean = tuple(float(value) for value in values[0])
            if not np.allclose(mean, TORCH_MEAN, atol=1e-3):
                raise UserError(
                    f"The weights {weights} of EfficientNetB{number} are for images of "
                    f"mean {mean}, and this encoder is for ImageNet's {TORCH_MEAN}."
                )
        for theirs, ours in TO_OURS:
            name = re.sub(theirs, ours, name)
        found[name] = values
    return found
