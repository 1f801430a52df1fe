"""The naive network: convolutions at full resolution, nothing else.

What every other network here avoids: each layer works on every pixel with all its
filters (about 9.7 GMAC a layer for a 512 x 512 image and 64 filters) and sees only two
pixels further than the one before.
"""

from __future__ import annotations

import keras
from keras import layers

from kerasseg.models.pieces import first_layers


def naive(
    num_classes: int, input_shape: tuple[int, ...], depth: int = 3, filters: int = 64
) -> keras.Model:
    """`depth` times 3x3 convolution and ReLU, then one 1x1 convolution.

    Each logit sees 2 * depth + 1 pixels along every axis.

    Args:
        num_classes: C, of the logits (B, H, W, C) or (B, D, H, W, C).
        input_shape: (H, W, channels) of any size, or (D, H, W, channels) for volumes.
        depth: number of 3x3 convolutions.
        filters: of each of them.
    """
    convolution = getattr(layers, f"Conv{len(input_shape) - 1}D")
    image = keras.Input(input_shape, name="image")
    x = first_layers.scaled(image, 1 / 127.5, -1)
    for _ in range(depth):
        x = convolution(
            filters,
            3,
            padding="same",
            activation="relu",
            kernel_initializer="he_normal",
        )(x)
    logits = convolution(num_classes, 1, dtype="float32", name="logits")(x)
    return keras.Model(image, logits, name="naive")
