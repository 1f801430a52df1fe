"""ONNX and OpenVINO files: the network for other engines, with the same contract.

image (1, h, w, C) of `formats.device_type` -> class_map uint8 (1, h, w), of more than
255 classes int32. The classes are inside, as JSON under the key "taxonomy":
metadata_props of ONNX, rt_info of OpenVINO; likewise "image_format", unless it is RGB
of 8 bits.
"""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kerasseg.console import silenced
from kerasseg.export.formats import device_type
from kerasseg.export.saved_model.signatures import module_of
from kerasseg.files import atomic
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.inference.class_maps import device_class_map, network_size
from kerasseg.taxonomy import Taxonomy

OPSET = 18
"""Version of ONNX's operators; ONNX Runtime reads it since 1.14 (February 2023)."""


def write(
    network: keras.Model,
    name: str,
    path: str | Path,
    taxonomy: Taxonomy | None = None,
    image_format: ImageFormat = RGB,
) -> Path:
    """Writes PATH: a file for name "onnx", for "openvino" a folder with model.xml and
    model.bin (weights in float32)."""
    notes = {}
    if taxonomy is not None:
        notes["taxonomy"] = json.dumps(taxonomy.to_json())
    if not image_format.is_rgb8:
        notes["image_format"] = json.dumps(image_format.to_json())
    kind = device_type(image_format)
    if name == "onnx":
        atomic.write_bytes(path, _onnx(network, kind, notes))
    else:
        with atomic.replacing(path) as aside:
            aside.mkdir()
            _openvino(network, kind, notes, aside / "model.xml")
    return Path(path)


def save_plain(network: keras.Model, folder: str | Path, kind: str = "uint8") -> None:
    """Writes a SavedModel of the network alone, with the contract of these files, for
    engines that convert it. kind: the type of its image."""
    module, serve = module_of(network), _serve(network, kind)
    tf.saved_model.save(module, str(folder), {"serving_default": serve})


def _onnx(network, kind: str, notes: dict[str, str]) -> bytes:
    with silenced(), warnings.catch_warnings():
        # tf2onnx 1.17 calls functions that numpy 2 deprecates.
        warnings.simplefilter("ignore")
        import tf2onnx

        logging.getLogger("tf2onnx").setLevel(logging.ERROR)
        model, _ = tf2onnx.convert.from_function(
            _serve(network, kind), input_signature=[_pixels(network, kind)], opset=OPSET
        )
    _round_up_scales(model.graph)
    for key, value in notes.items():
        model.metadata_props.add(key=key, value=value)
    return model.SerializeToString()


def _round_up_scales(graph) -> None:
    """Makes every resize give the size that it was built for.

    ONNX stores a resize as a float32 scale, and its size is floor(size x scale): a
    scale that was rounded down, such as 23 / 12, gives a map one pixel smaller.
    """
    # benchmarks/peer/engines.py has a copy: it runs where kerasseg is not installed.
    from onnx import numpy_helper

    scales = {node.input[2] for node in graph.node if node.op_type == "Resize"}
    for tensor in graph.initializer:
        if tensor.name in scales:
            value = numpy_helper.to_array(tensor)
            up = np.nextafter(value, np.float32(np.inf))
            value = np.where(value == np.round(value), value, up)
            tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))


def _openvino(network, kind: str, notes: dict[str, str], file: Path) -> None:
    import openvino

    with tempfile.TemporaryDirectory() as folder, silenced():
        save_plain(network, folder, kind)
        model = openvino.convert_model(folder)
        for key, value in notes.items():
            model.set_rt_info(value, key)
        openvino.save_model(model, file, compress_to_fp16=False)


def _serve(network, kind: str):
    @tf.function(input_signature=[_pixels(network, kind)])
    def serve(image):
        logits = network(tf.cast(image, tf.float32), training=False)
        return {"class_map": device_class_map(logits)}

    return serve


def _pixels(network, kind: str):
    shape = (1, *network_size(network), network.input_shape[-1])
    return tf.TensorSpec(shape, kind, name="image")
