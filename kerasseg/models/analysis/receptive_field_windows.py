"""The receptive field of sliding windows: convolution, pooling, resizing, padding.

Each rule takes a call in the graph, the dimension and the first and last position of
the output; it returns the first and last position of the input that they see.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kerasseg import UserError

Reach = tuple[np.ndarray, np.ndarray]
"""First and last position, for each output that is followed."""


def _window(node: Any, where: int, first: np.ndarray, last: np.ndarray) -> Reach:
    """Convolution and pooling: output k sees k * stride - before and what follows."""
    layer, length = node.operation, node.input_tensors[0].shape[where]
    kernel, stride, dilation = _geometry(layer, where - 1)
    reach = (kernel - 1) * dilation
    before = 0
    if layer.padding == "same":
        missing = (math.ceil(length / stride) - 1) * stride + reach + 1 - length
        before = max(missing, 0) // 2
    return first * stride - before, last * stride - before + reach


def _transposed(node: Any, where: int, first: np.ndarray, last: np.ndarray) -> Reach:
    """Input i adds to the outputs i * stride - before and what follows."""
    layer = node.operation
    kernel, stride, dilation = _geometry(layer, where - 1)
    if layer.output_padding is not None:
        raise unknown(node)
    reach = (kernel - 1) * dilation
    before = max(reach + 1 - stride, 0) // 2 if layer.padding == "same" else 0
    return np.ceil((first + before - reach) / stride), np.floor(
        (last + before) / stride
    )


def _geometry(layer: Any, axis: int) -> tuple[int, int, int]:
    """Kernel size, stride and dilation along an axis."""
    if layer.data_format != "channels_last":
        raise UserError(f"Expected channels last in layer '{layer.name}'.")
    kernel = getattr(layer, "kernel_size", None) or layer.pool_size
    dilation = getattr(layer, "dilation_rate", (1,) * len(kernel))
    return kernel[axis], layer.strides[axis], dilation[axis]


def _resized(node: Any, where: int, first: np.ndarray, last: np.ndarray) -> Reach:
    """Half-pixel centres: output k lies on (k + 1/2) * before / after - 1/2."""
    before = node.input_tensors[0].shape[where]
    after = node.output_tensors[0].shape[where]
    kind = getattr(node.operation, "interpolation", "nearest")
    if getattr(node.operation, "antialias", False):
        raise unknown(node)
    if kind == "nearest":
        first, last = ((2 * k + 1) * before / (2 * after) for k in (first, last))
        return np.floor(first), np.floor(last)
    if kind != "bilinear":
        raise unknown(node)
    first, last = (((2 * k + 1) * before - after) / (2 * after) for k in (first, last))
    return np.floor(first), np.ceil(last)


def _padded(node: Any, where: int, first: np.ndarray, last: np.ndarray) -> Reach:
    layer = node.operation
    if type(layer).__name__ == "Pad":
        before = layer.pad_width[where][0]
    else:
        before = layer.padding[where - 1][0]
    return first - before, last - before


def _cropped(node: Any, where: int, first: np.ndarray, last: np.ndarray) -> Reach:
    before = node.operation.cropping[where - 1][0]
    return first + before, last + before


def _sliced(node: Any, where: int, first: np.ndarray, last: np.ndarray) -> Reach:
    shape = node.input_tensors[0].shape
    key = node.arguments.args[1]
    key = list(key) if isinstance(key, (tuple, list)) else [key]
    if Ellipsis in key:
        place = key.index(Ellipsis)
        key[place : place + 1] = [slice(None)] * (len(shape) + 1 - len(key))
    if not all(isinstance(part, slice) for part in key):
        raise unknown(node)
    if where >= len(key):
        return first, last
    start, _, step = key[where].indices(shape[where])
    return first * step + start, last * step + start


def _taken(node: Any, where: int, first: np.ndarray, last: np.ndarray) -> Reach:
    """A table of places. Its longest run without a step back counts, and goes on
    beyond its ends as on average: there are mirrored or repeated borders."""
    if node.operation.axis not in (where, where - len(node.input_tensors[0].shape)):
        return first, last
    table = np.asarray(node.arguments.args[1], "float64")
    turns = np.flatnonzero(np.diff(table) < 0) + 1
    starts, ends = np.r_[0, turns], np.r_[turns, len(table)] - 1
    longest = np.argmax(ends - starts)
    start, end = starts[longest], ends[longest]
    slope = (table[end] - table[start]) / max(end - start, 1)

    def place(k: np.ndarray) -> np.ndarray:
        inside = np.clip(k, start, end)
        beyond = np.floor(slope * (k - inside)) if slope else 0
        return table[inside.astype(int)] + beyond

    return place(first), place(last)


RESIZING = ("Resize", "UpSampling")
"""Kinds that spread a map of one value over all places."""
RULES = {
    "Conv2DTranspose": _transposed,
    "Conv3DTranspose": _transposed,
    "Conv": _window,
    "DepthwiseConv": _window,
    "SeparableConv": _window,
    "MaxPooling": _window,
    "AveragePooling": _window,
    "UpSampling": _resized,
    "Resize": _resized,
    "ZeroPadding": _padded,
    "Pad": _padded,
    "Cropping": _cropped,
    "GetItem": _sliced,
    "Take": _taken,
}
"""Beginning of a kind of layer or operation -> its rule; the first that fits counts."""


def unknown(node: Any) -> UserError:
    """The error for a call whose reach is not known, to be raised."""
    kind, name = type(node.operation).__name__, node.operation.name
    return UserError(f"It is not known how far {kind} '{name}' sees.")
