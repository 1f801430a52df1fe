"""MobileNetV3 Large and Small up to their last 1x1 convolution before the pooling.

Howard et al. 2019 (arXiv 1905.02244), Tables 1 and 2. Layers are named as in
keras.applications.MobileNetV3Large/Small. `reduced_tail` gives the networks that the
paper segments with (mobilenet_v3_large_seg and _small_seg in
research/deeplab/core/feature_extractor.py).
"""

import keras
from keras import layers

from kerasseg import UserError
from kerasseg.models.encoders import applications

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


def mobilenet_v3_large(
    image,
    output_stride=32,
    weights="imagenet",
    batch_norm_momentum=0.99,
    *,
    reduced_tail=False,
    width=1.0,
):
    """960 channels at the end. See `kerasseg.models.encoders` for the contract.

    reduced_tail: half the filters from the last stride on (480 channels at the end),
    as in the paper's segmentation; there are no ImageNet weights for it.
    width: factor on all filters but the stem's, rounded to multiples of 8 ("alpha" in
    keras.applications, which has ImageNet weights for 0.75 and 1).
    """
    return _encoder(
        "MobileNetV3Large",
        LARGE,
        image,
        output_stride,
        weights,
        batch_norm_momentum,
        reduced_tail,
        width,
    )


def mobilenet_v3_small(
    image,
    output_stride=32,
    weights="imagenet",
    batch_norm_momentum=0.99,
    *,
    reduced_tail=False,
    width=1.0,
):
    """576 channels at the end, 288 with reduced_tail. Options as the large one."""
    return _encoder(
        "MobileNetV3Small",
        SMALL,
        image,
        output_stride,
        weights,
        batch_norm_momentum,
        reduced_tail,
        width,
    )


def divisible(filters, divisor=8):
    """Rounded to a multiple of the divisor, never below 90 percent."""
    rounded = max(divisor, int(filters + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * filters else rounded + divisor


def _encoder(
    name, blocks, image, output_stride, weights, momentum, reduced_tail, width
):
    if output_stride not in (8, 16, 32):
        raise UserError(f"output_stride must be 8, 16 or 32, got {output_stride!r}.")
    x = layers.Rescaling(
        1 / 127.5, offset=-1, dtype="float32", name="encoder_rescaling"
    )(image)
    x = layers.Conv2D(
        16, 3, strides=2, padding="same", use_bias=False, name="encoder_conv"
    )(x)
    x = _batch_norm(x, "encoder_conv_bn", momentum)
    x = layers.Activation("hard_swish", name="encoder_conv_act")(x)

    features, stride, dilation = {}, 2, 1
    for index, (kernel, factor, filters, squeeze, act, step) in enumerate(blocks):
        if step == 2:
            features[stride] = x
            stride *= 2
        tail = reduced_tail and stride == 32
        if tail and step == 2:
            factor /= 2
        expanded = divisible(x.shape[-1] * factor)
        dilated = step == 2 and stride > output_stride
        x = _block(
            x,
            divisible(filters * width / (2 if tail else 1)),
            kernel,
            expanded if index else None,
            squeeze,
            act,
            f"encoder_expanded_conv_{index}" if index else "encoder_expanded_conv",
            stride=1 if dilated else step,
            dilation=dilation,
            skip=step == 1,
            momentum=momentum,
        )
        # The first block reads the map before the dropped stride, so only the blocks
        # after it look twice as far.
        dilation *= 2 if dilated else 1
    x = layers.Conv2D(
        divisible(6 * x.shape[-1]), 1, use_bias=False, name="encoder_conv_1"
    )(x)
    x = _batch_norm(x, "encoder_conv_1_bn", momentum)
    x = layers.Activation("hard_swish", name="encoder_conv_1_act")(x)
    features[stride] = x
    if weights != "none":
        encoder = keras.Model(image, x)
        if reduced_tail:
            applications.load_own(encoder, f"{name} with reduced_tail", weights)
        else:
            applications.assign(encoder, applications.read(name, weights, alpha=width))
    return features


def _block(
    x,
    filters,
    kernel,
    expanded,
    squeeze,
    act,
    name,
    *,
    stride,
    dilation,
    skip,
    momentum,
):
    """Inverted residual with squeeze and excitation after the depthwise convolution."""
    inputs = x
    if expanded:
        x = layers.Conv2D(expanded, 1, use_bias=False, name=f"{name}_expand")(x)
        x = _batch_norm(x, f"{name}_expand_bn", momentum)
        x = layers.Activation(act, name=f"{name}_expand_act")(x)
    x = layers.DepthwiseConv2D(
        kernel,
        strides=stride,
        dilation_rate=dilation,
        padding="same",
        use_bias=False,
        name=f"{name}_depthwise",
    )(x)
    x = _batch_norm(x, f"{name}_depthwise_bn", momentum)
    x = layers.Activation(act, name=f"{name}_depthwise_act")(x)
    if squeeze:
        x = _squeeze_and_excite(x, f"{name}_squeeze_excite")
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_project")(x)
    x = _batch_norm(x, f"{name}_project_bn", momentum)
    if skip and inputs.shape[-1] == filters:
        x = layers.Add(name=f"{name}_add")([inputs, x])
    return x


def _squeeze_and_excite(x, name):
    channels = x.shape[-1]
    gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_avg_pool")(x)
    gate = layers.Conv2D(
        divisible(channels / 4), 1, activation="relu", name=f"{name}_conv"
    )(gate)
    gate = layers.Conv2D(channels, 1, activation="hard_sigmoid", name=f"{name}_conv_1")(
        gate
    )
    return layers.Multiply(name=f"{name}_mul")([x, gate])


def _batch_norm(x, name, momentum):
    return layers.BatchNormalization(momentum=momentum, epsilon=1e-3, name=name)(x)
