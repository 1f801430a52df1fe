"""Warm-up requests of a SavedModel: TF Serving runs them before a version is served.

They are a TFRecord file of `tensorflow.serving.PredictionLog` messages, whose few
fields are written here: an export does not need tensorflow-serving-api.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf

from kerasseg.data.format.tfrecord import field

FILE = "assets.extra/tf_serving_warmup_requests"
"""Where TF Serving looks for them in the folder of a SavedModel."""


def write(folder: Path, name: str, sizes: Iterable[tuple[int, int]]) -> None:
    """Writes requests of signature serve_bytes for the model `name`, one JPEG of each
    size (height, width).

    The first request of a signature plans its graph and would be slow; float requests
    would make the file large and plan the same network.
    """
    file = Path(folder, FILE)
    file.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(file)) as writer:
        for height, width in sizes:
            tensor = tf.make_tensor_proto(np.array([_jpeg(height, width)], object))
            writer.write(_log(name, "serve_bytes", "image_bytes", tensor))


def _log(name: str, signature: str, key: str, tensor) -> bytes:
    """A PredictionLog. The numbers of its fields are those of prediction_log.proto,
    predict.proto and model.proto."""
    spec = field(1, name.encode()) + field(3, signature.encode())
    entry = field(1, key.encode()) + field(2, tensor.SerializeToString())
    request = field(1, spec) + field(2, entry)
    return field(6, field(1, request))


def _jpeg(height: int, width: int) -> bytes:
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([rows % 256, columns % 256, (rows + columns) % 256], -1)
    return tf.io.encode_jpeg(image.astype(np.uint8)).numpy()
