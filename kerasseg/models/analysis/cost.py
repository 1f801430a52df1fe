"""What a network costs: multiply-adds and memory, read off its graph, for one image.

Why no network keeps the full resolution all through: see the naive one in the table of
`python -m kerasseg.models`. Nothing is run, so the weights need not exist.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from kerasseg import UserError
from kerasseg.models.analysis.graph import calls, check_static, size
from kerasseg.taxonomy import Tensor

FLOAT = 4
"""Bytes of a float32."""
VIEWS = {"Reshape", "Flatten", "ExpandDims", "Squeeze"}
TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)
DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
CONVOLUTIONS = (layers.Conv1D, layers.Conv2D, layers.Conv3D, *DEPTHWISE)
ATTENTION = (
    layers.Attention,
    layers.AdditiveAttention,
    layers.MultiHeadAttention,
    layers.GroupQueryAttention,
)


def multiply_adds(model: keras.Model) -> int:
    """Multiplications with an addition each, of convolutions and matrix products.

    A convolution: values of its kernel times positions of its output, taps in the
    padding included; a transposed one: positions of its input. Biases, normalisation,
    activations, pooling and resizing are not counted.

    Raises:
        UserError: for a network of no fixed size, attention and recurrent layers.
    """
    check_static(model)
    return sum(_multiply_adds(node) for node in calls(model))


def activation_bytes(model: keras.Model) -> int:
    """Memory in bytes for the outputs of all operations, image included, as float32.

    About what training keeps for the backward pass; views (reshaping) are free.

    Raises:
        UserError: for a network of no fixed size.
    """
    check_static(model)
    kept = [tensor for node in calls(model) for tensor in _outputs(node)]
    return FLOAT * sum(map(size, [*model.inputs, *kept]))


def peak_bytes(model: keras.Model) -> int:
    """Largest memory in bytes at once of inference as float32.

    Operation after operation: a value is dropped after its last use. Views count as
    copies.

    Raises:
        UserError: for a network of no fixed size.
    """
    check_static(model)
    nodes = calls(model)
    last_use: dict[int, int] = {}
    for step, node in enumerate(nodes):
        last_use |= {id(tensor): step for tensor in node.input_tensors}
    kept = {id(tensor) for tensor in model.outputs}
    alive = {id(tensor): size(tensor) for tensor in model.inputs}
    peak = sum(alive.values())
    for step, node in enumerate(nodes):
        alive |= {id(tensor): size(tensor) for tensor in node.output_tensors}
        peak = max(peak, sum(alive.values()))
        done = {id(t) for t in node.input_tensors if last_use[id(t)] == step} - kept
        alive = {key: values for key, values in alive.items() if key not in done}
    return FLOAT * peak


def _outputs(node: Any) -> list[Tensor]:
    return [] if type(node.operation).__name__ in VIEWS else node.output_tensors


def _multiply_adds(node: Any) -> int:
    layer, output = node.operation, node.output_tensors[0]
    kind = type(layer).__name__
    if isinstance(layer, TRANSPOSED):
        return math.prod(layer.kernel.shape) * _positions(node.input_tensors[0])
    if isinstance(layer, SEPARABLE):
        kernels = (layer.depthwise_kernel, layer.pointwise_kernel)
        return sum(math.prod(k.shape) for k in kernels) * _positions(output)
    if isinstance(layer, CONVOLUTIONS):
        # Of a grouped one the kernel has the channels of one group only.
        return math.prod(layer.kernel.shape) * _positions(output)
    if isinstance(layer, layers.Dense):
        return math.prod(layer.kernel.shape) * _positions(output)
    if kind in ("Matmul", "Dot"):
        return size(output) * node.input_tensors[0].shape[-1]
    if kind in ("Einsum", "EinsumDense"):
        subscripts = layer.subscripts if kind == "Einsum" else layer.equation
        operands = [tensor.shape for tensor in node.input_tensors]
        if kind == "EinsumDense":
            operands.append(layer.kernel.shape)
        return _einsum(subscripts, operands)
    if isinstance(layer, ATTENTION) or hasattr(layer, "cell"):
        raise UserError(f"No count of multiply-adds for {kind} '{layer.name}'.")
    return 0


def _positions(tensor: Tensor) -> int:
    """Pixels of a map for one image; 1 for a vector."""
    return math.prod(tensor.shape[1:-1])


def _einsum(subscripts: str, shapes: Sequence[Sequence[int]]) -> int:
    """Each combination of the letters is one multiply-add."""
    terms = subscripts.split("->")[0].replace(" ", "").split(",")
    lengths: dict[str, Any] = {}
    for term, shape in zip(terms, shapes, strict=True):
        letters = term.replace("...", "")
        lengths |= dict(zip(reversed(letters), reversed(shape), strict=False))
        if "..." in term:
            lengths["..."] = math.prod(n or 1 for n in shape[: -len(letters)])
    return math.prod(length or 1 for length in lengths.values())
