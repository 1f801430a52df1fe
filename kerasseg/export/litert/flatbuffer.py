"""A LiteRT file as a tree of objects: count, read and change what is in it.

A LiteRT file is a FlatBuffer: https://flatbuffers.dev, schema.fbs of LiteRT.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeAlias

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from kerasseg import UserError

Tree: TypeAlias = Any
"""A `schema.ModelT`: in its annotations every attribute may be None, in files not."""

TYPES: dict[Any, np.dtype[Any]] = {
    schema.TensorType.FLOAT32: np.dtype(np.float32),
    schema.TensorType.FLOAT16: np.dtype(np.float16),
    schema.TensorType.INT32: np.dtype(np.int32),
    schema.TensorType.INT64: np.dtype(np.int64),
    schema.TensorType.INT8: np.dtype(np.int8),
    schema.TensorType.UINT8: np.dtype(np.uint8),
    schema.TensorType.BOOL: np.dtype(np.bool_),
}
"""Type of a tensor -> NumPy's."""

NAMES: dict[int, str] = {
    code: word
    for word, code in vars(schema.BuiltinOperator).items()
    if isinstance(code, int)
}
"""Number of a builtin operator -> its name, such as CONV_2D."""


def unpack(data: bytes) -> Tree:
    """The file as a tree of the schema's objects.

    Raises UserError for bytes that are no LiteRT file.
    """
    if data[4:8] != b"TFL3":
        raise UserError(
            "This is no LiteRT file: it does not have the mark TFL3 in bytes 4 to 7. "
            "Write it again with python -m kerasseg.export."
        )
    return schema.ModelT.InitFromPackedBuf(bytearray(data), 0)


def pack(model: Tree) -> bytes:
    """The file of a tree of objects."""
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def text(value: str | bytes) -> str:
    """A string of the tree; `unpack` gives bytes."""
    return value.decode() if isinstance(value, bytes) else value


def name(code: Any) -> str:
    """The name of an entry of `operatorCodes`; for a custom operator, CUSTOM:name."""
    word = NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]
    return f"CUSTOM:{text(code.customCode)}" if word == "CUSTOM" else word


def operators(data: bytes, signature: str = "") -> Counter[str]:
    """How often each operator (see `name`) occurs in the graph of a signature; empty:
    of the first signature."""
    model = unpack(data)
    graph = 0
    for definition in model.signatureDefs or []:
        if text(definition.signatureKey) == signature:
            graph = definition.subgraphIndex
    codes = [name(code) for code in model.operatorCodes]
    return Counter(codes[op.opcodeIndex] for op in model.subgraphs[graph].operators)


def numbers(model: Tree, tensor: Any) -> np.ndarray:
    """What the file holds for a tensor, in its shape; empty for a computed tensor."""
    data = model.buffers[tensor.buffer].data
    kind = TYPES[tensor.type]
    if data is None or not len(data):
        return np.empty(0, kind)
    return np.frombuffer(bytes(bytearray(data)), kind).reshape(list(tensor.shape))


def hold(model: Tree, values: np.ndarray) -> int:
    """Puts numbers into the file; the number of their buffer."""
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
    model.buffers.append(buffer)
    return len(model.buffers) - 1


def with_numbers(model: Tree, tensor: Any, values: np.ndarray) -> Any:
    """A copy of a tensor that holds other numbers, of any shape, of its type."""
    made = copy.copy(tensor)
    made.shape, made.shapeSignature = list(values.shape), None
    made.buffer = hold(model, values.astype(TYPES[tensor.type]))
    return made


def add_tensor(graph: Any, tensor: Any) -> int:
    """The number of a tensor that is added to a graph."""
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def opcode(model: Tree, word: str, version: int) -> int:
    """The number of a builtin operator of a version, added where the file lacks it."""
    for number, code in enumerate(model.operatorCodes):
        if name(code) == word and code.version == version:
            return number
    made = schema.OperatorCodeT()
    made.builtinCode = getattr(schema.BuiltinOperator, word)
    made.deprecatedBuiltinCode = min(made.builtinCode, 127)
    made.version = version
    model.operatorCodes.append(made)
    return len(model.operatorCodes) - 1


