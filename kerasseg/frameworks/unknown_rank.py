"""TensorFlow's tensors of unknown rank, as graphs and `tf.data` have them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def is_unknown(tensor: Any) -> bool:
    """Whether not even the number of axes is known: TensorFlow alone has such."""
    return getattr(tensor.shape, "rank", 0) is None


def as_images(tensor: Any) -> tuple[Any, Callable[[Any], Any]]:
    """(H, W), (H, W, C) or (B, H, W, C), found out when it runs -> (B, H, W, C), and
    the function that gives such a batch the rank of `tensor`.

    Another rank ends in TensorFlow's InvalidArgumentError when it runs.
    """
    import tensorflow as tf

    allowed = tf.debugging.assert_rank_in(
        tensor, (2, 3, 4), message="images must be (B, H, W, C), (H, W, C) or (H, W)"
    )
    with tf.control_dependencies([allowed] if allowed is not None else []):
        rank = tf.rank(tensor)
    single, plane = tf.cast(rank < 4, tf.int32), tf.cast(rank < 3, tf.int32)
    shape = [tf.ones([single], tf.int32), tf.shape(tensor), tf.ones([plane], tf.int32)]
    batch = tf.reshape(tensor, tf.concat(shape, axis=0))
    batch.set_shape([None] * 4)
    return batch, lambda b: tf.reshape(b, tf.shape(b)[single : 4 - plane])
