"""Finds the layers that bring an image to the range of the network, before all weights.

In int8 they would work on an image of 256 levels: what 16 bits, or a narrow range of 8,
hold beyond that would be lost before it is scaled. So they stay float32, and the
quantisation stands behind them.
"""

from __future__ import annotations

import keras
from keras import layers

from kerasseg.frameworks.private_hooks import inbound_nodes
from kerasseg.image_format import ImageFormat

KINDS = (layers.Rescaling, layers.ReLU, layers.Concatenate, layers.Normalization)
"""What such layers are (`kerasseg.models.pieces.first_layers`)."""


def range_layers(network: keras.Model, image_format: ImageFormat) -> list[str]:
    """Names of the layers that int8 leaves in float32, in the network's order.

    None for pictures of 0..255 that are not clipped: int8 holds all their pixels.
    """
    if image_format.is_picture and not clips(network):
        return []
    return [layer.name for layer in first_layers(network)]


def clips(network: keras.Model) -> bool:
    """Whether the network clips an image to a range, before all weights."""
    return any(isinstance(layer, layers.ReLU) for layer in first_layers(network))


def first_layers(network: keras.Model) -> list[keras.Layer]:
    """The layers without learnt weights between the image and the first others."""
    known = {one.name for one in network.layers if isinstance(one, layers.InputLayer)}
    found = []
    for layer in network.layers:
        nodes = inbound_nodes(layer)
        before = {
            parent.operation.name for node in nodes for parent in node.parent_nodes
        }
        if isinstance(layer, KINDS) and before and before <= known:
            known.add(layer.name)
            found.append(layer)
    return found
