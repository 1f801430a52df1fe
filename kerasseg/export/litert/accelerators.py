"""What a LiteRT file holds that the documentation of an accelerator does not list.

An accelerator leaves such operators to the CPU, or refuses the file. Nothing is run
here: a list is no promise. `gate.check` runs the accelerators that are at hand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from kerasseg.export.litert import flatbuffer

LITERT_GPU = "LiteRT GPU"
GPU_DELEGATE = "GPU delegate"
NNAPI = "NNAPI"
EDGE_TPU = "Edge TPU"

ANY = 99
"""A version that no operator has: every version is taken."""


def missing(file: str | Path | bytes) -> dict[str, list[str]]:
    """Accelerator -> reasons why it does not run all of what the file runs by default.

    file: its path or its bytes. An empty list: its documentation lists everything. The
    first graph is judged, the one that runs where no signature is named.
    """
    data = file if isinstance(file, bytes) else Path(file).read_bytes()
    model = flatbuffer.unpack(data)
    used = list(operations(model))
    found = {name: _counted(used, check) for name, check in _CHECKS.items()}
    if len(model.subgraphs) > 1:
        reason = f"{len(model.subgraphs)} graphs in one file: its compiler takes one"
        found[EDGE_TPU].insert(0, reason)
    return found


@dataclass(frozen=True)
class Operation:
    """An operator of a graph with its tensors; None for an input that is left out.

    constant: for each input, whether the file holds its numbers.
    """

    name: str
    version: int
    options: Any
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    constant: tuple[bool, ...]

    @property
    def takes(self) -> str:
        """The type of the map it takes, such as float32."""
        # The first input of a TRANSPOSE_CONV is the shape of its output.
        return _type(self.inputs[2 if self.name == "TRANSPOSE_CONV" else 0])

    @property
    def gives(self) -> str:
        return _type(self.outputs[0])

    def has(self, option: str) -> bool:
        """Whether an option of its is set."""
        return bool(getattr(self.options, option, 0))


def operations(model: flatbuffer.Tree, graph: int = 0) -> Iterator[Operation]:
    """The operators of one graph, in order."""
    tensors = model.subgraphs[graph].tensors
    for operator in model.subgraphs[graph].operators:
        code = model.operatorCodes[operator.opcodeIndex]
        inputs = tuple(tensors[i] if i >= 0 else None for i in operator.inputs)
        outputs = tuple(tensors[i] for i in operator.outputs)
        held = tuple(t is not None and _holds(model, t) for t in inputs)
        name, options = flatbuffer.name(code), operator.builtinOptions
        yield Operation(name, code.version, options, inputs, outputs, held)


def _holds(model: flatbuffer.Tree, tensor: Any) -> bool:
    data = model.buffers[tensor.buffer].data
    return data is not None and len(data) > 0


def _counted(used: list[Operation], check: Callable[[Operation], str]) -> list[str]:
    """The reasons, each with the number of operators that it stops."""
    counts = Counter(reason for one in used if (reason := check(one)))
    return [f"{reason} ({number})" for reason, number in counts.items()]


def _listed(operation: Operation, known: dict[str, int]) -> str:
    """The reason against an operator whose name or version is not in a list."""
    if operation.name not in known:
        return f"{operation.name} is not in its list"
    most = known[operation.name]
    if operation.version > most:
        return f"{operation.name} of version {operation.version}, at most {most}"
    return ""


# ---- LiteRT's own GPU accelerator: no list, but three defects that were measured -----


def _litert_gpu(operation: Operation) -> str:
    """Of ai-edge-litert 2.3.0 and LiteRT.js 2.5.3: see docs/devices.md."""
    name, inputs = operation.name, operation.inputs
    if max(len(one.shape) for one in (*inputs, *operation.outputs) if one) > 4:
        return f"{name} of more than four dimensions"
    if name == "TRANSPOSE_CONV" and operation.version > 3:
        return f"TRANSPOSE_CONV of version {operation.version}, at most 3"
    if name == "ARG_MAX" and inputs[0].shape[-1] % 4:
        # It pads the classes to a multiple of 4, with zeros that win.
        number = inputs[0].shape[-1]
        return f"ARG_MAX of {number} classes, no multiple of 4, gives wrong ids"
    if name in ("ADD", "MUL", "SUB") and operation.takes == "int8":
        if len(inputs[1].shape) == 1 and not operation.constant[1]:
            return f"{name} of int8 with a vector that is computed gives wrong numbers"
    return ""


# ---- GPU delegate of TensorFlow Lite -------------------------------------------------

_GPU_DELEGATE = {
    **dict.fromkeys(["ABS", "ADD", "COS", "DIV", "ELU", "EQUAL", "EXP", "FLOOR"], 2),
    **dict.fromkeys(["FLOOR_DIV", "FLOOR_MOD", "GELU", "GREATER", "GREATER_EQUAL"], 2),
    **dict.fromkeys(["LESS", "LESS_EQUAL", "LOG", "LOGICAL_AND", "LOGISTIC"], 2),
    **dict.fromkeys(["MAXIMUM", "MINIMUM", "NEG", "NOT_EQUAL", "POW", "RSQRT"], 2),
    **dict.fromkeys(["SIGN", "SIN", "SQRT", "SQUARE", "SQUARED_DIFFERENCE"], 2),
    **dict.fromkeys(["SUB", "TANH", "AVERAGE_POOL_2D", "MAX_POOL_2D", "PAD"], 2),
    **dict.fromkeys(["PADV2", "MIRROR_PAD", "QUANTIZE", "RELU", "RELU6", "SLICE"], 2),
    **dict.fromkeys(["RELU_0_TO_1", "RELU_N1_TO_1", "LEAKY_RELU", "SOFTMAX"], 2),
    **dict.fromkeys(["SPACE_TO_DEPTH", "CONCATENATION"], 2),
    **dict.fromkeys(["GATHER", "ONE_HOT", "PRELU", "RESHAPE", "SELECT"], 1),
    **dict.fromkeys(["SELECT_V2", "CUMSUM", "DENSIFY"], 1),
    **dict.fromkeys(["MUL", "DEQUANTIZE", "TRANSPOSE_CONV"], 3),
    **dict.fromkeys(["RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"], 3),
    **dict.fromkeys(["STRIDED_SLICE", "TRANSPOSE", "LSTM"], 4),
    **dict.fromkeys(["CONV_2D", "DEPTHWISE_CONV_2D"], 6),
    "FULLY_CONNECTED": 9,
    **dict.fromkeys(["ADD_N", "BATCH_MATMUL", "CAST", "DEPTH_TO_SPACE", "MEAN"], ANY),
    **dict.fromkeys(["HARD_SWISH", "PACK", "REDUCE_MAX", "REDUCE_MIN", "SPLIT"], ANY),
    **dict.fromkeys(["REDUCE_PROD", "SUM", "SPLIT_V", "TILE", "UNPACK"], ANY),
}
"""Operator -> largest version: tflite/delegates/gpu/common/model_builder.cc of LiteRT
f674577 (2026-08). Not the shorter list of ai.google.dev/edge/litert/performance/gpu,
which names MEAN neither."""


def _gpu_delegate(operation: Operation) -> str:
    """By tflite/tools/versioning/gpu_compatibility.cc of LiteRT f674577."""
    name, options = operation.name, operation.options
    if name == "CAST":
        takes, gives = operation.takes, operation.gives
        numbers, floats = {"float32", "int32"}, {"float16", "float32"}
        known = (
            {takes, gives} <= numbers
            or (takes == "bool" and gives in floats)
            or (takes in floats and gives == "bool")
        )
        return "" if known else f"CAST from {takes} to {gives}"
    if name == "SOFTMAX" and options.beta != 1:
        return "SOFTMAX with beta other than 1"
    if name == "MIRROR_PAD" and options.mode != schema.MirrorPadMode.REFLECT:
        return "MIRROR_PAD of another mode than REFLECT"
    if name in ("PAD", "PADV2", "MIRROR_PAD") and operation.inputs[1].shape[0] < 3:
        return f"{name} of fewer than 3 dimensions"
    if name == "STRIDED_SLICE":
        masks = ("ellipsisMask", "newAxisMask", "shrinkAxisMask")
        if any(operation.has(mask) for mask in masks):
            return "STRIDED_SLICE that adds or drops an axis"
        if len(operation.inputs[0].shape) not in (3, 4):
            return "STRIDED_SLICE of other than 3 or 4 dimensions"
    return _listed(operation, _GPU_DELEGATE)


# ---- NNAPI ---------------------------------------------------------------------------

_NNAPI = {
    **dict.fromkeys(["ADD", "ARG_MAX", "ARG_MIN", "MUL", "AVERAGE_POOL_2D"], 2),
    **dict.fromkeys(["MAX_POOL_2D", "SOFTMAX", "CONCATENATION", "DEQUANTIZE"], 2),
    **dict.fromkeys(["RELU", "RELU_N1_TO_1", "RELU6", "LOGISTIC", "TANH", "PAD"], 2),
    **dict.fromkeys(["PADV2", "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND", "SLICE"], 2),
    **dict.fromkeys(["STRIDED_SLICE", "TRANSPOSE", "RSQRT", "SPACE_TO_DEPTH"], 2),
    **dict.fromkeys(["MEAN", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"], 2),
    **dict.fromkeys(["EQUAL", "NOT_EQUAL", "NEG", "TOPK_V2", "SELECT", "GATHER"], 2),
    **dict.fromkeys(["SPLIT_V", "QUANTIZE", "REDUCE_ANY", "REDUCE_MIN"], 2),
    **dict.fromkeys(["REDUCE_MAX", "PACK", "UNPACK", "SQUARED_DIFFERENCE"], 2),
    **dict.fromkeys(["L2_NORMALIZATION", "BATCH_MATMUL", "MIRROR_PAD"], 2),
    **dict.fromkeys(["RESHAPE", "SQUEEZE", "LOCAL_RESPONSE_NORMALIZATION"], 1),
    **dict.fromkeys(["FLOOR", "DIV", "ABS", "EXP", "LOG", "POW", "COS", "SIN"], 1),
    **dict.fromkeys(["SQRT", "CAST", "LEAKY_RELU", "PRELU", "TILE"], 1),
    **dict.fromkeys(["LOGICAL_OR", "LOGICAL_AND", "LOGICAL_NOT", "EXPAND_DIMS"], 1),
    **dict.fromkeys(["LOG_SOFTMAX", "REDUCE_PROD", "SUM", "ELU", "FILL"], 1),
    **dict.fromkeys(["SUB", "MAXIMUM", "MINIMUM", "SPLIT", "REVERSE_V2"], 3),
    **dict.fromkeys(["RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"], 3),
    **dict.fromkeys(["DEPTHWISE_CONV_2D", "LSTM"], 3),
    **dict.fromkeys(["CONV_2D", "FULLY_CONNECTED"], 5),
    **dict.fromkeys(["HARD_SWISH", "DENSIFY", "DEPTH_TO_SPACE"], ANY),
    "TRANSPOSE_CONV": 4,
}
"""Operator -> largest version, on Android 11 and newer:
tflite/delegates/nnapi/nnapi_delegate.cc of LiteRT f674577."""


def _nnapi(operation: Operation) -> str:
    if operation.has("halfPixelCenters"):
        return f"{operation.name} at half-pixel centres, not before Android 11"
    if operation.name == "CONCATENATION" and operation.has("fusedActivationFunction"):
        return "CONCATENATION with an activation"
    if operation.name == "CONV_2D" and operation.inputs[2:] in ((), (None,)):
        return "CONV_2D without a bias"
    return _listed(operation, _NNAPI)


# ---- Edge TPU ------------------------------------------------------------------------

_EDGE_TPU = dict.fromkeys(
    [
        *("ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D"),
        *("EXPAND_DIMS", "FULLY_CONNECTED", "L2_NORMALIZATION", "LOGISTIC", "LSTM"),
        *("MAXIMUM", "MAX_POOL_2D", "MEAN", "MINIMUM", "MUL", "PACK", "PAD", "PRELU"),
        *("QUANTIZE", "REDUCE_MAX", "REDUCE_MIN", "RELU", "RELU6", "RELU_N1_TO_1"),
        *("RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "RSQRT", "SLICE"),
        *("SOFTMAX", "SPACE_TO_DEPTH", "SPLIT", "SQUEEZE", "STRIDED_SLICE", "SUB"),
        *("SUM", "SQUARED_DIFFERENCE", "TANH", "TRANSPOSE", "TRANSPOSE_CONV"),
    ],
    ANY,
)
"""https://coral.ai/docs/edgetpu/models-intro, which names no versions."""


