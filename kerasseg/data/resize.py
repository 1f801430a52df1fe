"""The one resize of the house: training, evaluation, SavedModel and LiteRT use it."""

import tensorflow as tf


def resize_image(image, size):
    """(..., H, W, 3) pixels of any type -> (..., h, w, 3) uint8.

    Bilinear at half-pixel centres, with antialiasing where it shrinks, rounded to whole
    grey levels: a device that takes uint8 pixels then sees exactly what training saw.
    """
    image = tf.cast(image, tf.float32)
    image = tf.image.resize(image, size, method="bilinear", antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(image), 0, 255), tf.uint8)


def resize_label(label, size):
    """(H, W) ids -> (h, w) ids of the same type, nearest at half-pixel centres."""
    label = tf.image.resize(label[..., None], size, method="nearest")
    return label[..., 0]