def writers(graph: Any) -> dict[int, Any]:
    """Number of a tensor -> the operator that computes it."""
    return {int(i): operator for operator in graph.operators for i in operator.outputs}


def readers(graph: Any, tensor: int) -> list[Any]:
    """The operators that take a tensor."""
    return [operator for operator in graph.operators if tensor in operator.inputs]


def split(data: bytes, outputs: Sequence[str]) -> bytes:
    """Makes one signature for each output named: a graph of only what it needs.

    data: a file with one signature. The weights are shared, and all signatures are
    quantised alike, which they would not be after two conversions.
    """
    model = unpack(data)
    (whole,), (signature,) = model.subgraphs, model.signatureDefs
    wanted = {text(output.name): output for output in signature.outputs}
    model.subgraphs, model.signatureDefs = [], []
    for number, output in enumerate(outputs):
        graph = pruned(whole, [wanted[output].tensorIndex])
        graph.name = output
        part = copy.copy(signature)
        part.signatureKey, part.subgraphIndex = output, number
        part.outputs = [wanted[output]]
        model.subgraphs.append(graph)
        model.signatureDefs.append(part)
    return pack(model)


def take_raw_pixels(data: bytes) -> bytes:
    """Makes the input uint8, 0..255, where it is float32 and quantised at once.

    That quantisation must have scale 1 and be shifted by 128. To be called before
    `split`. Raises UserError when the first operator is another one.
    """
    model = unpack(data)
    (graph,) = model.subgraphs
    (index,) = graph.inputs
    readers = [op for op in graph.operators if index in op.inputs]
    kinds = {name(model.operatorCodes[op.opcodeIndex]) for op in readers}
    after = [graph.tensors[op.outputs[0]].quantization for op in readers]
    if kinds != {"QUANTIZE"} or any(q.scale[0] != 1 for q in after):
        raise UserError(
            f"The image goes into {', '.join(sorted(kinds))}, not into a quantisation "
            "of step 1. The network's first layers must be quantised."
        )
    tensor = graph.tensors[index]
    tensor.type = schema.TensorType.UINT8
    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.scale, tensor.quantization.zeroPoint = [1.0], [0]
    return pack(model)


def pruned(whole: Any, outputs: Sequence[int]) -> Any:
    """The graph of what leads to some tensors, which keep their numbers."""
    graph, needed, kept = copy.copy(whole), {int(i) for i in outputs}, []
    for operator in reversed(whole.operators):
        if needed.intersection(operator.outputs):
            needed.update(int(i) for i in operator.inputs)
            kept.append(operator)
    graph.operators = kept[::-1]
    graph.outputs = [int(i) for i in outputs]
    # Numbers must stay, but a tensor that nothing writes would still take memory.
    used = needed | {int(i) for op in kept for i in op.outputs}
    graph.tensors = [
        tensor if number in used else _empty(tensor)
        for number, tensor in enumerate(whole.tensors)
    ]
    return graph


def drop_unused(model: Tree) -> None:
    """Drops numbers that no tensor has, and kinds of operators that none is of:
    interpreters refuse a version that they do not know even there."""
    held = {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors}
    held |= {entry.buffer for entry in model.metadata or []}
    for number, buffer in enumerate(model.buffers):
        if number not in held:
            buffer.data = None
    used = sorted({op.opcodeIndex for g in model.subgraphs for op in g.operators})
    model.operatorCodes = [model.operatorCodes[number] for number in used]
    for graph in model.subgraphs:
        for operator in graph.operators:
            operator.opcodeIndex = used.index(operator.opcodeIndex)


def _empty(tensor):
    tensor = copy.copy(tensor)
    tensor.shape, tensor.shapeSignature, tensor.buffer = [0], None, 0
    tensor.quantization = None  # that of a scale for each channel fits no empty one
    return tensor
