"""Atrous spatial pyramid pooling of DeepLabv3 and v3+.

Chen et al. 2017 (arXiv 1706.05587) and 2018 (arXiv 1802.02611).
"""

from keras import layers

# Dilations of the 3x3 branches by output stride (the paper gives 16 and doubles for 8).
RATES = {8: (12, 24, 36), 16: (6, 12, 18), 32: (3, 6, 9)}


def aspp(x, filters, rates, *, separable, momentum):
    """(B, H, W, C) -> (B, H, W, filters).

    Branches: 1x1, one 3x3 for each rate (none for rates=()), image-level pooling.

    The paper concatenates all branches and applies one 1x1 convolution. That is the sum
    of a 1x1 convolution of the local branches and one of the pooled branch, and the
    latter is the same everywhere: broadcasting it takes the place of a resize.
    """
    three = separable_conv if separable else conv3
    local = [conv(x, filters, 1, "aspp_point", momentum=momentum)]
    for rate in rates:
        name = f"aspp_rate{rate}"
        local.append(three(x, filters, name, rate=rate, momentum=momentum))
    x_local = layers.Concatenate()(local) if rates else local[0]
    x_local = layers.Conv2D(filters, 1, use_bias=False, name="aspp_project_local")(
        x_local
    )
    context = layers.GlobalAveragePooling2D(keepdims=True)(x)
    context = conv(context, filters, 1, "aspp_context", momentum=momentum)
    context = layers.Conv2D(filters, 1, use_bias=False, name="aspp_project_context")(
        context
    )
    x = layers.Add()([x_local, context])
    return _batch_norm_relu(x, "aspp_project", momentum)


def conv(x, filters, kernel, name, *, rate=1, momentum):
    """Convolution, BN, ReLU."""
    x = layers.Conv2D(
        filters,
        kernel,
        dilation_rate=rate,
        padding="same",
        use_bias=False,
        name=f"{name}_conv",
    )(x)
    return _batch_norm_relu(x, name, momentum)


def conv3(x, filters, name, *, rate=1, momentum):
    """3x3 convolution, BN, ReLU."""
    return conv(x, filters, 3, name, rate=rate, momentum=momentum)


def separable_conv(x, filters, name, *, rate=1, momentum):
    """Depthwise 3x3, BN, ReLU, pointwise, BN, ReLU (not Keras' SeparableConv2D, which
    has nothing in between)."""
    x = layers.DepthwiseConv2D(
        3,
        padding="same",
        dilation_rate=rate,
        use_bias=False,
        name=f"{name}_depthwise_conv",
    )(x)
    x = _batch_norm_relu(x, f"{name}_depthwise", momentum)
    return conv(x, filters, 1, name, momentum=momentum)


def _batch_norm_relu(x, name, momentum):
    x = layers.BatchNormalization(momentum=momentum, epsilon=1e-5, name=f"{name}_bn")(x)
    return layers.ReLU()(x)
