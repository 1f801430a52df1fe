"""From an image to the numbers that an encoder's weights were trained with."""

from __future__ import annotations

from kerasseg import UserError
from kerasseg.models.pieces.first_layers import scaled
from kerasseg.taxonomy import Tensor

MEAN = (123.68, 116.779, 103.939)
"""The mean pixel (RGB) that VGG16 and ResNet of keras.applications want removed."""

TORCH_MEAN, TORCH_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pixels (RGB, 0..1), by which torchvision's networks are trained."""
VARIANTS = ("paper", "torchvision")
"""Whose conventions of padding, strides and dilation a network follows."""


def check_variant(variant: str, known: tuple[str, ...] = VARIANTS) -> None:
    """Raises UserError for a variant that is not known."""
    if variant not in known:
        raise UserError(f"variant must be one of {', '.join(known)}, got {variant!r}.")


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


def standardised(image: Tensor) -> Tensor:
    """(B, H, W, C) 0..255 to (x / 255 - mean) / deviation as torchvision's networks
    want it; other ranges as `scaled` says. The result is that of `without_mean`."""
    scale = [1 / (255 * deviation) for deviation in TORCH_DEVIATION]
    pairs = zip(TORCH_MEAN, TORCH_DEVIATION, strict=True)
    offset = [-mean / deviation for mean, deviation in pairs]
    return scaled(image, scale, offset, imagenet=True, name="encoder_rescaling")
