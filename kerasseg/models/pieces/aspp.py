"""Atrous spatial pyramid pooling (ASPP) of DeepLabv3 and v3+: one map, many scales.

Chen et al. 2017 (arXiv 1706.05587) and 2018 (arXiv 1802.02611).
"""

from __future__ import annotations

from functools import partial

from keras import layers

from kerasseg.taxonomy import Tensor

# Dilations of the 3x3 branches by output stride (the paper gives 16 and doubles for 8).
RATES = {8: (12, 24, 36), 16: (6, 12, 18), 32: (3, 6, 9)}


def aspp(
    x: Tensor,
    filters: int,
    rates: tuple[int, ...],
    *,
    separable: bool,
    momentum: float,
    between: bool = True,
) -> Tensor:
    """Looks at a map through 1x1, dilated 3x3 and image-level branches at once.

    The paper concatenates all branches and applies one 1x1 convolution. That is the sum
    of a 1x1 convolution of the local branches and one of the pooled branch, and the
    latter is the same everywhere: broadcasting it takes the place of a resize.

    Args:
        x: (B, H, W, C).
        filters: of each branch and of the result.
        rates: dilation of each 3x3 branch; () for none.
        separable: depthwise and pointwise 3x3 branches (v3+) instead of full ones (v3).
        momentum: of the batch normalizations.
        between: as `separable_conv` has it.

    Returns:
        (B, H, W, filters).
    """
    three = partial(separable_conv, between=between) if separable else conv3
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
    # The larger map comes second: LiteRT flattens the second one where it is smaller,
    # and its int8 addition on a GPU is then wrong.
    x = layers.Add()([context, x_local])
    return _batch_norm_relu(x, "aspp_project", momentum)


def conv(
    x: Tensor, filters: int, kernel: int, name: str, *, rate: int = 1, momentum: float
) -> Tensor:
    """Convolution, batch normalization, ReLU: (B, H, W, C) to (B, H, W, filters)."""
    x = layers.Conv2D(
        filters,
        kernel,
        dilation_rate=rate,
        padding="same",
        use_bias=False,
        name=f"{name}_conv",
    )(x)
    return _batch_norm_relu(x, name, momentum)


def conv3(
    x: Tensor, filters: int, name: str, *, rate: int = 1, momentum: float
) -> Tensor:
    """`conv` with a 3x3 kernel, in the form of `separable_conv`."""
    return conv(x, filters, 3, name, rate=rate, momentum=momentum)


def separable_conv(
    x: Tensor,
    filters: int,
    name: str,
    *,
    rate: int = 1,
    momentum: float,
    between: bool = True,
) -> Tensor:
    """Depthwise 3x3, BN, ReLU, pointwise, BN, ReLU: (B, H, W, C) to (B, H, W, filters).

    Not Keras' SeparableConv2D, which has nothing in between; nor has this without
    `between`.
    """
    x = layers.DepthwiseConv2D(
        3,
        padding="same",
        dilation_rate=rate,
        use_bias=False,
        name=f"{name}_depthwise_conv",
    )(x)
    if between:
        x = _batch_norm_relu(x, f"{name}_depthwise", momentum)
    return conv(x, filters, 1, name, momentum=momentum)


def _batch_norm_relu(x: Tensor, name: str, momentum: float) -> Tensor:
    x = layers.BatchNormalization(momentum=momentum, epsilon=1e-5, name=f"{name}_bn")(x)
    return layers.ReLU()(x)
