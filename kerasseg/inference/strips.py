"""Enlarges what a network gives, strip by strip of rows: no tensor holds all of it.

Logits of all classes at the size of a large picture are most of the memory that a
prediction needs: 4.4 GB of 10,000 x 10,000 pixels and 11 classes. What is made of them,
ids of a byte a pixel, is small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import tensorflow as tf

from kerasseg.taxonomy import Tensor

Finish: TypeAlias = Callable[[Tensor], Tensor]
"""(B, rows, W, C) float32 -> (B, rows, W) or (B, rows, W, K): each pixel alone."""

WHOLE = 1 << 25
"""Numbers that are enlarged in one piece; 128 MiB. 3 million pixels of 11 classes."""
AT_ONCE = 1 << 20
"""Numbers of a strip: small enough for a processor's cache."""


def enlarged(
    scores: Tensor | Sequence[Tensor], size: Tensor, finish: Finish, spec: tf.TensorSpec
):
    """`finish(tf.image.resize(scores, size))` in bounded memory.

    Bit for bit where `finish` gives the same of a strip as of the whole, as argmax
    does; a softmax may differ in the last digit.

    In graphs (of a SavedModel too) and eagerly. An example, the class map of a batch:

        enlarged(logits, size, class_map, tf.TensorSpec((None, None, None), tf.uint8))

    scores: float32 (B, h, w, C), or several of other h and w, whose channels are put
    side by side once they are enlarged. size: int32, H and W. finish: what is made of
    each strip. spec: shape and type of what it gives of all.
    """
    size = tf.convert_to_tensor(size, tf.int32)
    parts = list(scores) if isinstance(scores, list | tuple) else [scores]
    batch = tf.shape(parts[0], tf.int64)[0]
    classes = sum(tf.shape(part, tf.int64)[-1] for part in parts)
    height, width = tf.unstack(tf.cast(size, tf.int64))
    each = tf.maximum(batch * width * classes, 1)  # numbers of a row

    def in_strips():
        high = tf.clip_by_value(AT_ONCE // each, 1, height)
        count = -(-height // high)
        high = tf.cast(-(-height // count), tf.int32)  # all alike

        def strip(number):
            return finish(together(lambda one: rows(one, size, number * high, high)))

        kind = tf.TensorSpec((spec.shape[0], None, *spec.shape[2:]), spec.dtype)
        numbers = tf.range(tf.cast(count, tf.int32))
        found = tf.map_fn(  # (strips, B, rows, W, ...)
            strip, numbers, fn_output_signature=kind, parallel_iterations=1
        )
        found = tf.transpose(found, [1, 0, *range(2, len(found.shape))])
        shape = tf.shape(found)
        joined = tf.concat([shape[:1], shape[1:2] * shape[2:3], shape[3:]], 0)
        return tf.reshape(found, joined)[:, : size[0]]

    def whole():
        return finish(together(lambda one: tf.image.resize(one, size)))

    def together(enlarge):
        each = [enlarge(one) for one in parts]
        return each[0] if len(each) == 1 else tf.concat(each, -1)

    found = tf.cond(each * height <= WHOLE, whole, in_strips)
    return tf.ensure_shape(found, spec.shape)


def of(scores: Tensor, size: Tensor) -> Iterator[Tensor]:
    """`tf.image.resize(scores, size)` from top to bottom, (B, rows, W, C) each; not in
    graphs."""
    batch, _, _, classes = scores.shape
    height, width = (int(length) for length in size)
    high = min(max(AT_ONCE // max(batch * width * classes, 1), 1), height)
    for first in range(0, height, high):
        yield rows(scores, size, first, min(high, height - first))


def rows(scores: Tensor, size: Tensor, first: Tensor, count: Tensor) -> Tensor:
    """`tf.image.resize(scores, size)[:, first : first + count]`, bit for bit on
    processors; below the last row it is repeated.

    scores: float32 (B, h, w, C). Gives (B, count, W, C).
    """
    have = tf.shape(scores)[1]
    places = tf.minimum(first + tf.range(count), size[0] - 1)
    # As TensorFlow's kernel: the two source rows of a row, and how far it lies between.
    scale = tf.cast(have, tf.float32) / tf.cast(size[0], tf.float32)
    at = (tf.cast(places, tf.float32) + 0.5) * scale - 0.5
    floor = tf.floor(at)
    lower = tf.maximum(tf.cast(floor, tf.int32), 0)
    upper = tf.minimum(tf.cast(tf.math.ceil(at), tf.int32), have - 1)
    weight = (at - floor)[:, None, None]
    start, end = lower[0], upper[-1] + 1
    wide = tf.image.resize(scores[:, start:end], (end - start, size[1]))
    above = tf.gather(wide, lower - start, axis=1)
    below = tf.gather(wide, upper - start, axis=1)
    return above + (below - above) * weight
