"""A Sample checked, and as one serialised `tf.train.Example`; without TensorFlow.

The features have the names of DeepLab and the TensorFlow Model Garden, so that each
side reads the other's shards; those of instance and sequence are additions that the
others do not see. `kerasseg.data.format.example` reads them.
"""

from __future__ import annotations

import io

import cv2
import numpy as np
from PIL import Image

from kerasseg import UserError
from kerasseg.console import start_tensorflow
from kerasseg.data.format.tfrecord import example
from kerasseg.data.sample import Decoded, Sample
from kerasseg.data.writing.intact import is_plain
from kerasseg.taxonomy import IGNORE, Taxonomy

IMAGE = "image/encoded"
LABEL = "image/segmentation/class/encoded"
INSTANCE = "image/segmentation/instance/encoded"


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
    return example(values)


def check(sample: Sample, split: str, taxonomy: Taxonomy) -> np.ndarray:
    """Counts the pixels of each id (256,); ValueError if the arrays do not fit."""

    def wrong(text):
        return UserError(f"Sample '{sample.id}' of split '{split}': {text}")

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
    return counts


def check_encoded(sample: Sample, split: str) -> None:
    """ValueError if `encoded` will not decode to `image`, as it is in damaged files.

    A plain file that `read_image` decoded to this very array needs no second look; any
    other is decoded by TensorFlow, as it will be in training.
    """
    encoded = sample.encoded
    if not encoded:
        return
    if isinstance(encoded, Decoded) and encoded.pixels is sample.image:
        if is_plain(encoded):
            return
    reason = _wrong_size(sample) or _undecodable(sample)
    if reason:
        raise UserError(
            f"Sample '{sample.id}' of split '{split}': its encoded bytes {reason}"
        )


def _wrong_size(sample: Sample) -> str:
    try:
        width, height = Image.open(io.BytesIO(sample.encoded)).size
    except Exception as error:  # PIL raises many kinds
        return f"are no image ({error})."
    size = sample.image.shape[:2]
    if (height, width) == size:
        return ""
    return (
        f"have {_pixels((height, width))}, the image {_pixels(size)}. Leave them out "
        "if the image was resized or turned."
    )


def _undecodable(sample: Sample) -> str:
    start_tensorflow()
    import tensorflow as tf

    from kerasseg.data.format.example import decode_image

    try:
        pixels = decode_image(sample.encoded).numpy()
    except tf.errors.OpError as error:
        reason = f"cannot be decoded ({error.message.splitlines()[0][:200]})"
    else:
        if np.array_equal(pixels, sample.image):
            return ""
        reason = "decode to other pixels than those of `image`"
    return f"{reason}. The file is damaged or unusual: save the image again, as PNG."


def _png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


def _kind(array: np.ndarray) -> str:
    return f"{array.dtype} {array.shape}"


def _pixels(size) -> str:
    return f"{size[0]} x {size[1]} pixels (height x width)"
