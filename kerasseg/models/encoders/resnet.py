"""ResNet-18, 34, 50 and 101 with dilation instead of the last strides.

He et al. 2016 (arXiv 1512.03385), the MSRA layout: a stage's stride is in the first 1x1
convolution of its first block. Layers are named as in keras.applications.ResNet50/101.
The variant "torchvision" is the network of torchvision.models, "smp" the encoder of
segmentation_models_pytorch; ResNet-18 and 34 are only there.
Multi-grid and the "beta" stem: DeepLabv3 (Chen et al. 2017, arXiv 1706.05587) and its
code (research/deeplab/core/resnet_v1_beta.py).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
from keras import layers

from kerasseg import UserError
from kerasseg.models.encoders.preprocessing import (
    check_variant,
    standardised,
    to_one,
    without_mean,
)
from kerasseg.models.encoders.strides import check_output_stride
from kerasseg.models.encoders.weights import assign, load_own, read_applications
from kerasseg.models.importing import torchvision_encoders
from kerasseg.taxonomy import Tensor

STEMS = ("7x7", "beta")
VARIANTS = ("paper", "torchvision", "smp")


def resnet(
    name: str,
    blocks: tuple[int, int, int, int],
    expansion: int,
    image: Tensor,
    output_stride: int = 32,
    weights: str = "imagenet",
    batch_norm_momentum: float = 0.99,
    *,
    multi_grid: tuple[int, ...] = (1, 1, 1),
    stem: str = "7x7",
    conv_bias: bool = False,
    width: float = 1.0,
    variant: str = "paper",
) -> dict[int, Tensor]:
    """ResNet of the given blocks. See `kerasseg.models.encoders` for the contract.

    Args:
        name: of the network in keras.applications.
        blocks: how many each stage has.
        expansion: a block's channels as a multiple of its 3x3 convolution's: 4, or 1
            for ResNet-18 and 34, whose blocks are two 3x3 convolutions.
        multi_grid: factors on the dilation of the last stage's blocks; DeepLabv3 takes
            (1, 2, 4).
        stem: "7x7", or "beta" for three 3x3 convolutions (Google's DeepLab files).
        conv_bias: a bias in each convolution, as in keras.applications. A batch
            normalization follows each, so that it changes nothing: without it, the bias
            of a file goes into the moving mean and the outputs are the same.
        width: factor on all filters; other than 1 there are no ImageNet weights.
        variant: "paper", or "torchvision": a stage's stride is in the 3x3 convolution,
            padded on both sides alike; a dilated stage's first block keeps the dilation
            before it; images are standardised by ImageNet's mean and deviation. Its
            `weights` are "none" or a file of torchvision.models. "smp": the same, but
            a dilated stage's first block looks as far as the others.

    Raises:
        UserError: for a wrong option, and when weights cannot be read.
    """
    check_output_stride(output_stride)
    if stem not in STEMS:
        raise UserError(f"stem must be one of {', '.join(STEMS)}, got {stem!r}.")
    if len(multi_grid) != blocks[-1]:
        raise UserError(
            f"multi_grid needs {blocks[-1]} factors, one for each block of the last "
            f"stage, such as (1, 2, 4); got {multi_grid!r}."
        )
    check_variant(variant, VARIANTS if expansion > 1 else VARIANTS[1:])
    torch = variant != "paper"
    if torch and (stem != "7x7" or conv_bias):
        raise UserError('stem and conv_bias are for variant="paper"; leave them out.')
    if torch and output_stride == 32 and multi_grid[0] != 1:
        raise UserError(
            f'The first factor of multi_grid must be 1 in variant="{variant}" at '
            f"output_stride 32: that block has the stride. Got {multi_grid!r}."
        )
    options = {
        "momentum": batch_norm_momentum,
        "use_bias": conv_bias,
        "epsilon": 1e-5 if torch else 1.001e-5,
    }
    filters = round(64 * width)
    if stem == "beta":
        x = _beta(to_one(image), filters, options)
    else:
        scaled = standardised(image) if torch else without_mean(image)
        x = _seven(scaled, filters, options)
    features = {2: x}
    x = layers.ZeroPadding2D(1, name="encoder_pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="encoder_pool1_pool")(x)

    for stage, (count, stride) in enumerate(zip(blocks, (4, 8, 16, 32), strict=True)):
        dilation = max(1, stride // output_stride)
        grid = multi_grid if stride == 32 else (1,) * count
        keeps = variant == "torchvision"
        for block, factor in enumerate(grid, 1):
            first = block == 1
            # In the paper's variant the first 1x1 convolution has the stride, so that
            # already the first 3x3 convolution of a dilated stage looks further.
            before = max(1, stride // 2 // output_stride)
            x = _block(
                x,
                filters * 2**stage,
                f"encoder_conv{stage + 2}_block{block}",
                stride=2 if first and 4 < stride <= output_stride else 1,
                dilation=(before if first and keeps else dilation) * factor,
                project=first and (stage > 0 or expansion > 1),
                expansion=expansion,
                late=torch,
                **options,
            )
        features[stride] = x
    if weights != "none":
        encoder = keras.Model(image, x)
        if torch:
            place = torchvision_encoders.resnet
            torchvision_encoders.load(encoder, name, weights, place)
        elif stem != "7x7" or width != 1.0:
            load_own(encoder, f"{name} with stem={stem}", weights)
        else:
            _load(encoder, name, weights, conv_bias)
    return features


_basic = partial(partial, resnet, variant="torchvision")
resnet18 = _basic("ResNet18", (2, 2, 2, 2), 1, multi_grid=(1, 1))
resnet34 = _basic("ResNet34", (3, 4, 6, 3), 1)
resnet50 = partial(resnet, "ResNet50", (3, 4, 6, 3), 4)
resnet101 = partial(resnet, "ResNet101", (3, 4, 23, 3), 4)


def _seven(x: Tensor, filters: int, options: dict[str, Any]) -> Tensor:
    x = layers.ZeroPadding2D(3, name="encoder_conv1_pad")(x)
    return _conv(x, filters, 7, "encoder_conv1", stride=2, padding="valid", **options)


def _beta(x: Tensor, filters: int, options: dict[str, Any]) -> Tensor:
    x = layers.ZeroPadding2D(1, name="encoder_conv1_pad")(x)
    x = _conv(x, filters, 3, "encoder_conv1_1", stride=2, padding="valid", **options)
    x = _conv(x, filters, 3, "encoder_conv1_2", **options)
    return _conv(x, 2 * filters, 3, "encoder_conv1_3", **options)


def _block(
    x: Tensor,
    filters: int,
    name: str,
    *,
    stride: int,
    dilation: int,
    project: bool,
    expansion: int,
    late: bool,
    **options: Any,
) -> Tensor:
    """Bottleneck: 1x1, 3x3, 1x1 to four times the filters, added to the input. With
    expansion 1: 3x3, 3x3.

    late: the 3x3 convolution has the stride, not the first 1x1 convolution.
    """
    last = {"relu": False} | options
    shortcut = x
    if project:
        shortcut = _conv(x, expansion * filters, 1, f"{name}_0", stride=stride, **last)
    if expansion > 1:
        x = _conv(x, filters, 1, f"{name}_1", stride=1 if late else stride, **options)
    three = f"{name}_2" if expansion > 1 else f"{name}_1"
    if late and stride > 1:
        # "same" would pad images of even sizes on one side only.
        x = layers.ZeroPadding2D(1, name=f"{three}_pad")(x)
        x = _conv(x, filters, 3, three, stride=stride, padding="valid", **options)
    else:
        x = _conv(x, filters, 3, three, dilation=dilation, **options)
    if expansion > 1:
        x = _conv(x, expansion * filters, 1, f"{name}_3", **last)
    else:
        x = _conv(x, filters, 3, f"{name}_2", dilation=dilation, **last)
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.ReLU(name=f"{name}_out")(x)


def _conv(
    x: Tensor,
    filters: int,
    kernel: int,
    name: str,
    *,
    momentum: float,
    epsilon: float,
    use_bias: bool,
    stride: int = 1,
    dilation: int = 1,
    padding: str = "same",
    relu: bool = True,
) -> Tensor:
    x = layers.Conv2D(
        filters,
        kernel,
        strides=stride,
        dilation_rate=dilation,
        padding=padding,
        use_bias=use_bias,
        name=f"{name}_conv",
    )(x)
    x = layers.BatchNormalization(
        momentum=momentum, epsilon=epsilon, name=f"{name}_bn"
    )(x)
    return layers.ReLU(name=f"{name}_relu")(x) if relu else x


def _load(encoder: keras.Model, name: str, weights: str, conv_bias: bool) -> None:
    arrays = read_applications(name, weights)
    # The file wants blue, green, red.
    first, *others = arrays["conv1_conv"]
    arrays["conv1_conv"] = [first[:, :, ::-1], *others]
    if not conv_bias:
        for conv in [key for key in arrays if key.endswith("_conv")]:
            kernel, bias = arrays[conv]
            gamma, beta, mean, variance = arrays[conv.removesuffix("conv") + "bn"]
            arrays[conv] = [kernel]
            moved = [gamma, beta, mean - bias, variance]
            arrays[conv.removesuffix("conv") + "bn"] = moved
    assign(encoder, arrays)
