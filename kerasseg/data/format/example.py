"""One serialised `tf.train.Example` -> a Sample, or tensors; `encode` writes them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import tensorflow as tf

from kerasseg import UserError
from kerasseg.data.format import volume_features
from kerasseg.data.format.encode import (
    IMAGE,
    INSTANCE,
    LABEL,
    PLANES,
    is_picture_file,
)
from kerasseg.data.sample import Sample
from kerasseg.files.exif import PNG
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.taxonomy import label_type
from kerasseg.volume_format import VolumeGeometry

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


TYPE = {"image/type": tf.io.FixedLenFeature([], tf.string, "")}
"""Only of images that are raw."""
OF_PLANES = {PLANES: tf.io.FixedLenFeature([], tf.int64, 0)}
"""Only of labels of classes that overlap."""
OF_VOLUMES = {
    volume_features.DEPTH: tf.io.FixedLenFeature([], tf.int64, 0),
    volume_features.GEOMETRY: tf.io.FixedLenFeature([], tf.string, ""),
    volume_features.FOREGROUND: tf.io.FixedLenFeature([], tf.string, ""),
}
"""Only of volumes."""


def parse(
    serialised: tf.Tensor | bytes,
    *,
    instances: bool = False,
    image_format: ImageFormat = RGB,
    num_classes: int = 1,
    exclusive: bool = True,
    volume: bool = False,
) -> dict[str, tf.Tensor]:
    """One serialised record -> image (H, W, C), label (H, W), id string.

    The image has the bands and type of `image_format`, the label is uint8, of more than
    255 classes uint16; of classes that overlap uint8 (H, W, num_classes). With
    `instances` also instance uint16 (H, W). Of a `volume` image and label have an axis
    for the depth before, and there is foreground int32 (n, 4), see
    `kerasseg.data.format.volume_features`. For use inside `tf.data`; the sizes are
    unknown to the graph, so call `tf.ensure_shape` where they are known.

    Raises tf.errors.OpError where the record or a picture in it cannot be read.
    """
    planes = 0 if exclusive else num_classes
    example = _parsed(serialised, image_format, planes, volume)
    ids = label_type(num_classes)
    return _decode(example, instances, image_format, ids, planes, volume)


def deserialise(
    serialised: tf.Tensor | bytes,
    instances: bool,
    image_format: ImageFormat = RGB,
    num_classes: int = 1,
    exclusive: bool = True,
    volume: bool = False,
) -> Sample:
    """The Sample of a serialised example; its `encoded` are the bytes in the record
    where these are a JPEG or PNG.

    Raises tf.errors.OpError where the record or a picture in it cannot be read,
    UnicodeDecodeError where a name is not UTF-8, and UserError where the label has 16
    bits and `num_classes` need only 8, of which the low ones would be lost, or where
    that is damaged which says where a volume lies.
    """
    planes, ids = 0 if exclusive else num_classes, label_type(num_classes)
    example: dict = _parsed(serialised, image_format, planes, volume)
    _refuse_16_bits(example[LABEL].numpy(), ids)
    decoded: dict[str, Any] = _decode(
        example, instances, image_format, ids, planes, volume
    )
    as_file = is_picture_file(image_format, volume)
    return Sample(
        id=decoded["id"].numpy().decode(),
        image=decoded["image"].numpy(),
        label=decoded["label"].numpy(),
        instance=decoded["instance"].numpy() if instances else None,
        encoded=example[IMAGE].numpy() if as_file else b"",
        sequence=example["image/sequence"].numpy().decode(),
        volume=_geometry(example) if volume else None,
    )


def _geometry(example: dict) -> VolumeGeometry:
    try:
        return volume_features.geometry(example[volume_features.GEOMETRY].numpy())
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"The record does not say where its volume lies ({error})."
        ) from error


def _refuse_16_bits(label: bytes, ids: type) -> None:
    if ids is np.uint8 and label.startswith(PNG) and label[24:25] == b"\x10":
        raise UserError(
            "The label is a PNG of 16 bits; of up to 255 classes 8 are expected. Say "
            "how many classes there are, or save the labels again."
        )


def decode_image(
    encoded: tf.Tensor | bytes, image_format: ImageFormat = RGB
) -> tf.Tensor:
    """The pixels of a JPEG or PNG as they are stored: (H, W, C) of 8 or 16 bits.

    image_format: of 1, 3 or 4 bands; uint8 RGB, if nothing else is said.

    Raises tf.errors.InvalidArgumentError where it is damaged, or another kind of file.
    """
    bands = image_format.channels
    if image_format.type == "uint16":  # without dtype: the high bytes, in silence
        return tf.io.decode_png(encoded, bands, dtype=tf.uint16)
    if bands == 4:
        return tf.io.decode_png(encoded, bands)
    # decode_jpeg reads PNG too; this DCT is bit-exact with PIL and OpenCV.
    return tf.io.decode_jpeg(encoded, bands, dct_method="INTEGER_ACCURATE")


def _parsed(
    serialised: tf.Tensor | bytes, image_format: ImageFormat, planes: int, volume: bool
) -> dict:
    features = FEATURES if is_picture_file(image_format, volume) else FEATURES | TYPE
    features = features | OF_PLANES if planes else features
    features = features | OF_VOLUMES if volume else features
    return tf.io.parse_single_example(serialised, features)


def _decode(
    example: dict,
    instances: bool,
    image_format: ImageFormat,
    ids: Any,
    planes: int,
    volume: bool,
) -> dict[str, tf.Tensor]:
    """planes: number of classes where they overlap, else 0."""
    if is_picture_file(image_format, volume):
        decoded = {"image": decode_image(example[IMAGE], image_format)}
        if planes:
            decoded["label"] = _planes(example, planes, _size(example))
        else:
            label = tf.io.decode_png(example[LABEL], channels=1, dtype=ids)
            decoded["label"] = label[..., 0]
        if instances:
            instance = tf.io.decode_png(example[INSTANCE], channels=1, dtype=tf.uint16)
            decoded["instance"] = instance[..., 0]
    else:
        size = _size(example)
        if volume:
            size = example[volume_features.DEPTH], *size
            packed = example[volume_features.FOREGROUND]
            decoded = {"foreground": _numbers(packed, "int32", (-1, 4))}
        else:
            decoded = {}
        decoded |= _decode_raw(example, instances, image_format, ids, planes, size)
    return decoded | {"id": example["image/filename"]}


def _decode_raw(
    example: dict,
    instances: bool,
    image_format: ImageFormat,
    ids: Any,
    planes: int,
    size: tuple,
) -> dict[str, tf.Tensor]:
    """The reshape is what finds bytes that are too few, or of another number of bands;
    the name of the type what it cannot."""
    type = image_format.type
    with _required("image/type", example, type, f"its image is not of {type}"):
        shape = (*size, image_format.channels)
        decoded = {
            "image": _numbers(example[IMAGE], type, shape),
            "label": _planes(example, planes, size)
            if planes
            else _numbers(example[LABEL], ids, size),
        }
        if instances:
            decoded["instance"] = _numbers(example[INSTANCE], "uint16", size)
    return decoded


def _size(example: dict) -> tuple:
    return example["image/height"], example["image/width"]


def _planes(example: dict, planes: int, size: tuple) -> tf.Tensor:
    """The label of classes that overlap, uint8 (H, W, K)."""
    shape = *size, planes
    words = f"its label is not of {planes} classes that overlap"
    with _required(PLANES, example, planes, words):
        return _numbers(example[LABEL], "uint8", shape)


def _required(
    key: str, example: dict, value: Any, words: str
) -> AbstractContextManager:
    """What is computed inside fails, with these words, where a feature differs."""
    same = tf.debugging.Assert(
        example[key] == value, [f"{words}, but of", example[key]]
    )
    return tf.control_dependencies([] if same is None else [same])


def _numbers(packed: tf.Tensor, type: Any, shape: tuple) -> tf.Tensor:
    plain = tf.io.decode_compressed(packed, "ZSTD")
    return tf.reshape(tf.io.decode_raw(plain, tf.as_dtype(type)), shape)
