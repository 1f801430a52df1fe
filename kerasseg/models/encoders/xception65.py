"""Xception-65, aligned and modified for DeepLabv3+.

Chen et al. 2018 (arXiv 1802.02611), section 3.3, and its code
(research/deeplab/core/xception.py): deeper than Chollet's Xception, and separable
convolutions with stride take the place of the pooling.
"""

import keras
from keras import layers

from kerasseg import UserError
from kerasseg.models.encoders import applications


def xception65(
    image,
    output_stride=32,
    weights="none",
    batch_norm_momentum=0.99,
    *,
    multi_grid=(1, 1, 1),
    width=1.0,
):
    """2048 channels at the end. See `kerasseg.models.encoders` for the contract.

    As in the authors' decoder, the maps 2, 4, 8 and 16 are those after the second
    separable convolution of the block whose third one has the next stride, before the
    ReLU: 128, 256, 728 and 1024 channels.
    weights: "none" or a file of its own (keras.applications.Xception is another
    network). multi_grid: factors on the dilations of the last three convolutions.
    width: factor on all filters.
    """
    if output_stride not in (8, 16, 32):
        raise UserError(f"output_stride must be 8, 16 or 32, got {output_stride!r}.")
    if len(multi_grid) != 3:
        raise UserError(f"multi_grid needs 3 factors, got {multi_grid!r}.")
    momentum = batch_norm_momentum
    stem, *entry, middle, wide, last = (
        tuple(round(filters * width) for filters in row)
        for row in (
            (32, 64),
            (128, 128, 128),
            (256, 256, 256),
            (728, 728, 728),
            (728, 728, 728),
            (728, 1024, 1024),
            (1536, 1536, 2048),
        )
    )
    x = layers.Rescaling(
        1 / 127.5, offset=-1, dtype="float32", name="encoder_rescaling"
    )(image)
    x = _conv(x, stem[0], 3, "encoder_entry_conv1", stride=2, momentum=momentum)
    x = layers.ReLU()(x)
    x = _conv(x, stem[1], 3, "encoder_entry_conv2", momentum=momentum)
    x = layers.ReLU()(x)

    features, stride = {}, 2
    for number, filters in enumerate(entry, 1):
        x, features[stride] = _block(
            x,
            filters,
            f"encoder_entry_block{number}",
            stride=2 if 2 * stride <= output_stride else 1,
            momentum=momentum,
        )
        stride *= 2
    # A dropped stride is made up for by the dilation of all that comes after it.
    dilation = max(1, 16 // output_stride)
    for unit in range(1, 17):
        x, _ = _block(
            x,
            middle,
            f"encoder_middle_unit{unit}",
            dilation=dilation,
            shortcut="sum",
            momentum=momentum,
        )
    x, features[16] = _block(
        x,
        wide,
        "encoder_exit_block1",
        stride=2 if output_stride == 32 else 1,
        dilation=dilation,
        momentum=momentum,
    )
    dilation = max(1, 32 // output_stride)
    for number, (filters, factor) in enumerate(zip(last, multi_grid, strict=True), 1):
        x = _separable(
            x,
            filters,
            f"encoder_exit_block2_{number}",
            dilation=dilation * factor,
            relu_inside=True,
            momentum=momentum,
        )
    features[32] = x
    if weights != "none":
        applications.load_own(keras.Model(image, x), "xception65", weights)
    return features


def _block(x, filters, name, *, stride=1, dilation=1, shortcut="conv", momentum):
    """Three separable convolutions, the last with the stride, added to the input or to
    its 1x1 convolution. Returns (sum, map after the second)."""
    inputs = x
    for number in (1, 2, 3):
        second = x  # before the third one
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


def _separable(x, filters, name, *, stride=1, dilation=1, relu_inside=False, momentum):
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
    x = _batch_norm(x, f"{name}_depthwise_bn", momentum)
    if relu_inside:
        x = layers.ReLU()(x)
    x = _conv(x, filters, 1, f"{name}_pointwise", momentum=momentum)
    return layers.ReLU()(x) if relu_inside else x


def _conv(x, filters, kernel, name, *, stride=1, momentum):
    padding = "same"
    if stride > 1 and kernel > 1:
        x = layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x)
        padding = "valid"
    x = layers.Conv2D(
        filters, kernel, strides=stride, padding=padding, use_bias=False, name=name
    )(x)
    return _batch_norm(x, f"{name}_bn", momentum)


def _batch_norm(x, name, momentum):
    return layers.BatchNormalization(momentum=momentum, epsilon=1e-3, name=name)(x)
