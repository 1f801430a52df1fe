"""Layers of volumes as layers of piles of planes (D, H, W, C): see `flattened`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from kerasseg import UserError
from kerasseg.taxonomy import Tensor


class Convolution(layers.Layer):
    """A Conv3D (kd, kh, kw) as one 2-D convolution of kd planes side by side."""

    def __init__(self, source: keras.layers.Conv3D) -> None:
        super().__init__(name=source.name)
        if source.groups > 1 or source.padding not in ("same", "valid"):
            raise UserError(
                f"Layer '{source.name}' has groups, or the padding {source.padding!r}: "
                "for LiteRT it must have neither."
            )
        weights = [np.asarray(one) for one in source.get_weights()]
        kernel = weights[0].transpose(1, 2, 0, 3, 4)  # (kh, kw, kd, C, N)
        self.reach = kernel.shape[2]
        self.kernel = _held(self, kernel.reshape(*kernel.shape[:2], -1, source.filters))
        self.bias = _held(self, weights[1]) if source.use_bias else None
        self.source = [source]  # in a list: Keras would track a layer

    def call(self, x: Tensor) -> Tensor:
        (source,) = self.source
        step, *strides = source.strides
        gap, *dilation = source.dilation_rate
        depth, before, after = len_of(x), 0, 0
        span = gap * (self.reach - 1) + 1
        if source.padding == "same":  # as TensorFlow: more behind than before
            missing = max((-(-depth // step) - 1) * step + span - depth, 0)
            before, after = missing // 2, missing - missing // 2
        if before or after:
            x = ops.pad(x, [[before, after], [0, 0], [0, 0], [0, 0]])
        count = (depth + before + after - span) // step + 1
        ends = [(t * gap, t * gap + (count - 1) * step + 1) for t in range(self.reach)]
        shifted = [x[first:end:step] for first, end in ends]
        x = ops.concatenate(shifted, -1) if len(shifted) > 1 else shifted[0]
        options: dict[str, Any] = {"padding": source.padding, "strides": strides}
        x = ops.conv(x, self.kernel, dilation_rate=dilation, **options)
        x = x if self.bias is None else x + self.bias
        return source.activation(x)


class UpConvolution(layers.Layer):
    """A Conv3DTranspose whose kernel is its stride: 1x1 convolution, then each voxel's
    block of results is put to its place, one axis after the other."""

    def __init__(self, source: keras.layers.Conv3DTranspose) -> None:
        super().__init__(name=source.name)
        plain = set(source.dilation_rate) == {1} and source.output_padding is None
        if source.kernel_size != source.strides or not plain:
            raise UserError(
                f"Layer '{source.name}' is a transposed convolution of kernel "
                f"{source.kernel_size} and stride {source.strides}: for LiteRT both "
                "must be the same."
            )
        weights = [np.asarray(one) for one in source.get_weights()]
        kernel = weights[0].transpose(4, 0, 1, 2, 3)  # (C, kd, kh, kw, N)
        self.kernel = _held(self, kernel.reshape(1, 1, len(kernel), -1))
        self.bias = _held(self, weights[1]) if source.use_bias else None
        self.source = [source]

    def call(self, x: Tensor) -> Tensor:
        (source,) = self.source
        deep, high, wide = source.strides
        depth, height, width, _ = x.shape
        each = wide * source.filters
        x = ops.conv(x, self.kernel, padding="valid")  # (D, H, W, kd kh kw N)
        if deep > 1:
            x = ops.reshape(x, (depth, height * width, deep, high * each))
            x = ops.transpose(x, (0, 2, 1, 3))
        if high > 1:
            x = ops.reshape(x, (depth * deep * height, width, high, each))
            x = ops.transpose(x, (0, 2, 1, 3))
        x = ops.reshape(x, (depth * deep, height * high, width * wide, source.filters))
        x = x if self.bias is None else x + self.bias
        return source.activation(x)


class GroupNormalization(layers.Layer):
    """Mean and variance of each group of channels over all planes; instance
    normalisation where a group is one channel."""

    def __init__(self, source: keras.layers.GroupNormalization) -> None:
        super().__init__(name=source.name)
        channels = source.input.shape[-1]
        if source.axis not in (-1, 4):
            raise UserError(
                f"Layer '{source.name}' normalises along axis {source.axis}; for "
                "LiteRT it must be the channels, the last one."
            )
        self.groups = source.groups
        weights = [np.asarray(one) for one in source.get_weights()]
        scale = weights.pop(0) if source.scale else np.ones(channels, np.float32)
        self.scale = _held(self, scale)
        self.shift = _held(self, weights[0]) if source.center else None
        self.epsilon = source.epsilon

    def call(self, x: Tensor) -> Tensor:
        away = x - self._mean(x)
        x = away * (ops.rsqrt(self._mean(away * away) + self.epsilon) * self.scale)
        return x if self.shift is None else x + self.shift

    def _mean(self, x: Tensor) -> Tensor:
        """(1, 1, 1, C), those of a group alike."""
        depth, height, width, channels = x.shape
        x = ops.reshape(x, (1, depth * height, width, channels))
        mean = ops.mean(x, (1, 2), keepdims=True)
        if self.groups < channels:
            parts = ops.reshape(mean, (1, 1, self.groups, -1))
            parts = ops.mean(parts, -1, keepdims=True)
            each = channels // self.groups
            mean = ops.reshape(ops.concatenate([parts] * each, -1), (1, 1, 1, channels))
        return mean


class Pooling(layers.Layer):
    """MaxPooling3D or AveragePooling3D: in the planes, then across them."""

    def __init__(self, source: Any) -> None:
        super().__init__(name=source.name)
        largest = isinstance(source, layers.MaxPooling3D)
        self.pool = ops.max_pool if largest else ops.average_pool
        self.source = [source]

    def call(self, x: Tensor) -> Tensor:
        (source,) = self.source
        (deep, *sides), (step, *strides) = source.pool_size, source.strides
        x = self.pool(x, sides, strides, source.padding)
        depth, height, width, channels = x.shape
        if deep > 1:
            x = ops.reshape(x, (1, depth, height * width, channels))
            x = self.pool(x, (deep, 1), (step, 1), source.padding)
        elif step > 1:
            x = x[::step]
        return ops.reshape(x, (-1, height, width, channels))


class Upsampling(layers.Layer):
    """UpSampling3D: each voxel repeated."""

    def __init__(self, source: keras.layers.UpSampling3D) -> None:
        super().__init__(name=source.name)
        self.sizes = source.size

    def call(self, x: Tensor) -> Tensor:
        deep, high, wide = self.sizes
        depth, height, width, channels = x.shape
        if (high, wide) != (1, 1):
            height, width = height * high, width * wide
            x = ops.image.resize(x, (height, width), interpolation="nearest")
        if deep > 1:
            x = ops.reshape(x, (depth, 1, height * width, channels))
            x = ops.concatenate([x] * deep, 1)
        return ops.reshape(x, (depth * deep, height, width, channels))


def len_of(x: Tensor) -> int:
    """Its planes; a network for devices has one size."""
    return int(x.shape[0])


def _held(layer: layers.Layer, values: np.ndarray) -> Any:
    """A weight of a layer with these numbers."""
    return layer.add_weight(
        shape=values.shape,
        initializer=lambda shape, dtype=None: ops.convert_to_tensor(values, dtype),
        trainable=False,
    )


FORMS: dict[type, Callable[[Any], Callable[..., Tensor]]] = {
    layers.Conv3D: Convolution,
    layers.Conv3DTranspose: UpConvolution,
    layers.GroupNormalization: GroupNormalization,
    layers.MaxPooling3D: Pooling,
    layers.AveragePooling3D: Pooling,
    layers.UpSampling3D: Upsampling,
}
"""Layer of volumes -> its form for planes."""
