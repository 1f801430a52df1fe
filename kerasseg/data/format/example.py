"""One serialised `tf.train.Example` -> a Sample, or tensors; `encode` writes them."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from kerasseg.data.format.encode import IMAGE, INSTANCE, LABEL
from kerasseg.data.sample import Sample

FEATURES = {
    IMAGE: tf.io.FixedLenFeature([], tf.string),
    "image/format": tf.io.FixedLenFeature([], tf.string, ""),
    "image/filename": tf.io.FixedLenFeature([], tf.string, ""),
    "image/height": tf.io.FixedLenFeature([], tf.int64, 0),
    "image/width": tf.io.FixedLenFeature([], tf.int64, 0),
    "image/channels": tf.io.FixedLenFeature([], tf.int64, 3),
    LABEL: tf.io.FixedLenFeature([], tf.string),
    "image/segmentation/class/format": tf.io.FixedLenFeature([], tf.string, "png"),
    INSTANCE: tf.io.FixedLenFeature([], tf.string, ""),
    "image/sequence": tf.io.FixedLenFeature([], tf.string, ""),
}


def parse(
    serialised: tf.Tensor | bytes, *, instances: bool = False
) -> dict[str, tf.Tensor]:
    """One serialised record -> image uint8 (H, W, 3), label uint8 (H, W), id string.

    With `instances` also instance uint16 (H, W). For use inside `tf.data`; the sizes
    are unknown to the graph, so call `tf.ensure_shape` where they are known.

    Raises tf.errors.OpError where the record or a picture in it cannot be read.
    """
    return _decode(tf.io.parse_single_example(serialised, FEATURES), instances)


def deserialise(serialised: tf.Tensor | bytes, instances: bool) -> Sample:
    """The Sample of a serialised example; its `encoded` are the bytes in the record.

    Raises tf.errors.OpError where the record or a picture in it cannot be read, and
    UnicodeDecodeError where a name is not UTF-8.
    """
    example: dict = tf.io.parse_single_example(serialised, FEATURES)
    decoded: dict[str, Any] = _decode(example, instances)
    return Sample(
        id=decoded["id"].numpy().decode(),
        image=decoded["image"].numpy(),
        label=decoded["label"].numpy(),
        instance=decoded["instance"].numpy() if instances else None,
        encoded=example[IMAGE].numpy(),
        sequence=example["image/sequence"].numpy().decode(),
    )


def decode_image(encoded: tf.Tensor | bytes) -> tf.Tensor:
    """The pixels of a JPEG or PNG as they are stored: uint8 (H, W, 3) RGB.

    Raises tf.errors.InvalidArgumentError where it is damaged, or another kind of file.
    """
    # decode_jpeg reads PNG too; this DCT is bit-exact with PIL and OpenCV.
    return tf.io.decode_jpeg(encoded, 3, dct_method="INTEGER_ACCURATE")


def _decode(example: dict, instances: bool) -> dict[str, tf.Tensor]:
    decoded = {
        "image": decode_image(example[IMAGE]),
        "label": tf.io.decode_png(example[LABEL], channels=1)[..., 0],
        "id": example["image/filename"],
    }
    if instances:
        instance = tf.io.decode_png(example[INSTANCE], channels=1, dtype=tf.uint16)
        decoded["instance"] = instance[..., 0]
    return decoded
