"""What a network would take of the memory, found before it is built."""

from __future__ import annotations

import copy
import math
from typing import Any

from kerasseg.files.hdf5 import Refused

SPARE = 1 << 20
"""Numbers that a network may need beyond those of its file: states of dropout."""
MOST_OF_A_LAYER = 1 << 32
"""Numbers that one layer may give for one image."""


def check(config: dict[str, Any], numbers: int) -> None:
    """Compares a checked configuration with how many numbers its weights file holds.

    The network is made without the memory of its variables.

    Raises Refused for one that needs more, and for layers that give more numbers for
    one image than a computer can hold; else what Keras raises for a configuration that
    makes no network.
    """
    import keras

    from kerasseg.frameworks import private_hooks

    with (
        private_hooks.forgetting_variables() as made,
        private_hooks.sharing_objects(),
        keras.StatelessScope(initialize_variables=False),
    ):
        own = copy.deepcopy(config)  # Keras takes parts out of it
        network = keras.saving.deserialize_keras_object(own, safe_mode=True)
        needed = sum(math.prod(variable.shape) for variable in made)
    if needed > numbers + SPARE:
        raise Refused(
            f"its layers need {needed:,} numbers, but its weights are {numbers:,}"
        )
    if not isinstance(network, keras.Model):
        raise Refused(f"it holds a {type(network).__name__}, which is no network")
    for layer in _layers(network):
        for output in _outputs(layer):
            size = math.prod(length or 1 for length in output.shape)
            if size > MOST_OF_A_LAYER:
                raise Refused(
                    f"its layer {layer.name[:40]} gives {size:,} numbers for one image"
                )


def _outputs(layer: Any) -> list[Any]:
    """What a layer or operation gives, wherever it is called."""
    from kerasseg.frameworks import private_hooks

    nodes = private_hooks.inbound_nodes(layer)
    return [output for node in nodes for output in node.output_tensors]


def _layers(network: Any) -> list[Any]:
    """The layers and operations of a network, and of the networks inside it."""
    found: list[Any] = []
    waiting = [network]
    while waiting:
        inside = waiting.pop()
        found.append(inside)
        waiting += getattr(inside, "operations", None) or getattr(inside, "layers", [])
    return found
