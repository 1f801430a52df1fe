"""A LiteRT file as a tree of objects: count its operators, change its signatures.

A LiteRT file is a FlatBuffer: https://flatbuffers.dev, schema.fbs of LiteRT.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeAlias

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from kerasseg import UserError

Tree: TypeAlias = Any
"""A `schema.ModelT`: in its annotations every attribute may be None, in files not."""

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
        graph = _pruned(whole, wanted[output].tensorIndex)
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


def _pruned(whole, output: int):
    """The graph of the operators that lead to a tensor; tensors keep their numbers."""
    graph, needed, kept = copy.copy(whole), {output}, []
    for operator in reversed(whole.operators):
        if needed.intersection(operator.outputs):
            needed.update(int(i) for i in operator.inputs)
            kept.append(operator)
    graph.operators = kept[::-1]
    graph.outputs = [output]
    # Numbers must stay, but a tensor that nothing writes would still take memory.
    used = needed | {int(i) for op in kept for i in op.outputs}
    graph.tensors = [
        tensor if number in used else _empty(tensor)
        for number, tensor in enumerate(whole.tensors)
    ]
    return graph


def _empty(tensor):
    tensor = copy.copy(tensor)
    tensor.shape, tensor.shapeSignature, tensor.buffer = [0], None, 0
    return tensor
