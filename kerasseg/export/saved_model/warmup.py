"""Warm-up requests of a SavedModel: TF Serving runs them before a version is served.

A TFRecord file of `tensorflow.serving.PredictionLog` messages. Their few fields are
written by hand, so that an export does not need tensorflow-serving-api.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

FILE = "assets.extra/tf_serving_warmup_requests"


def write(folder: Path, name: str, sizes) -> None:
    """Requests of signature serve_bytes, one JPEG of each size (height, width).

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
    """A PredictionLog; numbers: prediction_log.proto, predict.proto, model.proto."""
    spec = _field(1, name.encode()) + _field(3, signature.encode())
    entry = _field(1, key.encode()) + _field(2, tensor.SerializeToString())
    request = _field(1, spec) + _field(2, entry)
    return _field(6, _field(1, request))


def _field(number: int, data: bytes) -> bytes:
    """A length-delimited field of a protocol buffer."""
    return bytes([number << 3 | 2]) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def _jpeg(height: int, width: int) -> bytes:
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([rows % 256, columns % 256, (rows + columns) % 256], -1)
    return tf.io.encode_jpeg(image.astype(np.uint8)).numpy()
