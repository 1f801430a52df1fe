"""Fully convolutional networks (Long, Shelhamer and Darrell 2015, arXiv 1411.4038).

A classification network whose dense layers have become convolutions, 1x1 score layers
on its maps, and bilinear upsampling of the scores. Names, paddings and crops follow the
authors' release (fcn.berkeleyvision.org, voc-fcn*/net.py).
"""

from __future__ import annotations

from functools import partial

import keras
from keras import layers

from kerasseg import UserError
from kerasseg.models.encoders.preprocessing import without_mean
from kerasseg.models.encoders.vgg16 import check_width, vgg16_block
from kerasseg.models.pieces import convolutional_vgg16
from kerasseg.models.pieces.local_response_normalization import (
    local_response_normalization,
)
from kerasseg.models.pieces.score_upsampling import KINDS, upscore
from kerasseg.taxonomy import Tensor

MEAN = (122.67892, 116.66877, 104.00699)
"""The mean pixel (RGB) of the release."""
BORDERS = ("pad100", "same")
CROPS = {"pool4": 5, "pool3": 9, 32: 19, 16: 27, 8: 31}
"""Offsets of the release's crops: they align the maps of an image padded by 100."""
AT_ONCE = {"pool4": 0.01, "pool3": 0.0001}


def fcn32s(
    num_classes: int,
    input_shape: tuple[int, ...],
    border: str = "pad100",
    upsampling: str = "bilinear",
    dropout: float = 0.5,
    width: float = 1.0,
    weights: str = "none",
) -> keras.Model:
    """VGG-16, scored at stride 32 and upsampled 32 times at once.

    Args:
        num_classes: C, of the logits (B, H, W, C).
        input_shape: (H, W, channels), any size.
        border: "pad100": the release's. The image is padded by 100 pixels and each map
            is cropped to where it belongs (500 x 500: scores 16 x 16, upsampled 544,
            cropped from 19). "same": zeros around each layer's input, the usual port:
            scores of size ceil(H / 32), about half the work for such an image.
        upsampling: kernels of the transposed convolutions, see `upscore`. "bilinear":
            without weights; the release too keeps them fixed. "diagonal", "full":
            learnt, but for the last one (paper, section 4.3).
        dropout: rate after fc6 and fc7.
        width: factor on all filters; other than 1 there are no ImageNet weights.
        weights: "none" (random), "imagenet" (the authors' start) or a file of
            keras.applications.VGG16(include_top=True), whose fc1 and fc2 become fc6 and
            fc7. The score layers begin as zeros, and so do the logits.

    Raises:
        UserError: for an unknown option, and when weights cannot be read.
    """
    return _on_vgg16(
        (), num_classes, input_shape, border, upsampling, dropout, False, width, weights
    )


