"""Warm-up requests of a SavedModel: TF Serving runs them before a version is served.

They are a TFRecord file of `tensorflow.serving.PredictionLog` messages, whose few
fields are written here: an export does not need tensorflow-serving-api.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from kerasseg.data.format.encode import is_picture_file
from kerasseg.data.format.tfrecord import field
from kerasseg.image_format import RGB, ImageFormat

FILE = "assets.extra/tf_serving_warmup_requests"
"""Where TF Serving looks for them in the folder of a SavedModel."""


def write(
    folder: Path,
    name: str,
    sizes: Iterable[tuple[int, int]],
    image_format: ImageFormat = RGB,
) -> None:
    """Writes requests for the model `name`, one of each size (height, width).

    They are for signature serve_bytes, with a JPEG or PNG as the network takes it;
    where its images fit neither, for serving_default. The first request of a signature
    plans its graph and would be slow; one more of floats would plan the same network.
    """
    file = Path(folder, FILE)
    file.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(file)) as writer:
        for size in sizes:
            if is_picture_file(image_format):
                picture = np.array([_encoded(*size, image_format)], object)
                tensor = tf.make_tensor_proto(picture)
                writer.write(_log(name, "serve_bytes", "image_bytes", tensor))
            else:
                tensor = _zeros((1, *size, image_format.channels))
                writer.write(_log(name, "serving_default", "image", tensor))


def _log(name: str, signature: str, key: str, tensor) -> bytes:
    """A PredictionLog. The numbers of its fields are those of prediction_log.proto,
    predict.proto and model.proto."""
    spec = field(1, name.encode()) + field(3, signature.encode())
    entry = field(1, key.encode()) + field(2, tensor.SerializeToString())
    request = field(1, spec) + field(2, entry)
    return field(6, field(1, request))


def _zeros(shape: tuple[int, ...]) -> tensor_pb2.TensorProto:
    """float32; a message with one value stands for as many as its shape says."""
    kind = tf.float32.as_datatype_enum
    sizes = tf.TensorShape(shape).as_proto()
    return tensor_pb2.TensorProto(dtype=kind, tensor_shape=sizes, float_val=[0.0])


def _encoded(height: int, width: int, image_format: ImageFormat) -> bytes:
    rows, columns = np.mgrid[:height, :width]
    ramps = [rows % 256, columns % 256, (rows + columns) % 256, rows % 256]
    image = np.stack(ramps[: image_format.channels], -1)
    if image_format.is_rgb8:
        return tf.io.encode_jpeg(image.astype(np.uint8)).numpy()
    return tf.io.encode_png(image.astype(image_format.type)).numpy()
