"""One record: a Sample as a serialised `tf.train.Example`, and back.

The features have the names of DeepLab and the TensorFlow Model Garden, so that each
side reads the other's shards; those of instance and sequence are additions that the
others do not see.
"""

from __future__ import annotations

import io

import cv2
import numpy as np
import tensorflow as tf
from PIL import Image

from kerasseg.data.sample import Sample
from kerasseg.taxonomy import IGNORE, Taxonomy

IMAGE = "image/encoded"
LABEL = "image/segmentation/class/encoded"
INSTANCE = "image/segmentation/instance/encoded"
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


def serialise(sample: Sample) -> bytes:
    """The sample as a `tf.train.Example`; the image as PNG where `encoded` is empty."""
    encoded = sample.encoded or _png(cv2.cvtColor(sample.image, cv2.COLOR_RGB2BGR))
    jpeg = encoded.startswith(b"\xff\xd8")
    height, width = sample.label.shape
    values = {
        IMAGE: encoded,
        "image/format": b"jpeg" if jpeg else b"png",
        "image/filename": sample.id.encode(),
        "image/height": height,
        "image/width": width,
        "image/channels": 3,
        LABEL: _png(sample.label),
        "image/segmentation/class/format": b"png",
        "image/sequence": sample.sequence.encode(),
    }
    if sample.instance is not None:
        values[INSTANCE] = _png(sample.instance)
    feature = {
        key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        if isinstance(value, bytes)
        else tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        for key, value in values.items()
    }
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    return example.SerializeToString(deterministic=True)  # same bytes in each run


def parse(serialised, *, instances: bool = False) -> dict[str, tf.Tensor]:
    """One serialised record -> image uint8 (H, W, 3), label uint8 (H, W), id string.

    With `instances` also instance uint16 (H, W). For use inside `tf.data`; the sizes
    are unknown to the graph, so call `tf.ensure_shape` where they are known.
    """
    return _decode(tf.io.parse_single_example(serialised, FEATURES), instances)


def deserialise(serialised, instances: bool) -> Sample:
    """The Sample of a serialised example; its `encoded` are the bytes in the record."""
    example = tf.io.parse_single_example(serialised, FEATURES)
    decoded = _decode(example, instances)
    return Sample(
        id=decoded["id"].numpy().decode(),
        image=decoded["image"].numpy(),
        label=decoded["label"].numpy(),
        instance=decoded["instance"].numpy() if instances else None,
        encoded=example[IMAGE].numpy(),
        sequence=example["image/sequence"].numpy().decode(),
    )


def check(sample: Sample, split: str, taxonomy: Taxonomy) -> np.ndarray:
    """Counts the pixels of each id (256,); ValueError if the arrays do not fit."""

    def wrong(text):
        return ValueError(f"Sample '{sample.id}' of split '{split}': {text}")

    image, label = sample.image, sample.label
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise wrong(f"image must be uint8 (H, W, 3) RGB, is {_kind(image)}.")
    if label.dtype != np.uint8 or label.ndim != 2:
        raise wrong(f"label must be uint8 (H, W) class ids, is {_kind(label)}.")
    size = image.shape[:2]
    if label.shape != size:
        raise wrong(
            f"label has {_pixels(label.shape)}, the image {_pixels(size)}. Give the "
            "label that belongs to this image, or bring both to one size."
        )
    counts = np.bincount(label.ravel(), minlength=256)
    outside = np.flatnonzero(counts[taxonomy.num_classes : IGNORE])
    if outside.size:
        raise wrong(
            f"label holds id {outside[0] + taxonomy.num_classes}, but there are "
            f"{taxonomy.num_classes} classes: ids are 0 to {taxonomy.num_classes - 1}, "
            f"or {IGNORE} = ignore. Correct the mask, or the list of classes."
        )
    instance = sample.instance
    if instance is not None and (instance.dtype != np.uint16 or instance.shape != size):
        raise wrong(
            f"instance must be uint16 {size} like the image, is {_kind(instance)}."
        )
    if sample.encoded:
        try:
            width, height = Image.open(io.BytesIO(sample.encoded)).size
        except Exception as error:  # PIL raises many kinds
            raise wrong(f"its encoded bytes are no image ({error}).") from error
        if (height, width) != size:
            raise wrong(
                f"its encoded bytes have {_pixels((height, width))}, the image "
                f"{_pixels(size)}. Leave them out if the image was resized or turned."
            )
    return counts


def check_encoded(sample: Sample, split: str) -> None:
    """ValueError if `encoded` will not decode to `image`, as it is in damaged files.

    PIL, which reads the files, is content with bytes that `tf.io.decode_jpeg` refuses.
    """
    if not sample.encoded:
        return
    try:
        pixels = _decode_image(sample.encoded).numpy()
    except tf.errors.OpError as error:
        reason = f"cannot be decoded ({error.message.splitlines()[0][:200]})"
    else:
        if np.array_equal(pixels, sample.image):
            return
        reason = "decode to other pixels than those of `image`"
    raise ValueError(
        f"Sample '{sample.id}' of split '{split}': its encoded bytes {reason}. The "
        "file is damaged or unusual: save the image again, as PNG."
    )


def _decode(example: dict, instances: bool) -> dict[str, tf.Tensor]:
    decoded = {
        "image": _decode_image(example[IMAGE]),
        "label": tf.io.decode_png(example[LABEL], channels=1)[..., 0],
        "id": example["image/filename"],
    }
    if instances:
        instance = tf.io.decode_png(example[INSTANCE], channels=1, dtype=tf.uint16)
        decoded["instance"] = instance[..., 0]
    return decoded


def _decode_image(encoded) -> tf.Tensor:
    # decode_jpeg reads PNG too; this DCT is bit-exact with PIL and OpenCV.
    return tf.io.decode_jpeg(encoded, 3, dct_method="INTEGER_ACCURATE")


def _png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


def _kind(array: np.ndarray) -> str:
    return f"{array.dtype} {array.shape}"


def _pixels(size) -> str:
    return f"{size[0]} x {size[1]} pixels (height x width)"