def _on_vgg16(
    skips: tuple[str, ...],
    num_classes: int,
    input_shape: tuple[int, ...],
    border: str = "pad100",
    upsampling: str = "bilinear",
    dropout: float = 0.5,
    at_once: bool = False,
    width: float = 1.0,
    weights: str = "none",
) -> keras.Model:
    """`fcn32s` with the scores of the pools `skips` added on the way up.

    at_once: scales pool4 by 0.01 and pool3 by 0.0001, with which the release trains in
        one go. Without it the authors started from a trained network of one skip less
        (its layers have the same names).
    """
    _check("border", border, BORDERS)
    _check("upsampling", upsampling, KINDS)
    check_width(weights, width)
    padded = border == "pad100"
    image = keras.Input(input_shape, name="image")
    x = without_mean(image, MEAN, name=None)
    if padded:
        x = layers.ZeroPadding2D(99)(x)  # the first convolution pads by one more
    pools = {}
    for number in range(1, 6):
        x = vgg16_block(x, number, width)
        x = layers.MaxPooling2D(2, padding="same", name=f"pool{number}")(x)
        pools[f"pool{number}"] = x
    x = convolutional_vgg16.dense_layers(
        x, round(4096 * width), 7, "valid" if padded else "same", dropout
    )

    x, stride = _score(x, num_classes, "score_fr"), 32
    for pool in skips:
        x, stride = upscore(x, 4, 2, upsampling, f"upscore_{pool}"), stride // 2
        skip = pools[pool]
        if at_once:
            skip = layers.Rescaling(AT_ONCE[pool], name=f"scale_{pool}")(skip)
        skip = _score(skip, num_classes, f"score_{pool}")
        if padded:
            skip = _crop(skip, CROPS[pool], x.shape[1:])
        else:
            x = _crop(x, 1, skip.shape[1:])
        x = layers.Add(dtype="float32", name=f"fuse_{pool}")([x, skip])
    x = upscore(x, 2 * stride, stride, upsampling, "upscore", fixed=True)
    x = _crop(x, CROPS[stride] if padded else stride // 2, input_shape)
    network = keras.Model(image, x, name=f"fcn{stride}s")
    convolutional_vgg16.load(network, weights, width)
    return network


fcn16s = partial(_on_vgg16, ("pool4",))
"""`fcn32s` with the scores of pool4 added at stride 16.

`at_once` scales pool4 by 0.01, with which the release trains in one go; without it the
authors started from a trained FCN-32s.
"""
fcn8s = partial(_on_vgg16, ("pool4", "pool3"))
"""`fcn16s` with the scores of pool3, with `at_once` times 0.0001, added at stride 8."""


def fcn_alexnet(
    num_classes: int,
    input_shape: tuple[int, ...],
    upsampling: str = "bilinear",
    dropout: float = 0.5,
    width: float = 1.0,
) -> keras.Model:
    """CaffeNet, scored at stride 32 and upsampled 32 times at once (kernel 63).

    The border is the release's. Options: `fcn32s`; keras.applications has no weights.

    Raises:
        UserError: for an unknown upsampling.
    """
    _check("upsampling", upsampling, KINDS)

    def conv(
        x: Tensor,
        filters: float,
        kernel: int,
        name: str,
        stride: int = 1,
        padding: str = "same",
    ) -> Tensor:
        return layers.Conv2D(
            round(filters * width),
            kernel,
            strides=stride,
            padding=padding,
            activation="relu",
            kernel_initializer="he_normal",
            name=name,
        )(x)

    def two_groups(x: Tensor, filters: int, kernel: int, name: str) -> Tensor:
        """Each half of the filters sees one half of the channels. Two layers, because
        TensorFlow has grouped convolutions on a CPU only by XLA."""
        half = x.shape[-1] // 2
        first = conv(x[..., :half], filters / 2, kernel, f"{name}_group1")
        second = conv(x[..., half:], filters / 2, kernel, f"{name}_group2")
        return layers.Concatenate(name=name)([first, second])

    def pool(x: Tensor, name: str) -> Tensor:
        """3x3 by 2, sizes rounded up. Zeros at the end do no harm after a ReLU."""
        ends = [(0, (side - 3) % 2) for side in x.shape[1:3]]
        return layers.MaxPooling2D(3, 2, name=name)(layers.ZeroPadding2D(ends)(x))

    image = keras.Input(input_shape, name="image")
    x = layers.ZeroPadding2D(100)(without_mean(image, MEAN, name=None))
    x = pool(conv(x, 96, 11, "conv1", 4, "valid"), "pool1")
    x = local_response_normalization(x)
    x = pool(two_groups(x, 256, 5, "conv2"), "pool2")
    x = local_response_normalization(x)
    x = conv(x, 384, 3, "conv3")
    x = two_groups(x, 384, 3, "conv4")
    x = pool(two_groups(x, 256, 3, "conv5"), "pool5")
    x = layers.Dropout(dropout)(conv(x, 4096, 6, "fc6", padding="valid"))
    x = layers.Dropout(dropout)(conv(x, 4096, 1, "fc7"))
    x = _score(x, num_classes, "score_fr")
    x = upscore(x, 63, 32, upsampling, "upscore", fixed=True)
    return keras.Model(image, _crop(x, 18, input_shape), name="fcn_alexnet")


def _score(x: Tensor, num_classes: int, name: str) -> Tensor:
    return layers.Conv2D(
        num_classes, 1, kernel_initializer="zeros", dtype="float32", name=name
    )(x)


def _crop(x: Tensor, offset: int, shape: tuple[int, ...]) -> Tensor:
    height, width, _ = shape
    return x[:, offset : offset + height, offset : offset + width]


def _check(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UserError(f"{option} must be one of {known}, got {value!r}.")
