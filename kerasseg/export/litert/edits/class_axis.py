"""The class axis before an ARG_MAX becomes a multiple of 4, by copies of class 0.

The GPU accelerator of LiteRT keeps channels in fours and fills the last four with
zeros. Its ARG_MAX looks at them too: where all logits are negative it answers with a
class that does not exist (ai-edge-litert 2.3.0, LiteRT.js 2.5.3; float32 and int8). A
copy of class 0 is never the answer: of equal values the first one is.

The last convolution gives the copies, which costs next to nothing. Between it and the
ARG_MAX each operator that treats all channels alike is widened; at any other one the
copies are cut out of its output and put behind it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from kerasseg.export.litert import flatbuffer
from kerasseg.export.litert.flatbuffer import Tree, schema

LANES = 4
"""Channels that a GPU keeps together."""

CHANNELWISE = (
    *("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "QUANTIZE", "DEQUANTIZE"),
    *("AVERAGE_POOL_2D", "MAX_POOL_2D", "RELU", "RELU6", "LEAKY_RELU", "LOGISTIC"),
    *("TANH", "HARD_SWISH", "EXP", "CAST"),
)
"""Operators of one map, which treat each channel alike."""
BINARY = ("ADD", "MUL", "SUB", "DIV", "MAXIMUM", "MINIMUM")
KERNELS = {"CONV_2D": (0, 2), "TRANSPOSE_CONV": (2, 3), "FULLY_CONNECTED": (0, 2)}
"""Operators whose kernel, their second input, has the channels first -> the places of
the map and of the bias among their inputs."""

Inputs: TypeAlias = list[int] | None
"""Numbers of the inputs of an operator that is widened; None where it cannot be."""


def edit(model: Tree) -> None:
    """Widens what each ARG_MAX over the last axis looks at. The class map stays."""
    for place, graph in enumerate(model.subgraphs):
        edited = False
        for operator in list(graph.operators):
            code = model.operatorCodes[operator.opcodeIndex]
            if flatbuffer.name(code) != "ARG_MAX":
                continue
            logits, axis = (int(i) for i in operator.inputs)
            shape = graph.tensors[logits].shape
            over = int(flatbuffer.numbers(model, graph.tensors[axis]).ravel()[0])
            if over % len(shape) == len(shape) - 1 and shape[-1] % LANES:
                operator.inputs = [_Wide(model, graph, shape[-1]).tensor(logits), axis]
                edited = True
        if edited:
            model.subgraphs[place] = flatbuffer.pruned(graph, graph.outputs)
    flatbuffer.drop_unused(model)


class _Wide:
    """Copies the operators before an ARG_MAX, with more channels than `classes`."""

    def __init__(self, model: Tree, graph: Any, classes: int):
        self.model, self.graph, self.classes = model, graph, int(classes)
        self.more = -self.classes % LANES
        self.writers = flatbuffer.writers(graph)
        self.made: dict[int, int] = {}

    def tensor(self, number: int) -> int:
        """The number of a new tensor (..., C + more) for a computed one (..., C)."""
        if number not in self.made:
            writer = self.writers.get(number)
            inputs = self._inputs(writer) if writer is not None else None
            if writer is None or inputs is None:
                self.made[number] = self._behind(number, writer)
            else:
                self.made[number] = self._again(writer, inputs)
        return self.made[number]

    def _inputs(self, operator: Any) -> Inputs:
        word = self._name(operator)
        ways: dict[str, Callable[[Any], Inputs]] = {
            **dict.fromkeys(CHANNELWISE, self._one),
            **dict.fromkeys(BINARY, self._two),
            **dict.fromkeys(KERNELS, self._kernel),
            **dict.fromkeys(("PAD", "PADV2", "MIRROR_PAD"), self._pad),
            "STRIDED_SLICE": self._strided_slice,
            "SLICE": self._slice,
            "GATHER": self._gather,
            "RESHAPE": self._reshape,
            "CONCATENATION": self._concatenation,
        }
        return ways[word](operator) if word in ways else None

    # ---- The inputs of each kind of operator -----------------------------------------

    def _one(self, operator: Any) -> Inputs:
        first, *others = (int(i) for i in operator.inputs)
        return [self.tensor(first), *others]

    def _two(self, operator: Any) -> Inputs:
        inputs = []
        for number in map(int, operator.inputs):
            shape = self.graph.tensors[number].shape
            if not len(shape) or shape[-1] != self.classes:
                inputs.append(number)  # one number for all channels
            elif self._source(number) is None:
                inputs.append(self.tensor(number))
            else:
                inputs.append(self._held(number, len(shape) - 1))
        return inputs

    def _kernel(self, operator: Any) -> Inputs:
        image, bias = KERNELS[self._name(operator)]
        inputs = [int(i) for i in operator.inputs]
        places = [1, bias] if len(inputs) > bias and inputs[bias] >= 0 else [1]
        tensors = self.graph.tensors
        groups = tensors[inputs[1]].shape[-1] != tensors[inputs[image]].shape[-1]
        if groups or any(self._source(inputs[place]) is None for place in places):
            return None
        if self._name(operator) == "TRANSPOSE_CONV":
            if not self._numbers(inputs[0]).size:
                return None
            inputs[0] = self._last(inputs[0], self.classes + self.more)  # its shape
        for place in places:
            inputs[place] = self._held(inputs[place], 0)
        return inputs

    def _pad(self, operator: Any) -> Inputs:
        return (
            None if self._numbers(operator.inputs[1])[-1].any() else self._one(operator)
        )

    def _strided_slice(self, operator: Any) -> Inputs:
        """Where it cuts the map and takes all channels."""
        begin, end, strides = (self._numbers(i) for i in operator.inputs[1:])
        options, last = operator.builtinOptions, 1 << (len(begin) - 1)
        masks = options.ellipsisMask | options.newAxisMask | options.shrinkAxisMask
        first = options.beginMask & last or begin[-1] == 0
        whole = options.endMask & last or end[-1] == self.classes
        if masks or strides[-1] != 1 or not (first and whole):
            return None
        inputs = [int(i) for i in operator.inputs]
        inputs[2] = self._last(inputs[2], self.classes + self.more)
        return [self.tensor(inputs[0]), *inputs[1:]]

    def _slice(self, operator: Any) -> Inputs:
        begin, size = (self._numbers(i) for i in operator.inputs[1:])
        if begin[-1] != 0 or size[-1] not in (-1, self.classes):
            return None
        image, start, end = (int(i) for i in operator.inputs)
        return [self.tensor(image), start, self._last(end, -1)]

    def _gather(self, operator: Any) -> Inputs:
        options = operator.builtinOptions
        rank = len(self.graph.tensors[int(operator.inputs[0])].shape)
        if options.batchDims or options.axis % rank == rank - 1:
            return None
        return self._one(operator)

    def _reshape(self, operator: Any) -> Inputs:
        """Where the channels stay; its shape then stands in its options alone."""
        source = int(operator.inputs[0])
        if self.graph.tensors[source].shape[-1] != self.classes:
            return None
        return [self.tensor(source)]

    def _concatenation(self, operator: Any) -> Inputs:
        """Of maps beside each other, or of single channels, of which the first then
        comes again."""
        inputs = [int(i) for i in operator.inputs]
        shape = self.graph.tensors[inputs[0]].shape
        if operator.builtinOptions.axis % len(shape) != len(shape) - 1:
            return [self.tensor(i) for i in inputs]
        return inputs + inputs[:1] * self.more if shape[-1] == 1 else None

    # ---- New operators and tensors ---------------------------------------------------

    def _again(self, operator: Any, inputs: list[int]) -> int:
        """A copy of an operator, behind it, that gives more channels."""
        (out,) = (int(i) for i in operator.outputs)
        made = copy.copy(operator)
        shape = [*self.graph.tensors[out].shape[:-1], self.classes + self.more]
        made.inputs, made.outputs = inputs, [self._like(out, shape)]
        if self._name(operator) == "RESHAPE":
            made.builtinOptionsType = schema.BuiltinOptions.ReshapeOptions
            made.builtinOptions = schema.ReshapeOptionsT()
            made.builtinOptions.newShape = np.asarray(shape, np.int32)
        self._insert(operator, made)
        return made.outputs[0]

    def _behind(self, number: int, writer: Any) -> int:
        """A tensor and copies of its class 0 behind it, by two new operators."""
        shape = [int(n) for n in self.graph.tensors[number].shape]
        first = self._like(number, [*shape[:-1], 1])
        wide = self._like(number, [*shape[:-1], self.classes + self.more])
        version = 2 if self.graph.tensors[number].type == schema.TensorType.INT8 else 1
        cut, join = schema.OperatorT(), schema.OperatorT()
        cut.opcodeIndex = flatbuffer.opcode(self.model, "SLICE", version)
        begin, size = self._int32([0] * len(shape)), self._int32([*shape[:-1], 1])
        cut.inputs, cut.outputs = [number, begin, size], [first]
        cut.builtinOptionsType = schema.BuiltinOptions.SliceOptions
        cut.builtinOptions = schema.SliceOptionsT()
        join.opcodeIndex = flatbuffer.opcode(self.model, "CONCATENATION", version)
        join.inputs, join.outputs = [number, *[first] * self.more], [wide]
        join.builtinOptionsType = schema.BuiltinOptions.ConcatenationOptions
        join.builtinOptions = schema.ConcatenationOptionsT()
        join.builtinOptions.axis = len(shape) - 1
        self._insert(writer, cut, join)
        return wide

    def _held(self, number: int, axis: int) -> int:
        """Numbers of the file with copies of the first along an axis; those of float16
        behind a DEQUANTIZE of their own."""
        source = self._source(number)
        values = self._numbers(source)
        copies = np.repeat(values.take([0], axis), self.more, axis)
        wide = np.concatenate([values, copies], axis)
        tensor = flatbuffer.with_numbers(self.model, self.graph.tensors[source], wide)
        tensor.quantization = self._scales(tensor.quantization)
        made = flatbuffer.add_tensor(self.graph, tensor)
        if source == number:
            return made
        again = copy.copy(self.writers[number])
        again.inputs, again.outputs = [made], [self._like(number, wide.shape)]
        self._insert(self.writers[number], again)
        return again.outputs[0]

    def _scales(self, quantised: Any) -> Any:
        """Quantisation of a scale for each channel, widened like the channels."""
        if quantised is None or quantised.scale is None or len(quantised.scale) < 2:
            return quantised
        made = copy.copy(quantised)
        for name in ("scale", "zeroPoint"):
            values = np.asarray(getattr(made, name))
            setattr(made, name, np.append(values, values[:1].repeat(self.more)))
        return made

    def _like(self, number: int, shape: Any) -> int:
        """A new computed tensor of another shape, quantised as another one is."""
        made = copy.copy(self.graph.tensors[number])
        made.shape, made.shapeSignature = [int(n) for n in shape], None
        return flatbuffer.add_tensor(self.graph, made)

    def _last(self, number: int, value: int) -> int:
        """A vector of the file with another last number."""
        values = self._numbers(number).copy()
        values[-1] = value
        tensor = self.graph.tensors[number]
        made = flatbuffer.with_numbers(self.model, tensor, values)
        return flatbuffer.add_tensor(self.graph, made)

    def _int32(self, values: list[int]) -> int:
        made = schema.TensorT()
        made.type, made.name = schema.TensorType.INT32, "first_class"
        made = flatbuffer.with_numbers(self.model, made, np.asarray(values, np.int32))
        return flatbuffer.add_tensor(self.graph, made)

    def _insert(self, writer: Any, *made: Any) -> None:
        """Puts operators behind the one that writes what they read; None: first."""
        known = self.graph.operators
        place = 0 if writer is None else known.index(writer) + 1
        known[place:place] = made

    # ---- What is there ---------------------------------------------------------------

    def _source(self, number: int) -> int | None:
        """The tensor of numbers of the file that another one is, itself or through
        DEQUANTIZE; None for one that is computed."""
        writer = self.writers.get(number)
        if writer is not None and self._name(writer) == "DEQUANTIZE":
            number = int(writer.inputs[0])
        return number if self._numbers(number).size else None

    def _numbers(self, number: Any) -> np.ndarray:
        return flatbuffer.numbers(self.model, self.graph.tensors[int(number)])

    def _name(self, operator: Any) -> str:
        return flatbuffer.name(self.model.operatorCodes[operator.opcodeIndex])
