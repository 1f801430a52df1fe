"""Test-time augmentation with the mirror image."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

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


def mean_over_mirrored(
    probabilities_of: Callable[[Tensor], Tensor], axes: Sequence[int], images: Tensor
) -> Tensor:
    """The mean over all combinations of mirroring along axes, each turned back.

    images: NumPy or TensorFlow, of which `axes` are axes; so are those of the
    probabilities. No axes: one call.
    """
    total: Tensor = 0
    ways = list(itertools.product((1, -1), repeat=len(axes)))
    for way in ways:
        turned = [slice(None)] * images.ndim
        for axis, step in zip(axes, way, strict=True):
            turned[axis] = slice(None, None, step)
        total = total + probabilities_of(images[tuple(turned)])[tuple(turned)]
    return total / len(ways)
