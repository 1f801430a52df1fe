"""Volumes on voxels of another size: cubic for values, linear shares for labels."""

from __future__ import annotations

import numpy as np

from kerasseg.data.reading.optional_packages import require
from kerasseg.taxonomy import ignore_in
from kerasseg.volume_format import Spacing

Shape = tuple[int, int, int]


def shape_at(shape: Shape, spacing: Spacing, wanted: Spacing) -> Shape:
    """Voxels (D, H, W) that cover the same room at another spacing."""
    depth, height, width = (
        max(1, round(side * mm / new))
        for side, mm, new in zip(shape, spacing, wanted, strict=True)
    )
    return depth, height, width


def resampled(values: np.ndarray, shape: Shape, order: int = 3) -> np.ndarray:
    """(D, H, W, C) -> (*shape, C) float32; voxels are boxes whose outer borders stay.

    order: of the spline, 3 is cubic, 1 linear.
    """
    if values.shape[:3] == tuple(shape):
        return values.astype(np.float32)
    ndimage = require("scipy.ndimage", "Resampling of volumes")
    factors = [new / old for new, old in zip(shape, values.shape, strict=False)]
    done = np.empty((*shape, values.shape[3]), np.float32)
    for channel in range(values.shape[3]):
        ndimage.zoom(
            values[..., channel].astype(np.float32),
            factors,
            done[..., channel],
            order,
            mode="nearest",
            grid_mode=True,
        )
    return done


def resampled_label(
    label: np.ndarray, shape: Shape, planes: bool = False
) -> np.ndarray:
    """Class ids (D, H, W) -> `shape`: the class with the largest share after linear
    resampling of each. planes: (D, H, W, K) of classes that overlap, each for itself.
    """
    if label.shape[:3] == tuple(shape):
        return label
    if planes:
        parts = [resampled_label(label[..., k], shape) for k in range(label.shape[3])]
        return np.stack(parts, axis=-1)
    best = np.zeros(shape, np.float32)
    done = np.full(shape, ignore_in(label), label.dtype)
    for one in np.flatnonzero(np.bincount(label.ravel())):
        share = resampled((label == one)[..., None], shape, order=1)[..., 0]
        done[share > best] = one
        best = np.maximum(best, share)
    return done
