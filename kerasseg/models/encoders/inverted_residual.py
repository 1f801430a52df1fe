"""The block of MobileNetV2 and V3 and EfficientNet: narrow, wide, narrow again.

Sandler et al. 2018 (arXiv 1801.04381), section 3.3.
"""

from __future__ import annotations

from collections.abc import Callable

from keras import layers

from kerasseg.models.encoders.strides import Place
from kerasseg.taxonomy import Tensor

EPSILON = 1e-3
"""Of batch normalizations in TensorFlow's networks. Torch's have 1e-5."""


def inverted_residual(
    x: Tensor,
    filters: int,
    kernel: int,
    expanded: int | None,
    name: str,
    place: Place,
    *,
    activate: Callable[[Tensor, str], Tensor],
    momentum: float,
    endings: tuple[str, str] = ("", "_bn"),
    even: bool = False,
    gate: Callable[[Tensor, str], Tensor] | None = None,
    epsilon: float = EPSILON,
) -> Tensor:
    """Expand 1x1, depthwise, gate, project 1x1 (linear); added to the input if it fits.

    Args:
        x: (B, H, W, C).
        filters: channels of the result.
        kernel: side of the depthwise convolution, pixels.
        expanded: channels of the depthwise convolution. None: C, without an expansion.
        name: how the names of all layers begin.
        place: stride and dilation; a block of step 1 is added to its input where both
            have as many channels.
        activate: the activation of a tensor, with the name of its part of the block.
        momentum: of the batch normalizations.
        endings: of the names of convolutions and of batch normalizations.
        even: padded on both sides alike also where it has a stride, as in PyTorch.
        gate: squeeze and excitation of a tensor, with the beginning of its name.
        epsilon: of the batch normalizations.

    Returns:
        (B, ceil(H / stride), ceil(W / stride), filters).
    """
    convolution, norm = endings
    inputs = x
    if expanded:
        x = layers.Conv2D(
            expanded, 1, use_bias=False, name=f"{name}_expand{convolution}"
        )(x)
        x = batch_norm(x, f"{name}_expand{norm}", momentum, epsilon)
        x = activate(x, f"{name}_expand")
    pads = even and place.stride > 1
    if pads:
        x = layers.ZeroPadding2D(kernel // 2, name=f"{name}_depthwise_even_pad")(x)
    x = layers.DepthwiseConv2D(
        kernel,
        strides=place.stride,
        dilation_rate=place.dilation,
        padding="valid" if pads else "same",
        use_bias=False,
        name=f"{name}_depthwise{convolution}",
    )(x)
    x = batch_norm(x, f"{name}_depthwise{norm}", momentum, epsilon)
    x = activate(x, f"{name}_depthwise")
    if gate:
        x = gate(x, f"{name}_squeeze_excite")
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_project{convolution}")(
        x
    )
    x = batch_norm(x, f"{name}_project{norm}", momentum, epsilon)
    if place.step == 1 and inputs.shape[-1] == filters:
        x = layers.Add(name=f"{name}_add")([x, inputs])
    return x


def batch_norm(
    x: Tensor, name: str, momentum: float, epsilon: float = EPSILON
) -> Tensor:
    """Batch normalization of any (B, ..., C)."""
    return layers.BatchNormalization(momentum=momentum, epsilon=epsilon, name=name)(x)


def divisible(filters: float, divisor: int = 8) -> int:
    """`filters` rounded to a multiple of `divisor`, never below 90 percent.

    >>> divisible(36.0), divisible(10.0)
    (40, 16)
    """
    rounded = max(divisor, int(filters + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * filters else rounded + divisor
