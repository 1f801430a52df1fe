"""The serialised samples of a training: endless, in an order that a seed decides, from
any running number on."""

from __future__ import annotations

import tensorflow as tf


def endless(
    paths: list[str], count: int, seed: int, start: int, shuffle: int, parallel: int
) -> tf.data.Dataset:
    """The `count` serialised samples of the shards, epoch after epoch, each in its own
    order, from running number `start` on. shuffle: see `batches`."""

    def mixed(strings, epoch, block):
        key = tf.random.experimental.stateless_fold_in(
            tf.stack([tf.constant(seed, tf.int64), epoch]), block
        )
        return tf.random.experimental.stateless_shuffle(strings, key)

    def one(epoch):
        names = tf.constant(paths)
        if shuffle > 1:
            names = mixed(names, epoch, tf.constant(-1, tf.int64))
        shards = tf.data.Dataset.from_tensor_slices(names)
        read = _read(shards, len(paths), parallel)
        if shuffle > 1:
            # Not Dataset.shuffle: it cannot begin in the middle of its order.
            blocks = read.batch(shuffle).enumerate()
            blocks = blocks.map(lambda block, strings: mixed(strings, epoch, block))
            read = blocks.prefetch(1).unbatch()
        skipped = tf.where(epoch == start // count, start % count, 0)
        return read.skip(tf.cast(skipped, tf.int64))

    return counter(start // count).flat_map(one)


def counter(start: int) -> tf.data.Dataset:
    """int64: start, start + 1, ..."""
    return tf.data.Dataset.counter(start, dtype=tf.int64)


def _read(shards: tf.data.Dataset, count: int, parallel: int) -> tf.data.Dataset:
    """Serialised examples, one from each shard in turn, always in the same order."""
    cycle = min(count, 16)
    return shards.interleave(
        tf.data.TFRecordDataset,
        cycle_length=cycle,
        num_parallel_calls=min(parallel, cycle),
        deterministic=True,
    )
