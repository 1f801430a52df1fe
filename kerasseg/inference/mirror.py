"""Test-time augmentation with the mirror image."""

from __future__ import annotations

from collections.abc import Callable

from kerasseg.taxonomy import Tensor


def mirrored_mean(
    probabilities_of: Callable[[Tensor], Tensor], images: Tensor
) -> Tensor:
    """Probabilities as the mean over an image and its mirror image, left to right.

    images: (..., H, W, 3). probabilities_of: images -> (..., H', W', C). NumPy or
    TensorFlow; the width is the last axis but one.
    """
    mirrored = images[..., ::-1, :]
    return mean_with_mirrored(probabilities_of(images), probabilities_of(mirrored))


def mean_with_mirrored(found: Tensor, mirrored: Tensor) -> Tensor:
    """The mean of probabilities (..., W, C) and of those of the mirror image."""
    return (found + mirrored[..., ::-1, :]) / 2
