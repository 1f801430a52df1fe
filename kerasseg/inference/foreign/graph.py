"""What the graph of a network tells: its last activation, and how it scales pixels."""

from __future__ import annotations

from typing import Any, Literal

import keras
import numpy as np

from kerasseg.frameworks import private_hooks

Activation = Literal["softmax", "sigmoid", "none", "unknown"]
"""What the last layer does; "none": it gives logits. "unknown" cannot be told."""

OF_FUNCTIONS: dict[str, Activation] = {
    "softmax": "softmax",
    "sigmoid": "sigmoid",
    "hard_sigmoid": "sigmoid",
    "linear": "none",
    "log_softmax": "none",
    "log_sigmoid": "unknown",
}
"""Name of an activation function -> what its values are. All else is unknown."""
OF_OPERATIONS: dict[str, Activation] = {
    "Softmax": "softmax",
    "Sigmoid": "sigmoid",
    "HardSigmoid": "sigmoid",
    "LogSoftmax": "none",
    "BatchNormalization": "none",
    "GroupNormalization": "none",
    "LayerNormalization": "none",
}
"""Layers and operations without an attribute `activation`."""
KEEPING = {"Reshape", "Permute", "Identity", "Dropout", "SpatialDropout2D", "Resizing"}
KEEPING |= {"UpSampling2D", "Cropping2D", "CropImages", "CenterCrop", "Resize", "Cast"}
KEEPING |= {"Squeeze", "ExpandDims", "Transpose", "DepthToSpace", "GetItem"}
KEEPING |= {"AveragePooling2D", "MaxPooling2D"}
"""What leaves the kind of values as it is: places move, sizes change."""
MOVING = KEEPING | {"ZeroPadding2D", "Pad", "Flip"}
"""What leaves pixels as they are at the begin of a network."""
MEANS = {"Average", "Maximum", "Minimum"}
"""Of probabilities they give probabilities, of logits logits."""
SUMS = {"Add", "Subtract"}
"""Of logits they give logits; of probabilities something else."""
SMALLEST_RANGE = 50
"""A network that divides pixels by so much, or more, was trained on 0..255."""


def functional(network: Any) -> Any:
    """A sequential network as a functional one; others as they are."""
    if isinstance(network, keras.Sequential):
        return keras.Model(network.inputs, network.outputs)
    return network


def last_activation(network: Any) -> Activation:
    """What was done last to the numbers that a network with one output gives."""
    nodes = private_hooks.nodes_by_depth(functional(network))[0]
    return _of(nodes[0]) if len(nodes) == 1 else "unknown"


def _of(node: Any) -> Activation:
    one = node.operation
    kind = type(one).__name__
    if isinstance(one, keras.Model):
        inside = last_activation(one)
        # It may end with layers that keep what it was given.
        return _before(node) if inside == "unknown" and not one.weights else inside
    if kind in KEEPING:
        return _before(node)
    if kind == "Softmax":
        axis = getattr(one, "axis", -1)
        rank = len(node.output_tensors[0].shape)
        return "softmax" if axis in (-1, rank - 1) else "unknown"
    if kind in OF_OPERATIONS:
        return OF_OPERATIONS[kind]
    if kind in MEANS | SUMS:
        found = {_of(parent) for parent in node.parent_nodes}
        if len(found) == 1 and (kind in MEANS or found == {"none"}):
            return found.pop()
        return "unknown"
    function = getattr(one, "activation", None)
    name = getattr(function, "__name__", "")
    if kind == "Activation" and name == "linear":
        return _before(node)
    return OF_FUNCTIONS.get(name, "unknown")


def _before(node: Any) -> Activation:
    parents = [parent for parent in node.parent_nodes if not parent.is_input]
    return _of(parents[0]) if len(parents) == 1 else "unknown"


def scales_pixels(network: Any) -> bool:
    """Whether the first layers bring 0..255 to a small range: then pixels are given as
    they are, beyond doubt."""
    nodes = private_hooks.nodes_by_depth(functional(network))
    return _scaled_after([n for there in nodes.values() for n in there], None)


def _scaled_after(nodes: list[Any], before: Any) -> bool:
    """Whether all that takes the values of a node scales them; None: of the inputs."""
    following = [
        node
        for node in nodes
        if any(
            parent.is_input if before is None else parent is before
            for parent in node.parent_nodes
        )
    ]
    return bool(following) and all(_scales(node, nodes) for node in following)


def _scales(node: Any, nodes: list[Any]) -> bool:
    one, kind = node.operation, type(node.operation).__name__
    if isinstance(one, keras.Model):
        return scales_pixels(one)
    if kind in MOVING or kind.startswith("Random"):
        return _scaled_after(nodes, node)
    if kind == "Rescaling":
        return 0 < _largest(one.scale) <= 1 / SMALLEST_RANGE
    if kind == "Normalization":
        return _largest(one.variance) > SMALLEST_RANGE
    numbers = [
        _largest(value)
        for value in (*node.arguments.args, *node.arguments.kwargs.values())
        if value is not None and not isinstance(value, keras.KerasTensor)
    ]
    if len(numbers) != 1:
        return False
    if kind in ("TrueDivide", "Divide", "Subtract"):  # by 255, or of the mean colour
        return numbers[0] >= SMALLEST_RANGE
    return kind == "Multiply" and 0 < numbers[0] <= 1 / SMALLEST_RANGE


def _largest(values: Any) -> float:
    try:
        return float(np.max(np.abs(keras.ops.convert_to_numpy(values))))
    except (TypeError, ValueError):
        return 0.0
