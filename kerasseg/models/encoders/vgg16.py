"""VGG-16 (Simonyan and Zisserman 2015, arXiv 1409.1556) without its dense layers.

Layers are named as in keras.applications.VGG16. That network takes blue, green, red;
here the first kernel is turned round when its weights are read, so that nothing has to
be swapped at run time.
"""

from __future__ import annotations

import keras
from keras import layers, ops

from kerasseg import UserError
from kerasseg.models.encoders.preprocessing import without_mean
from kerasseg.models.encoders.strides import check_output_stride
from kerasseg.models.encoders.weights import (
    Arrays,
    assign,
    load_own,
    read_applications,
)
from kerasseg.taxonomy import Tensor

# filters, convolutions
BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


def vgg16(
    image: Tensor,
    output_stride: int = 32,
    weights: str = "imagenet",
    batch_norm_momentum: float = 0.99,
    *,
    width: float = 1.0,
) -> dict[int, Tensor]:
    """512 channels at the end. See `kerasseg.models.encoders` for the contract.

    The map of stride 2 is that of block 2, so that the maps are those before the
    pooling; stride 32 is after the last pooling. The network's only difference from
    keras.applications.VGG16(include_top=False): odd sizes are rounded up.

    Args:
        batch_norm_momentum: of no effect: there is no batch normalization.
        width: factor on all filters; other than 1 there are no ImageNet weights.

    Raises:
        UserError: for a wrong output stride, and when weights cannot be read.
    """
    check_output_stride(output_stride)
    x = without_mean(image)
    features, dilation = {}, 1
    for number in range(1, 6):
        x = vgg16_block(x, number, width, dilation)
        if number > 1:
            features[2 ** (number - 1)] = x
        if 2**number <= output_stride:
            x = layers.MaxPooling2D(
                2, padding="same", name=f"encoder_block{number}_pool"
            )(x)
        else:
            x = _pool_everywhere(x, dilation)
            dilation *= 2
    features[32] = x
    if weights != "none":
        encoder = keras.Model(image, x)
        if width == 1.0:
            assign(encoder, read_vgg16(weights))
        else:
            load_own(encoder, f"vgg16 of width {width}", weights)
    return features


def vgg16_block(
    x: Tensor,
    number: int,
    width: float = 1.0,
    dilation: int = 1,
    padding: str = "same",
) -> Tensor:
    """The convolutions (3x3, ReLU) of block `number`, 1 to 5, without its pooling."""
    filters, count = BLOCKS[number - 1]
    for index in range(1, count + 1):
        x = layers.Conv2D(
            round(filters * width),
            3,
            padding=padding,
            dilation_rate=dilation,
            activation="relu",
            kernel_initializer="he_normal",
            name=f"encoder_block{number}_conv{index}",
        )(x)
    return x


def read_vgg16(weights: str, dense: bool = False) -> Arrays:
    """The weights of keras.applications.VGG16, its first kernel turned round for RGB.

    Args:
        weights: "imagenet" or a file of VGG16(include_top=False); with `dense` one of
            VGG16(include_top=True).
        dense: with its dense layers fc1, fc2 and predictions.

    Raises:
        UserError: when they cannot be read; says what is missing.
    """
    arrays = read_applications("VGG16", weights, include_top=dense)
    kernel, bias = arrays["block1_conv1"]
    arrays["block1_conv1"] = [kernel[:, :, ::-1], bias]
    return arrays


def check_width(weights: str, width: float) -> None:
    """Raises UserError where weights of VGG16 are wanted at another width than its own.

    Args:
        weights: "none", "imagenet" or a path.
        width: factor on the filters.
    """
    if weights != "none" and width != 1.0:
        raise UserError(f"Weights of VGG16 need width=1, got {width}.")


def _pool_everywhere(x: Tensor, dilation: int) -> Tensor:
    """Max-pooling of 2x2 pixels that are `dilation` apart, at every pixel: the maps
    after it are those of the pooled network, seen more densely."""
    for axis in (1, 2):
        if x.shape[axis] <= dilation:
            continue
        before = (slice(None),) * axis
        pairs = ops.maximum(
            x[(*before, slice(None, -dilation))], x[(*before, slice(dilation, None))]
        )
        x = ops.concatenate([pairs, x[(*before, slice(-dilation, None))]], axis=axis)
    return x
