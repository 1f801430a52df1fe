"""Keeps the first layers of an encoder as they are."""

from __future__ import annotations

from typing import Any

from kerasseg import UserError


def freeze(network: Any, stride: int) -> None:
    """The first layers of the encoder, see `still_layers`, train no more: weights and
    statistics of batch normalisation stay, and no gradient is computed for them.

    Raises UserError where the network has no such layers.
    """
    still = still_layers(network, stride)
    if stride and not still:
        raise UserError(
            f"--fit.freeze {stride}: this network has no layers of an encoder down to "
            f"stride {stride}. Leave it out, or take a network with an encoder "
            "(python -m kerasseg.models)."
        )
    for layer in still:
        layer.trainable = False


def still_layers(network: Any, stride: int) -> list[Any]:
    """The layers of the encoder whose maps are as large as the image, or up to `stride`
    times smaller; none for 0."""
    height = network.input_shape[1]
    return [
        layer
        for layer in network.layers
        if of_encoder(layer.name) and layer.output.shape[1] * stride >= height
    ]


def of_encoder(name: str) -> bool:
    """Whether a layer of that name, or a variable of that path, is the encoder's."""
    return name.startswith("encoder_")
