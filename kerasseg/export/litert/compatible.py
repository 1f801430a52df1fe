"""LiteRT files within the operator lists of older accelerators, or a reason why not.

Both leave the class map to the caller: neither list has ARG_MAX. The lists are those of
`accelerators`; nothing was tried on such a device.
"""

from __future__ import annotations

from typing import Any

from kerasseg import UserError
from kerasseg.export.litert import accelerators, edits, flatbuffer
from kerasseg.export.litert.flatbuffer import Tree, schema

LOGITS = "logits"
"""The signature, and the output, of a file for the Edge TPU."""
ENLARGING = ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "QUANTIZE", "DEQUANTIZE")
"""What stands between the last logits and the class map; the caller does it."""


def for_gpu_delegate(data: bytes, signature: str = "probabilities") -> bytes:
    """A file for the GPU delegate of TensorFlow Lite: float32 image in, scores out.

    data: what `conversion.convert` gave, of float32 or float16, for one signature with
    the output `signature`. The image keeps its units (0 to 255).

    Raises UserError when an operator is not in the delegate's list.
    """
    model = flatbuffer.unpack(flatbuffer.split(data, [signature]))
    _take_floats(model)
    return _within(flatbuffer.pack(model), accelerators.GPU_DELEGATE)


def for_edge_tpu(data: bytes) -> bytes:
    """A file for the Edge TPU's compiler: uint8 image in, int8 logits out.

    data: what `conversion.convert` gave, of int8. The logits have the size of the last
    layer, often a half or a quarter of the image: what only enlarges them is left to
    the caller, and so is the argmax. The signature is LOGITS.

    Raises UserError when an operator is not in the compiler's list, as half-pixel
    resizes inside a network are not.
    """
    model = flatbuffer.unpack(flatbuffer.split(data, ["class_map"]))
    (graph,), (signature,) = model.subgraphs, model.signatureDefs
    logits = _last_logits(model, graph)
    if graph.tensors[logits].type != schema.TensorType.INT8:
        raise UserError(
            "An Edge TPU takes int8 alone, and this network's logits are float32. "
            "Export it as int8, without --keep-float."
        )
    model.subgraphs = [flatbuffer.pruned(graph, [logits])]
    signature.signatureKey = signature.outputs[0].name = LOGITS
    signature.outputs[0].tensorIndex = logits
    flatbuffer.drop_unused(model)
    return _within(flatbuffer.pack(model), accelerators.EDGE_TPU)


def _take_floats(model: Tree) -> None:
    """Lets a CAST of the image to float32 be the caller's."""
    (graph,), (signature,) = model.subgraphs, model.signatureDefs
    (image,) = (int(i) for i in graph.inputs)
    for operator in flatbuffer.readers(graph, image):
        if _name(model, operator) != "CAST":
            return
        (given,) = (int(i) for i in operator.outputs)
        graph.operators.remove(operator)
        graph.inputs = [given]
        signature.inputs[0].tensorIndex = given


def _last_logits(model: Tree, graph: Any) -> int:
    """The number of the tensor that the last layer of weights gives."""
    writers = flatbuffer.writers(graph)
    number = int(graph.outputs[0])
    # From the class map back over CAST and ARG_MAX, or CAST and GREATER.
    while _name(model, writers[number]) in ("CAST", "ARG_MAX", "GREATER", *ENLARGING):
        number = int(writers[number].inputs[0])
    return number


def _name(model: Tree, operator: Any) -> str:
    return flatbuffer.name(model.operatorCodes[operator.opcodeIndex])


def _within(data: bytes, accelerator: str) -> bytes:
    edited = edits.for_accelerators(data)
    reasons = accelerators.missing(edited)[accelerator]
    if reasons:
        raise UserError(
            f"This network does not fit the {accelerator}: {'; '.join(reasons)}. The "
            "documentation of the accelerator lists no such operator: take another "
            "network, such as unet_small, or leave it out of --compat."
        )
    return edited
