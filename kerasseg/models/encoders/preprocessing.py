"""From RGB 0..255 to the numbers that an encoder's weights were trained with."""

from __future__ import annotations

from keras import layers

from kerasseg.taxonomy import Tensor

MEAN = (123.68, 116.779, 103.939)
"""The mean pixel (RGB) that VGG16 and ResNet of keras.applications want removed."""


def to_one(image: Tensor) -> Tensor:
    """(B, H, W, 3) RGB 0..255 to -1..1."""
    scale = layers.Rescaling(
        1 / 127.5, offset=-1, dtype="float32", name="encoder_rescaling"
    )
    return scale(image)


def without_mean(
    image: Tensor,
    mean: tuple[float, float, float] = MEAN,
    name: str | None = "encoder_rescaling",
) -> Tensor:
    """(B, H, W, 3) RGB 0..255 less the mean pixel."""
    offset = [-channel for channel in mean]
    return layers.Rescaling(1.0, offset=offset, dtype="float32", name=name)(image)
