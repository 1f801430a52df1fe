"""Quantisation-aware training: a copy of a network that computes as its int8 file will.

Jacob et al. 2018 (arXiv 1712.05877), section 3: the forward pass rounds kernels and
activations to 8 bits (fake quantisation), the backward pass ignores the rounding
(straight-through estimator). The copy is trained. Its weights then go back into the
network of stock layers, which is saved; its ranges are saved beside it, in FILE. From
both, the converter makes an int8 file that computes as the copy did.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

from kerasseg.export.litert.range_layers import clips, first_layers
from kerasseg.frameworks.private_hooks import inbound_nodes
from kerasseg.taxonomy import Tensor

FILE = "int8_ranges.json"
"""The file in a run with the `ranges` of its network, for the export to int8."""

SUFFIX = "_int8"
"""A layer's name with it is the name of the FakeQuantisation after that layer."""

OPERATIONS = {
    layers.Conv2D: ops.conv,
    layers.DepthwiseConv2D: ops.depthwise_conv,
    layers.Conv2DTranspose: ops.conv_transpose,
}
"""Layers whose kernel is rounded -> the operation that each computes."""

FUSED = [getattr(keras.activations, name) for name in ("linear", "relu", "relu6")]
"""Activations that LiteRT computes along with a convolution."""

SAME_VALUES = set(
    "Cropping2D Dropout Flatten GetItem Identity MaxPooling2D Pad Permute "
    "Reshape Resize SpatialDropout2D Stack Transpose UpSampling2D ZeroPadding2D".split()
)
"""Layers and operations whose results need no range of their own."""


def quantised(network: keras.Model) -> keras.Model:
    """A copy of a functional network, same weights, that computes with fake
    quantisation; `give_back` writes what it learns into a network.

    Kernels: 8 bits, symmetric, a scale for each channel, with the batch normalisation
    that follows folded in, as the converter does. Activations: 8 bits, asymmetric, a
    scale for each tensor, from the running range of training. Nothing is rounded
    between convolution, batch normalisation and ReLU. Batch normalisation has its
    moving statistics and dropout is off in training too, as in the file.
    """
    readers = _readers(network)
    folds = _folds(network, readers)
    # A range is brought about in float32, and rounded once, where it is done.
    early = [one.name for one in first_layers(network)[:-1]] if clips(network) else []
    # LiteRT computes these after the convolution, from its rounded result.
    separate = {
        layer.name: layer.activation
        for layer in network.layers
        if type(layer) in OPERATIONS and layer.activation not in FUSED
    }

    def clone(layer):
        settings = layer.get_config()
        if isinstance(layer, layers.Layer):
            settings["dtype"] = "float32"
        if layer.name in separate:
            settings["activation"] = "linear"
        if "Dropout" in type(layer).__name__:
            settings["rate"] = 0.0
        kind: Any = COPIES.get(type(layer), type(layer))
        return kind.from_config(settings)

    def call(layer, *inputs, **options):
        outputs = layer(*inputs, **options)
        if layer.name in separate:
            outputs = FakeQuantisation(name=f"{layer.name}_sum{SUFFIX}")(outputs)
            outputs = layers.Activation(separate[layer.name])(outputs)
        inside = layer.name in folds or _goes_into_relu(layer, readers[layer.name])
        if inside or layer.name in early or type(layer).__name__ in SAME_VALUES:
            return outputs
        return FakeQuantisation(name=f"{layer.name}{SUFFIX}")(outputs)

    copy = keras.models.clone_model(network, clone_function=clone, call_function=call)
    for convolution, norm in folds.items():
        copy.get_layer(convolution).fold(copy.get_layer(norm))
    for layer in network.layers:
        copy.get_layer(layer.name).set_weights(layer.get_weights())
    return copy


def give_back(copy: keras.Model, network: keras.Model) -> None:
    """Sets the weights of a network to those that its quantised copy has learnt.

    `network` may be built for another input size than the one that was copied.
    """
    for layer in network.layers:
        layer.set_weights(copy.get_layer(layer.name).get_weights())


def ranges(copy: keras.Model) -> dict[str, list[float]]:
    """Name of a layer -> least and largest value of its result, as a quantised copy
    learnt them."""
    return {
        layer.name.removesuffix(SUFFIX): [float(layer.least), float(layer.largest)]
        for layer in copy.layers
        if isinstance(layer, FakeQuantisation)
    }


def with_ranges(network: keras.Model, known: dict[str, list[float]]) -> keras.Model:
    """`quantised` with the `ranges` that a copy of the same network learnt, for the
    converter.

    Its kernels are not rounded: the converter rounds them, in the same way.
    """
    copy = quantised(network)
    for layer in copy.layers:
        if isinstance(layer, _Rounding):
            layer.rounds = False
    for name, (least, largest) in known.items():
        layer = copy.get_layer(f"{name}{SUFFIX}")
        layer.least.assign(least)
        layer.largest.assign(largest)
    return copy


def rounded_kernel(kernel: Tensor) -> Tensor:
    """(..., channels), each channel rounded to 255 steps between minus and plus its
    largest absolute value. The gradient passes unchanged.
    """
    axes = tuple(range(len(kernel.shape) - 1))
    largest: Any = ops.max(ops.abs(kernel), axis=axes)
    largest = ops.stop_gradient(ops.maximum(largest, 1e-8))
    return tf.quantization.fake_quant_with_min_max_vars_per_channel(
        kernel, -largest, largest, num_bits=8, narrow_range=True
    )


