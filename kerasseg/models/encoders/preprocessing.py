"""From an image to the numbers that an encoder's weights were trained with."""

from __future__ import annotations

from kerasseg.models.pieces.first_layers import scaled
from kerasseg.taxonomy import Tensor

MEAN = (123.68, 116.779, 103.939)
"""The mean pixel (RGB) that VGG16 and ResNet of keras.applications want removed."""


def to_one(image: Tensor) -> Tensor:
    """(B, H, W, C) 0..255 to -1..1; other ranges as `scaled` says."""
    return scaled(image, 1 / 127.5, -1, imagenet=True, name="encoder_rescaling")


def without_mean(
    image: Tensor,
    mean: tuple[float, float, float] = MEAN,
    name: str | None = "encoder_rescaling",
) -> Tensor:
    """(B, H, W, C) 0..255 less the mean pixel; other ranges as `scaled` says.

    Returns:
        (B, H, W, C), or (B, H, W, 3 C) where the bands have no colours' names.
    """
    offset = [-channel for channel in mean]
    return scaled(image, 1.0, offset, imagenet=True, name=name)
