"""Stretches pictures as `kerasseg.data.resize` does, bit for bit, with NumPy alone.

For devices, and for pictures so large that TensorFlow's copies of them would count.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np


def stretched(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """(H, W, C) -> (height, width, C) of the same type, the levels training saw.

    Bilinear at half-pixel centres, with antialiasing where it shrinks: `tf.image.resize
    (antialias=True)` after Lanczos' scheme with a triangle. Whole numbers are rounded
    half to even and stay within the limits of their type; float32 is not rounded.
    """
    image = np.asarray(image)
    if image.shape[:2] == (height, width):
        return image
    rows, row_weights = _taps(image.shape[0], height)
    columns, column_weights = _taps(image.shape[1], width)
    tall = np.zeros((height, *image.shape[1:]), np.float32)
    for at, weight in zip(rows, row_weights, strict=True):
        tall += image[at] * weight[:, None, None]
    out = np.zeros((height, width, image.shape[2]), np.float32)
    for at, weight in zip(columns, column_weights, strict=True):
        out += tall[:, at] * weight[None, :, None]
    if not np.issubdtype(image.dtype, np.integer):
        return out
    limits = np.iinfo(image.dtype)
    return np.clip(np.rint(out), limits.min, limits.max).astype(image.dtype)


@functools.cache
def repeated(source: int, target: int) -> np.ndarray:
    """Which source pixel each of the target pixels repeats: OpenCV's nearest, exact."""
    places = np.arange(source, dtype=np.float32)[:, None]
    nearest = cv2.INTER_NEAREST_EXACT
    return cv2.resize(places, (1, target), interpolation=nearest)[:, 0].astype(int)


@functools.cache
def _taps(source: int, target: int) -> tuple[np.ndarray, np.ndarray]:
    """For each tap, which source pixel (target,) and its float32 weight (target,)."""
    one = np.float32(1)
    inverse = one / (np.float32(target) / np.float32(source))
    reach = max(inverse, one)
    centre = (np.arange(target, dtype=np.float32) + np.float32(0.5)) * inverse
    first = np.ceil(centre - reach - np.float32(0.5)).astype(int)
    last = np.floor(centre + reach - np.float32(0.5)).astype(int)
    first, last = np.clip(first, 0, source - 1), np.clip(last, 0, source - 1)
    at = first + np.arange(np.max(last - first) + 1)[:, None]  # (taps, target)
    position = at.astype(np.float32) + np.float32(0.5) - centre
    weights = np.maximum(one - np.abs(position * (one / reach)), np.float32(0))
    weights = np.where(at <= last, weights, np.float32(0))
    total = np.zeros(target, np.float32)
    for weight in weights:
        total += weight
    return np.minimum(at, source - 1), weights * (one / total)
