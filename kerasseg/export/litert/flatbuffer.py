"""LiteRT files as objects: count operators, and give one graph several signatures."""

from __future__ import annotations

import copy
from collections import Counter

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from kerasseg import UserError

NAMES = {
    code: word
    for word, code in vars(schema.BuiltinOperator).items()
    if isinstance(code, int)
}


def unpack(data: bytes):
    """The file as a tree of the schema's objects (`schema.ModelT`)."""
    return schema.ModelT.InitFromPackedBuf(bytearray(data), 0)


def pack(model) -> bytes:
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def text(value) -> str:
    """A string of the tree, which unpacking gives as bytes."""
    return value.decode() if isinstance(value, bytes) else value


def name(code) -> str:
    """An operator's name; a custom one as CUSTOM:its name."""
    word = NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]
    return f"CUSTOM:{text(code.customCode)}" if word == "CUSTOM" else word


def operators(data: bytes, signature: str = "") -> Counter:
    """How often each operator occurs; a custom one as CUSTOM:name.

    signature: count only its graph; empty: that of the first.
    """
    model = unpack(data)
    graph = 0
    for one in model.signatureDefs or []:
        if text(one.signatureKey) == signature:
            graph = one.subgraphIndex
    codes = [name(code) for code in model.operatorCodes]
    return Counter(codes[op.opcodeIndex] for op in model.subgraphs[graph].operators)


def split(data: bytes, outputs) -> bytes:
    """One signature an output name: each a graph of only what that output needs.

    data: a file with one signature. The weights are shared, and all signatures are
    quantised alike, which two conversions would not be.
    """
    model = unpack(data)
    (whole,), (signature,) = model.subgraphs, model.signatureDefs
    wanted = {text(one.name): one for one in signature.outputs}
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
    """A float input 0..255 that is quantised at once becomes uint8 0..255.

    Its quantisation must have scale 1 and be shifted by 128 (`split` may follow).
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
    """The operators that lead to a tensor; tensors keep their numbers."""
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
