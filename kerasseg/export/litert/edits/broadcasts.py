"""Vectors that are added to a map become maps of one pixel.

The converter flattens the second input of an Add, (1, 1, 1, C) to (C,). In int8 the GPU
accelerator of LiteRT writes a shader for it that does not compile, and every pixel gets
class 0, without an error (ai-edge-litert 2.3.0 and LiteRT.js 2.5.3).
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from kerasseg.export.litert import flatbuffer
from kerasseg.export.litert.flatbuffer import Tree

BINARY = ("ADD", "MUL", "SUB", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE")
"""Operators that repeat a smaller input over the larger one."""


def edit(model: Tree) -> None:
    """Makes the outputs of such RESHAPE operators (1, ..., 1, C); what then changes no
    shape any more is dropped. The numbers stay."""
    for graph in model.subgraphs:
        for operator in list(graph.operators):
            code = model.operatorCodes[operator.opcodeIndex]
            if flatbuffer.name(code) == "RESHAPE":
                _edit(model, graph, operator)


def _edit(model: Tree, graph: Any, reshape: Any) -> None:
    source, target = int(reshape.inputs[0]), int(reshape.outputs[0])
    tensor = graph.tensors[target]
    users = flatbuffer.readers(graph, target)
    rank = _rank(model, graph, users, target)
    if len(tensor.shape) != 1 or rank < 2 or target in graph.outputs:
        return
    shape = [1] * (rank - 1) + [int(tensor.shape[0])]
    if list(graph.tensors[source].shape) == shape:
        for user in users:
            user.inputs = [source if i == target else int(i) for i in user.inputs]
        graph.operators.remove(reshape)
        return
    tensor = graph.tensors[target] = copy.copy(tensor)
    tensor.shape, tensor.shapeSignature = shape, None
    reshape.inputs = [source]
    if len(graph.operators) and reshape.builtinOptions is None:
        reshape.builtinOptionsType = flatbuffer.schema.BuiltinOptions.ReshapeOptions
    reshape.builtinOptions = flatbuffer.schema.ReshapeOptionsT()
    reshape.builtinOptions.newShape = np.asarray(shape, np.int32)


def _rank(model: Tree, graph: Any, users: list[Any], vector: int) -> int:
    """The number of dimensions of what a vector is added to; 0 where it goes into
    another kind of operator, or into maps of different ranks."""
    ranks = set()
    for user in users:
        word = flatbuffer.name(model.operatorCodes[user.opcodeIndex])
        others = [int(i) for i in user.inputs if i != vector]
        if word not in BINARY or len(others) != 1:
            return 0
        ranks.add(len(graph.tensors[others[0]].shape))
    return ranks.pop() if len(ranks) == 1 else 0
