"""Learnt upsampling: transposed convolutions, and kernels that start as bilinear."""

from __future__ import annotations

import numpy as np
from keras import layers

from kerasseg import UserError
from kerasseg.taxonomy import Tensor


def transposed_convolution(
    x: Tensor,
    filters: int,
    kernel_size: int = 4,
    stride: int = 2,
    *,
    initial: str = "glorot_uniform",
    use_bias: bool = True,
    allow_checkerboard: bool = False,
    name: str | None = None,
) -> Tensor:
    """Learnt upsampling by `stride`, with 'same' padding.

    A kernel that the stride does not divide covers the output unevenly, which shows as
    a checkerboard (Odena et al. 2016, distill.pub/2016/deconv-checkerboard).

    Args:
        x: (B, ..., C) of one to three spatial axes, a symbolic tensor.
        filters: channels of the result.
        kernel_size: length of the kernel along every axis, pixels of the result.
        stride: how many times larger each spatial axis becomes.
        initial: "bilinear" starts as bilinear interpolation (Long et al. 2015) and
            needs kernel size 2 * stride - stride % 2 and as many filters as channels;
            else the name of a Keras initializer.
        use_bias: whether to add a learnt number to each channel.
        allow_checkerboard: whether the stride need not divide the kernel size.
        name: of the layer.

    Returns:
        (B, ..., filters) with every spatial axis times `stride`.

    Raises:
        UserError: when the stride does not divide the kernel size, or the sizes do not
            fit "bilinear".
    """
    if kernel_size % stride and not allow_checkerboard:
        raise UserError(
            f"A transposed convolution with kernel size {kernel_size} and stride "
            f"{stride} makes a checkerboard: the stride must divide the kernel size, "
            f"such as {stride} or {2 * stride}. To have it, allow_checkerboard=True."
        )
    rank, channels = len(x.shape) - 2, x.shape[-1]
    if initial == "bilinear":
        size = 2 * stride - stride % 2
        if kernel_size != size or filters != channels:
            raise UserError(
                f"Bilinear initialisation with stride {stride} needs kernel size "
                f"{size} and {channels} filters (as many as channels), got "
                f"{kernel_size} and {filters}."
            )
    layer = getattr(layers, f"Conv{rank}DTranspose")(
        filters,
        kernel_size,
        strides=stride,
        padding="same",
        use_bias=use_bias,
        kernel_initializer="zeros" if initial == "bilinear" else initial,
        name=name,
    )
    y = layer(x)
    if initial == "bilinear":
        layer.kernel.assign(bilinear_kernel(stride, channels, rank))
    return y


def bilinear_kernel(factor: int, channels: int, rank: int = 2) -> np.ndarray:
    """Kernel with which a transposed convolution interpolates bilinearly.

    Each channel is interpolated by itself (Long et al. 2015, `upsample_filt`).

    Args:
        factor: the stride of the convolution.
        channels: C, of the input and of the result.
        rank: number of spatial axes.

    Returns:
        (k, ..., C, C) float32 with k = 2 * factor - factor % 2.

    >>> from kerasseg import upsampling
    >>> upsampling.bilinear_kernel(2, 1, rank=1).ravel()
    array([0.25, 0.75, 0.75, 0.25], dtype=float32)
    """
    triangle = bilinear_window(2 * factor - factor % 2)
    window = np.ones(())
    for _ in range(rank):
        window = window[..., None] * triangle
    return (window[..., None, None] * np.eye(channels)).astype("float32")


def bilinear_window(size: int) -> np.ndarray:
    """The triangle 1 - |i - centre| / factor along one axis of a kernel.

    `upsample_filt(size)` in the FCN authors' surgery.py is its outer product with
    itself.

    Args:
        size: length of the kernel, pixels; its factor is (size + 1) // 2.

    Returns:
        (size,) float64.

    >>> from kerasseg import upsampling
    >>> upsampling.bilinear_window(4)
    array([0.25, 0.75, 0.75, 0.25])
    """
    factor = (size + 1) // 2
    return 1 - np.abs(np.arange(size) - (size - 1) / 2) / factor
