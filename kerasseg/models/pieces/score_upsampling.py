"""Upsampling of score maps by transposed convolutions that begin as bilinear ones.

Long, Shelhamer and Darrell 2015 (arXiv 1411.4038), section 3.3, and their surgery.py.
"""

from __future__ import annotations

import numpy as np
from keras import layers, ops

from kerasseg.taxonomy import Tensor
from kerasseg.upsampling import bilinear_window

KINDS = ("bilinear", "diagonal", "full")


def upscore(
    x: Tensor, kernel_size: int, stride: int, kind: str, name: str, fixed: bool = False
) -> Tensor:
    """Enlarges scores by a transposed convolution that begins as a bilinear one.

    Args:
        x: (B, H, W, C), static H and W.
        kernel_size: of the transposed convolution, at most twice the stride.
        stride: how many times larger the map becomes.
        kind: "bilinear": fixed, without weights. "diagonal": one kernel for each
            channel. "full": from every channel to every channel, as a Caffe file holds
            it, zero but for the diagonal at the start. All three begin as the same
            function.
        name: of the layer; "diagonal" has one for each channel, "<name>_0" and so on.
        fixed: the kernels are not trainable.

    Returns:
        (B, (H - 1) * stride + kernel_size, (W - 1) * stride + kernel_size, C), float32.
    """
    if kind == "bilinear":
        return _interpolate(x, kernel_size, stride)
    window = bilinear_window(kernel_size)
    window = np.outer(window, window)[:, :, None, None]

    def transposed(x: Tensor, name: str) -> Tensor:
        channels = x.shape[-1]
        layer = layers.Conv2DTranspose(
            channels,
            kernel_size,
            strides=stride,
            use_bias=False,
            kernel_initializer="zeros",
            trainable=not fixed,
            dtype="float32",
            name=name,
        )
        y = layer(x)
        layer.kernel.assign(window * np.eye(channels))
        return y

    if kind == "full" or x.shape[-1] == 1:
        return transposed(x, name)
    parts = [
        transposed(x[..., channel : channel + 1], f"{name}_{channel}")
        for channel in range(x.shape[-1])
    ]
    return layers.Concatenate(dtype="float32")(parts)


def _interpolate(x: Tensor, kernel_size: int, stride: int) -> Tensor:
    """`upscore` without weights, one axis after the other.

    Along an axis the outputs i * stride ... (i + 1) * stride - 1 lie between the
    inputs i - 1 and i (zeros beyond the ends): each mixes these two by a value of the
    right and one of the left half of the triangle.
    """
    triangle = np.zeros(2 * stride, "float32")
    triangle[:kernel_size] = bilinear_window(kernel_size)
    for axis in (1, 2):
        shape = list(x.shape)
        shape[axis] = (shape[axis] + 1) * stride
        for_one_axis = (stride,) + (1,) * (3 - axis)
        before = triangle[stride:].reshape(for_one_axis)
        after = triangle[:stride].reshape(for_one_axis)
        x = _shifted(x, axis, 1, 0) * before + _shifted(x, axis, 0, 1) * after
        x = ops.reshape(x, (-1, *shape[1:]))
    rows, columns = (side - 2 * stride + kernel_size for side in x.shape[1:3])
    return x[:, :rows, :columns]


def _shifted(x: Tensor, axis: int, first: int, last: int) -> Tensor:
    """x with zeros at its first or last end, and a new axis of length 1 after it."""
    ends = [[0, 0]] * 4
    ends[axis] = [first, last]
    return ops.expand_dims(ops.pad(x, ends), axis + 1)