def _edge_tpu(operation: Operation) -> str:
    name = operation.name
    types = {operation.takes, operation.gives}
    if name in _EDGE_TPU and not types <= {"int8", "uint8"}:
        return f"{name} of {', '.join(sorted(types))}: only 8 bits"
    if operation.has("halfPixelCenters") or operation.has("alignCorners"):
        # "Operation version not supported": google-coral/edgetpu, issues 31 and 396.
        centres = "half-pixel" if operation.has("halfPixelCenters") else "aligned"
        return f"{name} at {centres} centres"
    pools = ("AVERAGE_POOL_2D", "MAX_POOL_2D", "CONCATENATION")
    if name in pools and operation.has("fusedActivationFunction"):
        return f"{name} with an activation"
    if name in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        options = operation.options
        if options.dilationHFactor != options.dilationWFactor:
            return f"{name} with another dilation across than down"
    if max(operation.outputs[0].shape[:-3], default=1) > 1:
        return f"{name} of more than three dimensions"
    if name == "SOFTMAX" and max(operation.inputs[0].shape[:-1], default=1) > 1:
        return "SOFTMAX of more than one dimension"
    return _listed(operation, _EDGE_TPU)


_CHECKS: dict[str, Callable[[Operation], str]] = {
    LITERT_GPU: _litert_gpu,
    GPU_DELEGATE: _gpu_delegate,
    NNAPI: _nnapi,
    EDGE_TPU: _edge_tpu,
}

_TYPES = {
    number: word.lower()
    for word, number in vars(schema.TensorType).items()
    if isinstance(number, int)
}


def _type(tensor: Any) -> str:
    return _TYPES[tensor.type]
