"""Distances within the masks of a target, one mask for each class of each image."""

from __future__ import annotations

from keras import ops

from kerasseg.border import distance_transform
from kerasseg.taxonomy import Tensor


def classes_first(x: Tensor) -> Tensor:
    """(B, ..., C) -> (B, C, ...)."""
    return ops.moveaxis(x, -1, 1)


def classes_last(x: Tensor) -> Tensor:
    """(B, C, ...) -> (B, ..., C)."""
    return ops.moveaxis(x, 1, -1)


def anywhere(mask: Tensor) -> Tensor:
    """Whether a mask has a True: (B, C, ...) -> (B, C, 1, ...)."""
    return ops.any(mask, axis=tuple(range(2, len(mask.shape))), keepdims=True)


def to_nearest(mask: Tensor) -> Tensor:
    """Distance of every pixel to the nearest True one, inf without one; (B, C, ...),
    pixels."""
    away = ops.reshape(ops.logical_not(mask), (-1, *mask.shape[2:]))
    return ops.reshape(distance_transform(away), ops.shape(mask))
