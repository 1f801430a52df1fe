"""The calls of a functional model, in the order in which they run."""

import math

import keras

from kerasseg import UserError
from kerasseg.frameworks.private_hooks import nodes_by_depth


def calls(model):
    """Nodes of the graph but for its inputs; each has `operation`, `input_tensors`,
    `output_tensors` and `arguments`. A layer called twice has two."""
    by_depth = nodes_by_depth(model)
    nodes = [
        node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]
    ]
    for node in nodes:
        if isinstance(node.operation, keras.Model):
            raise UserError(
                f"Layer '{node.operation.name}' is a model of its own. Expected a "
                "network of plain layers: call the function that builds the inner one."
            )
    return [node for node in nodes if not node.is_input]


def size(tensor):
    """Number of values for one image."""
    return math.prod(tensor.shape[1:])


def check_static(model):
    for tensor in (*model.inputs, *model.outputs):
        if None in tensor.shape[1:]:
            raise UserError(
                f"Expected a network for one size, got {tuple(tensor.shape)} for "
                f"'{tensor.name}'. Build it with numbers as input_shape."
            )