class FakeQuantisation(layers.Layer):
    """Rounds to 256 steps between the running least and largest value; 0 is a step.

    The range is the mean of the batches' ranges, from 1 / (1 - momentum) batches on
    their exponential mean. The gradient passes where a value is in the range; elsewhere
    it is 0 (Jacob et al. 2018, section 3.1).
    """

    def __init__(self, momentum: float = 0.99, **options):
        super().__init__(**options)
        self.momentum = momentum

    def build(self, input_shape: tuple) -> None:
        for name in ("least", "largest", "seen"):
            zero = self.add_weight(
                shape=(), initializer="zeros", trainable=False, name=name
            )
            setattr(self, name, zero)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if training:
            keep: Any = ops.minimum(self.momentum, self.seen / (self.seen + 1))
            self.seen.assign_add(1.0)
            least = ops.minimum(ops.min(inputs), 0.0)
            largest = ops.maximum(ops.max(inputs), 1e-6)
            self.least.assign(keep * self.least + (1 - keep) * least)
            self.largest.assign(keep * self.largest + (1 - keep) * largest)
        return tf.quantization.fake_quant_with_min_max_vars(
            inputs, self.least.value, self.largest.value, num_bits=8
        )


class FrozenBatchNormalization(layers.BatchNormalization):
    """Batch normalisation with its moving statistics in training too; scale and offset
    are trained.

    folded: a convolution has taken the scale into its kernel; only the offset is added.
    """

    folded = False

    def factor(self) -> Tensor:
        """(C,): what each channel is multiplied by."""
        variance: Any = self.moving_variance
        factor: Any = ops.rsqrt(variance + self.epsilon)
        return factor * self.gamma if self.scale else factor

    def call(
        self, inputs: Tensor, training: Any = None, mask: Tensor | None = None
    ) -> Tensor:
        if not self.folded:
            return super().call(inputs, training=False, mask=mask)
        mean: Any = self.moving_mean
        offset = -mean * self.factor()
        return inputs + (offset + self.beta if self.center else offset)


@dataclass(frozen=True)
class _Untracked:
    """Holds a layer for another layer. As a plain attribute Keras would track it, and
    count its weights as those of the layer that has the attribute."""

    layer: FrozenBatchNormalization


class _Rounding:
    """Mixin before a class of convolutions: rounds the kernel, times the factor of the
    batch normalisation that is folded into it."""

    norm: _Untracked | None = None
    rounds = True

    def fold(self, norm: FrozenBatchNormalization) -> None:
        """Takes the factor of the batch normalisation into the kernel."""
        norm.folded = True
        self.norm = _Untracked(norm)

    def call(self: Any, inputs: Tensor) -> Tensor:
        axis = 2 if isinstance(self, layers.Conv2DTranspose) else -1
        kernel: Any = ops.moveaxis(self.kernel, axis, -1)
        bias = self.bias
        shape = kernel.shape
        if isinstance(self, layers.DepthwiseConv2D):
            kernel = ops.reshape(kernel, (*shape[:2], 1, -1))
        if self.norm is not None:
            factor = self.norm.layer.factor()
            kernel, bias = kernel * factor, None if bias is None else bias * factor
        kernel = rounded_kernel(kernel) if self.rounds else kernel
        kernel = ops.reshape(kernel, shape)
        options = {"strides": self.strides, "dilation_rate": self.dilation_rate}
        options |= {"padding": self.padding, "data_format": self.data_format}
        if isinstance(self, layers.Conv2DTranspose):
            options["output_padding"] = self.output_padding
        outputs = self.operation(inputs, ops.moveaxis(kernel, -1, axis), **options)
        return self.activation(outputs if bias is None else outputs + bias)


def _rounding(kind: type, operation) -> type:
    attributes = {"operation": staticmethod(operation)}
    return type(f"Rounding{kind.__name__}", (_Rounding, kind), attributes)


COPIES = {kind: _rounding(kind, operation) for kind, operation in OPERATIONS.items()}
COPIES[layers.BatchNormalization] = FrozenBatchNormalization
"""Class of a layer in a network -> its class in the quantised copy."""


def _readers(network) -> dict[str, list]:
    """Name of a layer or operation -> the layers or operations that use its result."""
    readers = defaultdict(list)
    for operation in network.operations:
        for node in inbound_nodes(operation):
            for parent in node.parent_nodes:
                readers[parent.operation.name].append(operation)
    return readers


def _folds(network, readers) -> dict[str, str]:
    """Name of a convolution -> of the batch normalisation that LiteRT folds into it."""
    found = {}
    for layer in network.layers:
        after = readers[layer.name]
        if (
            type(layer) in OPERATIONS
            and layer.activation is keras.activations.linear
            and [type(one) for one in after] == [layers.BatchNormalization]
        ):
            found[layer.name] = after[0].name
    return found


def _goes_into_relu(layer, after) -> bool:
    """Whether LiteRT computes the ReLU after a sum or convolution along with it."""
    fusing = (*OPERATIONS, layers.BatchNormalization, layers.Add)
    if not isinstance(layer, fusing) or len(after) != 1:
        return False
    (reader,) = after
    if type(reader) is layers.Activation:
        return reader.activation in FUSED
    return type(reader) is layers.ReLU
