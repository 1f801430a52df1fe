"""The graph of a functional Keras model as a list of layer calls, in running order.

Costs and receptive fields are read off this list; nothing is computed.
"""

from __future__ import annotations

import math
from typing import Any

import keras

from kerasseg import UserError
from kerasseg.frameworks.private_hooks import nodes_by_depth
from kerasseg.taxonomy import Tensor


def calls(model: keras.Model) -> list[Any]:
    """Nodes of the graph but for its inputs. A layer called twice has two.

    Each has `operation`, `input_tensors`, `output_tensors` and `arguments`.

    Raises:
        UserError: where a layer is a model of its own.
    """
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


def size(tensor: Tensor) -> int:
    """Number of values of a symbolic (B, ...) tensor for one image."""
    return math.prod(tensor.shape[1:])


def check_static(model: keras.Model) -> None:
    """Raises UserError for a network whose image or logits have no fixed size."""
    for tensor in (*model.inputs, *model.outputs):
        if None in tensor.shape[1:]:
            raise UserError(
                f"Expected a network for one size, got {tuple(tensor.shape)} for "
                f"'{tensor.name}'. Build it with numbers as input_shape."
            )
