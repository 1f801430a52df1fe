"""Xception-65, aligned and modified for DeepLabv3+.

Chen et al. 2018 (arXiv 1802.02611), section 3.3, and its code
(research/deeplab/core/xception.py): deeper than Chollet's Xception, and separable
convolutions with stride take the place of the pooling.
"""

from __future__ import annotations

from functools import partial

import keras
from keras import layers

from kerasseg import UserError
from kerasseg.models.encoders.inverted_residual import batch_norm
from kerasseg.models.encoders.preprocessing import to_one
from kerasseg.models.encoders.strides import check_output_stride
from kerasseg.models.encoders.weights import load_own
from kerasseg.taxonomy import Tensor

STEM = (32, 64)
ENTRY = ((128, 128, 128), (256, 256, 256), (728, 728, 728))
MIDDLE = (728, 728, 728)
EXIT = ((728, 1024, 1024), (1536, 1536, 2048))
"""Filters of the separable convolutions, figure 4 of the paper."""


def xception65(
    image: Tensor,
    output_stride: int = 32,
    weights: str = "none",
    batch_norm_momentum: float = 0.99,
    *,
    multi_grid: tuple[int, ...] = (1, 1, 1),
    width: float = 1.0,
) -> dict[int, Tensor]:
    """2048 channels at the end. See `kerasseg.models.encoders` for the contract.

    As in the authors' decoder, the maps 2, 4, 8 and 16 are those after the second
    separable convolution of the block whose third one has the next stride, before the
    ReLU: 128, 256, 728 and 1024 channels.

    Args:
        weights: "none" or a file of its own (keras.applications.Xception is another
            network).
        multi_grid: factors on the dilations of the last three convolutions.
        width: factor on all filters.

    Raises:
        UserError: for a wrong option, and when weights cannot be read.
    """
    check_output_stride(output_stride)
    if len(multi_grid) != 3:
        raise UserError(f"multi_grid needs 3 factors, got {multi_grid!r}.")

    def scaled(filters: tuple[int, ...]) -> list[int]:
        return [round(each * width) for each in filters]

    momentum = batch_norm_momentum
    block = partial(_block, momentum=momentum)
    first, second = scaled(STEM)
    x = _conv(
        to_one(image), first, 3, "encoder_entry_conv1", stride=2, momentum=momentum
    )
    x = layers.ReLU()(x)
    x = _conv(x, second, 3, "encoder_entry_conv2", momentum=momentum)
    x = layers.ReLU()(x)

    features: dict[int, Tensor] = {}
    for number, filters in enumerate(ENTRY, 1):
        name, level = f"encoder_entry_block{number}", 2**number
        step = 2 if 2 * level <= output_stride else 1
        x, features[level] = block(x, scaled(filters), name, stride=step)
    # A dropped stride is made up for by the dilation of all that comes after it.
    dilation = max(1, 16 // output_stride)
    for unit in range(1, 17):
        name = f"encoder_middle_unit{unit}"
        x, _ = block(x, scaled(MIDDLE), name, dilation=dilation, shortcut="sum")
    step = 2 if output_stride == 32 else 1
    x, features[16] = block(
        x, scaled(EXIT[0]), "encoder_exit_block1", stride=step, dilation=dilation
    )
    dilation = max(1, 32 // output_stride)
    last = zip(scaled(EXIT[1]), multi_grid, strict=True)
    for number, (count, factor) in enumerate(last, 1):
        x = _separable(
            x,
            count,
            f"encoder_exit_block2_{number}",
            dilation=dilation * factor,
            relu_inside=True,
            momentum=momentum,
        )
    features[32] = x
    if weights != "none":
        load_own(keras.Model(image, x), "xception65", weights)
    return features


def _block(
    x: Tensor,
    filters: list[int],
    name: str,
    *,
    stride: int = 1,
    dilation: int = 1,
    shortcut: str = "conv",
    momentum: float,
) -> tuple[Tensor, Tensor]:
    """Three separable convolutions, the last with the stride, added to the input or to
    its 1x1 convolution. Returns (sum, map after the second)."""
    inputs = x
    for number in (1, 2, 3):
        second = x  # at last: the map before the third one
        x = _separable(
            layers.ReLU()(x),
            filters[number - 1],
            f"{name}_{number}",
            stride=stride if number == 3 else 1,
            dilation=dilation,
            momentum=momentum,
        )
    if shortcut == "conv":
        inputs = _conv(
            inputs,
            filters[-1],
            1,
            f"{name}_shortcut",
            stride=stride,
            momentum=momentum,
        )
    return layers.Add(name=f"{name}_add")([inputs, x]), second


def _separable(
    x: Tensor,
    filters: int,
    name: str,
    *,
    stride: int = 1,
    dilation: int = 1,
    relu_inside: bool = False,
    momentum: float,
) -> Tensor:
    """Depthwise 3x3, BN, pointwise, BN; with `relu_inside` a ReLU after each BN."""
    padding = "same"
    if stride > 1:  # centred on the pixel, which 'same' is not on even sizes
        x = layers.ZeroPadding2D(dilation, name=f"{name}_depthwise_pad")(x)
        padding = "valid"
    x = layers.DepthwiseConv2D(
        3,
        strides=stride,
        dilation_rate=dilation,
        padding=padding,
        use_bias=False,
        name=f"{name}_depthwise",
    )(x)
    x = batch_norm(x, f"{name}_depthwise_bn", momentum)
    if relu_inside:
        x = layers.ReLU()(x)
    x = _conv(x, filters, 1, f"{name}_pointwise", momentum=momentum)
    return layers.ReLU()(x) if relu_inside else x


def _conv(
    x: Tensor, filters: int, kernel: int, name: str, *, stride: int = 1, momentum: float
) -> Tensor:
    padding = "same"
    if stride > 1 and kernel > 1:
        x = layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x)
        padding = "valid"
    x = layers.Conv2D(
        filters, kernel, strides=stride, padding=padding, use_bias=False, name=name
    )(x)
    return batch_norm(x, f"{name}_bn", momentum)
