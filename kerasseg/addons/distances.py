"""Replaces `tfa.image.euclidean_dist_transform` of tensorflow-addons."""

from __future__ import annotations

import math

import keras
from keras import ops

from kerasseg.addons.images import as_batch
from kerasseg.border import distance_transform
from kerasseg.taxonomy import Tensor

LARGEST = {"float16": 65504.0, "float32": 3.4028235e38, "float64": 1.7976931e308}


def euclidean_dist_transform(images: Tensor, dtype: str = "float32") -> Tensor:
    """Distance of every non-zero pixel to the nearest zero pixel, each channel alone.

    Args:
        images: uint8 (B, H, W, C), (H, W, C) or (H, W).
        dtype: float16, float32 or float64, the type of the result.

    Returns:
        The distances in pixels, in the shape of `images`. An image without a zero pixel
        becomes sqrt(largest `dtype`) all over (1.84e19 for float32). This is what
        tensorflow-addons does, although it promises the largest value;
        `border.distance_transform` gives inf.

    Raises:
        TypeError: when `images` is not uint8, or `dtype` is not one of the three.
        UserError: when the shape is none of the three, or not known beforehand.
    """
    images, restore = as_batch(images)
    if keras.backend.standardize_dtype(images.dtype) != "uint8":
        raise TypeError(f"images must be uint8, got {images.dtype}.")
    name = keras.backend.standardize_dtype(dtype)
    if name not in LARGEST:
        raise TypeError(f"`dtype` must be float16, float32 or float64, got {name}.")
    batch, height, width, channels = ops.shape(images)
    planes = ops.transpose(images, (0, 3, 1, 2))
    distance = distance_transform(ops.reshape(planes, (-1, height, width)))
    nowhere = ops.isinf(distance)
    distance = ops.where(nowhere, math.sqrt(LARGEST[name]), ops.cast(distance, name))
    distance = ops.reshape(distance, (batch, channels, height, width))
    return restore(ops.transpose(distance, (0, 2, 3, 1)))
