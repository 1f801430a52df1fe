"""The one resize that training, evaluation, the SavedModel and LiteRT share."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from kerasseg.taxonomy import Tensor


def resize_image(image: Tensor, size: Sequence[int] | Tensor) -> Tensor:
    """(..., H, W, C) pixels -> (..., h, w, C) of the same type; size = (h, w).

    Bilinear at half-pixel centres, with antialiasing where it shrinks. Whole numbers
    are rounded, and stay within the limits of their type: a device that takes uint8
    pixels then sees exactly what training saw. float32 stays as it is computed.
    """
    kind = tf.as_dtype(image.dtype)
    image = tf.image.resize(image, size, method="bilinear", antialias=True)
    image = tf.cast(image, tf.float32)  # after it: the image may be large
    if kind.is_floating:
        return tf.cast(image, kind)
    return tf.cast(tf.clip_by_value(tf.round(image), kind.min, kind.max), kind)


def resize_label(label: Tensor, size: Sequence[int] | Tensor) -> Tensor:
    """(H, W) ids -> (h, w) ids of the same type, nearest at half-pixel centres.

    So of (H, W, K), of classes that overlap.
    """
    if len(label.shape) == 3:
        return tf.image.resize(label, size, method="nearest")
    label = tf.image.resize(label[..., None], size, method="nearest")
    return label[..., 0]
