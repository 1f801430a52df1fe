"""A Sample -> one serialised `tf.train.Example`; without TensorFlow.

The features have the names of DeepLab and the TensorFlow Model Garden, so that each
side reads the other's shards; those of instance and sequence are additions that the
others do not see. `kerasseg.data.format.example` reads them.
"""

from __future__ import annotations

import cv2
import imagecodecs
import numpy as np

from kerasseg.data.format import volume_features
from kerasseg.data.format.tfrecord import example
from kerasseg.data.sample import Sample
from kerasseg.image_format import RGB, ImageFormat

IMAGE = "image/encoded"
LABEL = "image/segmentation/class/encoded"
INSTANCE = "image/segmentation/instance/encoded"
PLANES = "image/segmentation/class/planes"
"""The number of classes, only where they overlap; the label is raw then, (H, W, K)."""


LEVEL = 3
"""Of ZSTD; a higher one costs more time to write than it saves in size."""


def is_picture_file(image_format: ImageFormat, volume: bool = False) -> bool:
    """Whether images are stored as PNG, or as the source's own JPEG or PNG.

    Records of other bands or types, and of volumes, hold image, label and objects raw:
    row by row, bands side by side, little endian, under ZSTD, which is read in a fifth
    of PNG's time.
    """
    return (
        not volume
        and image_format.channels in (1, 3, 4)
        and image_format.type
        in (
            "uint8",
            "uint16",
        )
    )


def serialise(sample: Sample, image_format: ImageFormat = RGB) -> bytes:
    """The sample as a `tf.train.Example`; the image as PNG where `encoded` is empty.

    The sample must have passed `kerasseg.data.writing.check`.
    """
    volume = sample.volume is not None
    height, width = sample.label.shape[volume : volume + 2]
    as_file = is_picture_file(image_format, volume)
    pack, kind = (_png, b"png") if as_file else (zstd, b"raw")
    if kind == b"raw":
        encoded = pack(sample.image)
    else:
        encoded = sample.encoded or pack(_blue_first(sample.image))
    planes = sample.label.shape[-1] if sample.label.ndim == sample.image.ndim else 0
    jpeg = encoded.startswith(b"\xff\xd8")
    values = {
        IMAGE: encoded,
        "image/format": b"jpeg" if jpeg else kind,
        "image/filename": sample.id.encode(),
        "image/height": height,
        "image/width": width,
        "image/channels": image_format.channels,
        LABEL: pack(sample.label) if planes == 0 else zstd(sample.label),
        "image/segmentation/class/format": kind if planes == 0 else b"raw",
        "image/sequence": sample.sequence.encode(),
    }
    if planes:
        values[PLANES] = planes
    if volume or not image_format.is_rgb8:
        values["image/type"] = image_format.type.encode()
    if sample.instance is not None:
        values[INSTANCE] = pack(sample.instance)
    return example(values | volume_features.features(sample))


def zstd(pixels: np.ndarray) -> bytes:
    """The numbers of an array, little endian, as one frame of ZSTD.

    The frame notes its size. It needs no checksum: the record around it has one.
    """
    ordered = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<"))
    return bytes(imagecodecs.zstd_encode(ordered.tobytes(), LEVEL))


def _blue_first(pixels: np.ndarray) -> np.ndarray:
    """As OpenCV wants the bands."""
    if pixels.shape[2] == 1:
        return pixels
    swap = cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    return cv2.cvtColor(pixels, swap)


def _png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()
