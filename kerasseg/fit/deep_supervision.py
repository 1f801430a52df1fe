"""Deep supervision: the levels of a network on its way up are asked too.

A 1x1x1 convolution makes logits of each level "decoder_1", "decoder_2", ... of the
network (`kerasseg.models.unet_3d` has them); their losses against smaller labels count
1/2, 1/4, ... of the first (Isensee et al. 2021, nnU-Net; Lee et al. 2015). These heads
are the Trainer's: the network that is judged, saved and exported has none.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import keras
from keras import layers

from kerasseg import UserError
from kerasseg.taxonomy import Tensor


def with_heads(network: keras.Model) -> keras.Model:
    """The network with the logits of its levels behind its own, largest first; layers
    and weights are the network's.

    Raises UserError for one without levels to ask.
    """
    names = {layer.name for layer in network.layers}
    levels = []
    for level in itertools.count(1):
        if f"decoder_{level}" not in names:
            break
        levels.append(network.get_layer(f"decoder_{level}").output)
    if not levels:
        raise UserError(
            f"--fit.deep_supervision: the network {network.name} has no levels "
            "decoder_1, decoder_2, ... to ask. Take unet_3d with a depth of 2 or more, "
            "or leave it out."
        )
    classes = network.output_shape[-1]
    heads = []
    for level, values in enumerate(levels, start=1):
        kind = getattr(layers, f"Conv{len(values.shape) - 2}D")
        head = kind(classes, 1, dtype="float32", name=f"deep_logits_{level}")
        heads.append(head(values))
    return keras.Model(network.inputs[0], [network.outputs[0], *heads])


def weights_of(count: int) -> list[float]:
    """1, 1/2, 1/4, ... of `count` losses, over their sum."""
    halves = [0.5**level for level in range(count)]
    return [weight / sum(halves) for weight in halves]


def reduced(label: Tensor, size: Sequence[int]) -> Tensor:
    """A label (B, H, W[, K]), or of a volume, at a smaller size that divides its own:
    every nth pixel."""
    parts = [slice(None)]
    for have, want in zip(label.shape[1 : len(size) + 1], size, strict=True):
        step = have // want
        parts.append(slice(step // 2, None, step))
    return label[tuple(parts)]
