"""Transposed convolutions of a version that GPUs take.

An activation inside TRANSPOSE_CONV makes it version 4, a bias version 3, int8 version 2
(op_version.cc of LiteRT). The GPU delegates take up to 3; and one fused layer lifts the
version of all that share its entry in the file, also that of bare ones.
"""

from __future__ import annotations

import copy
from typing import Any

from kerasseg.export.litert import flatbuffer
from kerasseg.export.litert.flatbuffer import Tree, schema

_Activation = schema.ActivationFunctionType
SEPARATE = {_Activation.RELU: "RELU", _Activation.RELU6: "RELU6"}
"""Activations that have an operator of their own. Others stay inside."""


def edit(model: Tree) -> None:
    """Takes the activations out of TRANSPOSE_CONV. The numbers stay.

    In float32 the activation becomes an operator. In int8 none is needed where the
    range of the output begins at 0: cutting at the ends of the range does the same.
    """
    for graph in model.subgraphs:
        operators = []
        for operator in graph.operators:
            operators.append(operator)
            code = model.operatorCodes[operator.opcodeIndex]
            if flatbuffer.name(code) == "TRANSPOSE_CONV":
                operators += _taken_out(model, graph, operator)
        graph.operators = operators
    flatbuffer.drop_unused(model)


def _taken_out(model: Tree, graph: Any, operator: Any) -> list[Any]:
    """Edits a TRANSPOSE_CONV; the operators that must follow it, none or one."""
    activation = operator.builtinOptions.fusedActivationFunction
    if activation not in (_Activation.NONE, *SEPARATE):
        return []
    (out,) = (int(i) for i in operator.outputs)
    tensor = graph.tensors[out]
    quantised = tensor.type == schema.TensorType.INT8
    operator.builtinOptions = copy.copy(operator.builtinOptions)
    operator.builtinOptions.fusedActivationFunction = _Activation.NONE
    bias = len(operator.inputs) > 3 and operator.inputs[3] >= 0
    version = 3 if bias else 2 if quantised else 1
    operator.opcodeIndex = flatbuffer.opcode(model, "TRANSPOSE_CONV", version)
    if activation == _Activation.NONE or (quantised and _cuts(tensor, activation)):
        return []
    before = copy.copy(tensor)
    before.name = f"{flatbuffer.text(tensor.name)}_before_activation"
    operator.outputs = [flatbuffer.add_tensor(graph, before)]
    made = schema.OperatorT()
    word, version = SEPARATE[activation], 2 if quantised else 1
    made.opcodeIndex = flatbuffer.opcode(model, word, version)
    made.inputs, made.outputs = list(operator.outputs), [out]
    return [made]


def _cuts(tensor: Any, activation: int) -> bool:
    """Whether the range of an int8 tensor lies within that of the activation."""
    (scale,), (zero,) = tensor.quantization.scale, tensor.quantization.zeroPoint
    lowest, highest = (-128 - zero) * scale, (127 - zero) * scale
    # Half a step: the highest value of RELU6 is 6 up to its rounding.
    return lowest >= 0 and (activation == _Activation.RELU or highest <= 6 + scale / 2)
