"""A Sample -> one serialised `tf.train.Example`; without TensorFlow.

The features have the names of DeepLab and the TensorFlow Model Garden, so that each
side reads the other's shards; those of instance and sequence are additions that the
others do not see. `kerasseg.data.format.example` reads them.
"""

from __future__ import annotations

import cv2
import numpy as np

from kerasseg.data.format.tfrecord import example
from kerasseg.data.sample import Sample

IMAGE = "image/encoded"
LABEL = "image/segmentation/class/encoded"
INSTANCE = "image/segmentation/instance/encoded"


def serialise(sample: Sample) -> bytes:
    """The sample as a `tf.train.Example`; the image as PNG where `encoded` is empty.

    The sample must have passed `kerasseg.data.writing.check`.
    """
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


def _png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()
