"""TensorFlow's own Examples, to hold ours against."""

import tensorflow as tf


def tf_example(values: dict) -> tf.train.Example:
    """bytes and int values, one for each key."""
    feature = {
        key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        if isinstance(value, bytes)
        else tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        for key, value in values.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=feature))
