"""The one resize that training, evaluation, the SavedModel and LiteRT share."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from kerasseg.taxonomy import Tensor


def resize_image(image: Tensor, size: Sequence[int] | Tensor) -> Tensor:
    """(..., H, W, 3) pixels of any type -> (..., h, w, 3) uint8; size = (h, w).

    Bilinear at half-pixel centres, with antialiasing where it shrinks, rounded to whole
    grey levels: a device that takes uint8 pixels then sees exactly what training saw.
    """
    image = tf.cast(image, tf.float32)
    image = tf.image.resize(image, size, method="bilinear", antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(image), 0, 255), tf.uint8)


def resize_label(label: Tensor, size: Sequence[int] | Tensor) -> Tensor:
    """(H, W) ids -> (h, w) ids of the same type, nearest at half-pixel centres."""
    label = tf.image.resize(label[..., None], size, method="nearest")
    return label[..., 0]
