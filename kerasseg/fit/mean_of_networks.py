"""One network that gives the mean logits of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def mean_of(networks: Sequence[Any]) -> Any:
    """A keras.Model that gives the mean of the logits of `networks`, of which it has
    copies: at least two networks of one input and one output shape.

    The layers of the first are called n0_..., so that all have names of their own; none
    is inside another, so that whatever walks through the layers of a network finds
    them.
    """
    import keras

    shape = networks[0].input_shape[1:]
    image = keras.Input(shape, dtype=networks[0].input_dtype, name="image")
    copies = [_copy(network, image, f"n{i}_") for i, network in enumerate(networks)]
    logits = keras.layers.Average(name="logits")([one.output for one in copies])
    return keras.Model(image, logits, name=f"mean_of_{len(networks)}")


def _copy(network: Any, image: Any, prefix: str) -> Any:
    import keras

    def renamed(layer: Any) -> Any:
        config = layer.get_config()
        return type(layer).from_config(config | {"name": f"{prefix}{layer.name}"})

    copied = keras.models.clone_model(
        network, input_tensors=image, clone_function=renamed
    )
    copied.set_weights(network.get_weights())
    return copied
