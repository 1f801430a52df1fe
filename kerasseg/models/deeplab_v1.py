"""DeepLab v1 (Chen et al. 2015, arXiv 1412.7062) and v2 (arXiv 1606.00915) on VGG16.

VGG16 whose last two poolings do not stride and whose last block is dilated; fc6 becomes
a dilated ("atrous") convolution: logits at stride 8. v2 sums the logits of four such
classifiers that look differently far (atrous spatial pyramid pooling, ASPP).
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers, ops

from kerasseg import UserError
from kerasseg.models.pieces import convolutional_vgg16
from kerasseg.taxonomy import Tensor

STRIDE = 8
VARIANTS = {
    "large_fov": (3, 12, 1024),
    "7x7": (7, 4, 4096),
    "4x4": (4, 4, 4096),
    "4x4_r8": (4, 8, 4096),
}
"""Kernel size and dilation of fc6, filters of fc6 and fc7 (first paper, table 2)."""
ASPP_L = (6, 12, 18, 24)
ASPP_S = (2, 4, 8, 12)


def deeplab_v1(
    num_classes: int,
    input_shape: tuple[int, ...],
    variant: str = "large_fov",
    upsample: bool = True,
    dropout: float = 0.5,
    width: float = 1.0,
    weights: str = "none",
) -> keras.Model:
    """DeepLab v1: VGG16 with one dilated classifier.

    Args:
        num_classes: C, of the logits (B, H, W, C).
        input_shape: (H, W, channels), any size.
        variant: kernel and dilation of fc6. "large_fov" (DeepLab-LargeFOV) is the
            paper's choice: as good as "7x7" with 20.5 instead of 134.3 million
            parameters.
        upsample: logits at the image's size. False: at stride 8, ceil((n - 1) / 8) + 1
            of them, number k for pixel 8 k; at the paper's 321, 41 for labels[::8].
        dropout: rate after fc6 and fc7.
        width: factor on all filters; other than 1 there are no ImageNet weights.
        weights: of all but the last layers: "none" (random), "imagenet" (the authors'
            start) or a file of keras.applications.VGG16(include_top=True). fc6 and fc7
            take every so many of its values (section 3.1).

    Raises:
        UserError: for an unknown variant, and when weights cannot be read.
    """
    if variant not in VARIANTS:
        raise UserError(
            f"variant must be one of {', '.join(VARIANTS)}, got {variant!r}."
        )
    kernel, rate, filters = VARIANTS[variant]
    image = keras.Input(input_shape, name="image")
    x = _trunk(image, width)
    x = _classifier(x, num_classes, kernel, rate, filters, dropout, width)
    return _model(image, x, upsample, weights, width, "deeplab_v1")


def deeplab_v2_vgg16(
    num_classes: int,
    input_shape: tuple[int, ...],
    rates: Sequence[int] = ASPP_L,
    upsample: bool = True,
    dropout: float = 0.5,
    width: float = 1.0,
    weights: str = "none",
) -> keras.Model:
    """DeepLab v2 on VGG16: the logits of one classifier for each rate, summed.

    Args:
        rates: dilations of the 3x3 fc6 of the classifiers: ASPP-L. (2, 4, 8, 12) is
            ASPP-S.

    The other arguments: `deeplab_v1`.
    """
    image = keras.Input(input_shape, name="image")
    x = _trunk(image, width)
    branches = [
        _classifier(x, num_classes, 3, rate, 1024, dropout, width, f"_rate{rate}")
        for rate in rates
    ]
    x = layers.Add(dtype="float32", name="sum")(branches)
    return _model(image, x, upsample, weights, width, "deeplab_v2_vgg16")


def interpolate(
    x: Tensor,
    size: Sequence[int],
    steps: Sequence[float] = (1 / STRIDE, 1 / STRIDE),
) -> Tensor:
    """Bilinear, as Caffe's Interp layer: value k of `x` lies on pixel k / step.

    (`upsampling.bilinear` takes a value to be the mean of its square of pixels, half a
    square further.)

    Args:
        x: (B, h, w, C), static h and w.
        size: (H, W) of the result.
        steps: values of `x` for a pixel down and to the right: by default value k lies
            on pixel 8 k.

    Returns:
        (B, H, W, C). Pixels beyond the last value have that value.
    """
    for axis, (length, step) in enumerate(zip(size, steps, strict=True), 1):
        last = x.shape[axis] - 1
        places = np.arange(length) * step
        before = np.minimum(places.astype(int), last)
        after = np.minimum(before + 1, last)
        share = (places - before).astype("float32").reshape(-1, *[1] * (3 - axis))
        x = ops.add(
            ops.multiply(ops.take(x, before.tolist(), axis=axis), 1 - share),
            ops.multiply(ops.take(x, after.tolist(), axis=axis), share),
        )
    return x


def _trunk(image: Tensor, width: float) -> Tensor:
    pools = (_halve, _halve, _halve, _spread, _spread)
    return convolutional_vgg16.dilated_blocks(image, pools, width=width)


def _halve(x: Tensor) -> Tensor:
    """Caffe's 3x3 pooling with stride 2, padding 1 and sizes rounded up: windows around
    pixels 0, 2, 4, ... After a ReLU zeros never win."""
    x = layers.ZeroPadding2D(((1, 2), (1, 2)))(x)
    return layers.MaxPooling2D(3, strides=2)(x)


def _spread(x: Tensor) -> Tensor:
    return layers.MaxPooling2D(3, strides=1, padding="same")(x)


def _classifier(
    x: Tensor,
    num_classes: int,
    kernel: int,
    rate: int,
    filters: int,
    dropout: float,
    width: float,
    ending: str = "",
) -> Tensor:
    filters = round(filters * width)
    x = convolutional_vgg16.dense_layers(
        x, filters, kernel, "same", dropout, rate, ending
    )
    return convolutional_vgg16.scores(x, num_classes, 0.01, ending)


def _model(
    image: Tensor, x: Tensor, upsample: bool, weights: str, width: float, name: str
) -> keras.Model:
    if upsample:
        x = interpolate(x, image.shape[1:3])
    model = keras.Model(image, x, name=name)
    convolutional_vgg16.load(model, weights, width)
    return model
