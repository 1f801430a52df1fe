"""Dilated front end and context module (Yu and Koltun 2016, arXiv 1511.07122).

VGG16 without its last two poolings, every convolution without padding: one logit for
each 8 x 8 pixels, from the 380 x 380 around them. The context module looks further (908
in Dilation8) at the same resolution. Named by the number of the module's layers as in
the authors' code (github.com/fyu/dilation), which decides where the text leaves room.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from kerasseg import UserError, upsampling
from kerasseg.models.pieces import convolutional_vgg16, sizes
from kerasseg.taxonomy import Tensor

STRIDE = 8
MARGIN = 186
"""Pixels that the front end needs on every side: (380 - 8) / 2."""
PADDINGS = ("reflect", "valid")
CONTEXTS = ("basic", "large")


def dilated_frontend(
    num_classes: int,
    input_shape: tuple[int, ...],
    padding: str = "reflect",
    dropout: float = 0.5,
    width: float = 1.0,
    weights: str = "none",
) -> keras.Model:
    """The front end alone.

    Args:
        num_classes: C, of the logits (B, H, W, C).
        input_shape: (H, W, channels).
        padding: "reflect" mirrors 186 pixels around the image (without repeating its
            border); the logits, one for each 8 x 8 pixels, go bilinearly to the image's
            size, as the authors' Cityscapes network does. Any size. "valid" is the
            network as it is trained, on images that bring their margin: logits
            (n - 372) / 8, so 900 -> 66; its targets are every 8th pixel inside the
            margin.
        dropout: rate after fc6 and fc7.
        width: factor on VGG16's filters; other than 1 there are no ImageNet weights.
        weights: of all but the last layers: "none" (random), "imagenet" (the authors'
            start) or a file of keras.applications.VGG16(include_top=True).

    Raises:
        UserError: for a size that "valid" cannot take, with the nearest that work; for
            an unknown option, and when weights cannot be read.
    """
    image = keras.Input(input_shape, name="image")
    x = _front_end(image, num_classes, padding, dropout, width)
    return _model(image, x, padding, weights, width, "dilated_frontend")


def dilation(
    num_classes: int,
    input_shape: tuple[int, ...],
    dilations: Sequence[int] = (1, 1, 2, 4, 8, 16, 1),
    context: str = "basic",
    noise: float = 0.01,
    padding: str = "reflect",
    dropout: float = 0.5,
    width: float = 1.0,
    weights: str = "none",
) -> keras.Model:
    """Front end and context module in one network, for joint training.

    Args:
        dilations: of the module's 3x3 convolutions; the default is Dilation8.
        context: form of the module, see `context_module`; so is noise.

    The other arguments: `dilated_frontend`.
    """
    image = keras.Input(input_shape, name="image")
    x = _front_end(image, num_classes, padding, dropout, width)
    x = context_module(x, dilations, context, noise)
    name = f"dilation{len(dilations) + 1}"
    return _model(image, x, padding, weights, width, name)


dilation7 = partial(dilation, dilations=(1, 1, 2, 4, 8, 1))  # KITTI
dilation8 = partial(dilation, dilations=(1, 1, 2, 4, 8, 16, 1))  # VOC, CamVid
dilation10 = partial(dilation, dilations=(1, 1, 2, 4, 8, 16, 32, 64, 1))  # Cityscapes


def context_module(
    x: Tensor,
    dilations: Sequence[int] = (1, 1, 2, 4, 8, 16, 1),
    context: str = "basic",
    noise: float = 0.01,
) -> Tensor:
    """Dilated 3x3 convolutions with ReLU and a linear 1x1: (B, H, W, C) to the same.

    Starts as the identity, so that it can be put behind a trained front end: without
    noise max(x, 0) comes out as it went in (the ReLUs drop what is negative). In
    "basic" each map hands itself on; in "large", equation 5, a class is spread over the
    copies of its map and gathered again: C / c_out where floor(a C / c_in) =
    floor(b C / c_out), and noise * C / c_out is the deviation of the rest.

    Args:
        x: (B, H, W, C), C of one map for each class.
        dilations: of the 3x3 convolutions.
        context: "basic", C maps all through, every layer zero-padded by its dilation as
            in the released CamVid, KITTI and Cityscapes networks. "large", the widths
            2C, 2C, 4C, 8C, 16C, 32C, 32C, C of table 1 (twice the largest dilation so
            far), the input zero-padded once by the sum of all dilations as in the
            released VOC network.
        noise: standard deviation of the initial values beside the identity's.

    Raises:
        UserError: for an unknown context.
    """
    if context not in CONTEXTS:
        raise UserError(f"context must be one of {CONTEXTS}, got {context!r}.")
    classes = x.shape[-1]
    if context == "large":
        x = layers.ZeroPadding2D(sum(dilations), name="context_padding")(x)
    multiplier = 1
    for number, rate in enumerate(dilations, 1):
        if context == "large":
            multiplier = max(multiplier, 2 * rate)
        x = _identity_convolution(
            x,
            classes,
            multiplier,
            noise,
            kernel_size=3,
            dilation_rate=rate,
            padding="same" if context == "basic" else "valid",
            activation="relu",
            name=f"context_{number}",
        )
    return _identity_convolution(
        x, classes, 1, noise, kernel_size=1, dtype="float32", name="context_final"
    )


def _identity_convolution(
    x: Tensor, classes: int, multiplier: int, noise: float, **options: Any
) -> Tensor:
    """Convolution to `classes` * `multiplier` maps that starts as equation 5."""
    before, after = x.shape[-1], classes * multiplier
    layer = layers.Conv2D(
        after,
        kernel_initializer=keras.initializers.RandomNormal(stddev=noise / multiplier),
        **options,
    )
    y = layer(x)
    kernel = ops.convert_to_numpy(layer.kernel).copy()
    centre = kernel.shape[0] // 2
    class_before = np.arange(before)[:, None] * classes // before
    class_after = np.arange(after) * classes // after
    kernel[centre, centre][class_before == class_after] = classes / after
    layer.kernel.assign(kernel)
    return y


def _front_end(
    image: Tensor, num_classes: int, padding: str, dropout: float, width: float
) -> Tensor:
    if padding not in PADDINGS:
        raise UserError(f"padding must be one of {PADDINGS}, got {padding!r}.")
    if padding == "valid":
        _check_size(image.shape[1:3])
    x = convolutional_vgg16.dilated_blocks(
        image,
        pools=(_pool, _pool, _pool, _keep, _keep),
        padding="valid",
        width=width,
        border=_mirror if padding == "reflect" else None,
    )
    x = convolutional_vgg16.dense_layers(
        x, round(4096 * width), 7, "valid", dropout, dilation=4
    )
    return convolutional_vgg16.scores(x, num_classes, 0.001)


def _pool(x: Tensor) -> Tensor:
    return layers.MaxPooling2D(2)(x)


def _keep(x: Tensor) -> Tensor:
    return x


def _mirror(x: Tensor) -> Tensor:
    """The margin on every side, and below and right what a multiple of 8 lacks. An
    image smaller than the margin is mirrored again and again, as OpenCV does."""
    for axis in (1, 2):
        length = x.shape[axis]
        after = MARGIN + -length % STRIDE
        places = np.pad(np.arange(length), (MARGIN, after), mode="reflect")
        x = ops.take(x, places.tolist(), axis=axis)
    return x


def _model(
    image: Tensor, x: Tensor, padding: str, weights: str, width: float, name: str
) -> keras.Model:
    if padding == "reflect":
        x = upsampling.bilinear(x, (x.shape[1] * STRIDE, x.shape[2] * STRIDE))
        if tuple(x.shape[1:3]) != tuple(image.shape[1:3]):
            x = x[:, : image.shape[1], : image.shape[2]]
    model = keras.Model(image, x, name=name)
    convolutional_vgg16.load(model, weights, width)
    return model


def _check_size(size: Sequence[int]) -> None:
    smallest = 2 * MARGIN + STRIDE

    def works(length: int) -> bool:
        return length >= smallest and length % STRIDE == smallest % STRIDE

    network, kind = "Without padding the front end", "372 plus a multiple of 8"
    for length in size:
        sizes.require(network, length, works, kind, ', or use padding="reflect"')
