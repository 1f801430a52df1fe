"""`kerasseg.data.resize.resize_image` of operations that other engines know too.

TensorFlow's antialiased resize is an operator of its own, ScaleAndTranslate, for which
OpenVINO has no rule. These sums give the same float32 numbers, bit for bit, there too.
"""

from __future__ import annotations

import tensorflow as tf


def resampled(image: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """float32 (B, H, W, C) -> (B, h, w, C), bilinear, antialiased where it shrinks.

    Equal to tf.image.resize(image, size, antialias=True): as ScaleAndTranslate does,
    first rows, then columns are added up, one after the other.
    """
    return _along(_along(image, size[0], 1), size[1], 2)


def _along(image, target: int, axis: int):
    """The image with `target` rows (axis 1) or columns (axis 2)."""
    at, weights = _taps(tf.shape(image)[axis], target)
    channels = image.shape[-1]
    shape = tf.unstack(tf.shape(image))
    shape[axis] = target
    total = tf.zeros(tf.stack(shape), tf.float32)
    each = (1, target, 1, 1) if axis == 1 else (1, 1, target, 1)

    def add(tap, total):
        part = tf.gather(image, at[tap], axis=axis)
        return tap + 1, total + part * tf.reshape(weights[tap], each)

    _, total = tf.while_loop(
        lambda tap, _: tap < tf.shape(at)[0],
        add,
        (tf.constant(0), total),
        shape_invariants=(tf.TensorShape(()), _any_size(channels)),
        parallel_iterations=1,
    )
    return total


def _any_size(channels: int) -> tf.TensorShape:
    return tf.TensorShape((None, None, None, channels))


def _taps(source, target: int):
    """For each tap, which source pixel (taps, target) and its weight, likewise.

    `kerasseg.inference.litert` has the same in NumPy.
    """
    # 1, but TensorFlow does not know that before it runs: it would replace 1 / x by a
    # faster operation that is less exact.
    one = tf.cast(tf.minimum(source, 1), tf.float32)
    inverse = one / (tf.cast(target, tf.float32) / tf.cast(source, tf.float32))
    reach = tf.maximum(inverse, one)
    centre = (tf.range(target, dtype=tf.float32) + 0.5) * inverse
    first = tf.cast(tf.math.ceil(centre - reach - 0.5), tf.int32)
    last = tf.cast(tf.math.floor(centre + reach - 0.5), tf.int32)
    first = tf.clip_by_value(first, 0, source - 1)
    last = tf.clip_by_value(last, 0, source - 1)
    at = first + tf.range(tf.reduce_max(last - first) + 1)[:, None]
    position = tf.cast(at, tf.float32) + 0.5 - centre
    weights = tf.maximum(one - tf.abs(position * (one / reach)), 0.0)
    weights = tf.where(at <= last, weights, 0.0)
    # A running sum adds one after the other; reduce_sum would not.
    total = tf.cumsum(weights, 0)[-1]
    return tf.minimum(at, source - 1), weights * (one / total)
