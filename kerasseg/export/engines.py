"""ONNX and OpenVINO files: the network for other engines, with the same contract.

image (B, h, w, C) of `formats.device_type` -> class_map uint8 (B, h, w), of more than
255 classes int32, where classes overlap uint8 (B, h, w, K) of 0 and 1; or the same
image -> probabilities float32 (B, h, w, K). Engines compute all that a file gives, so
that each has a file of its own.

The classes are inside, as JSON under the key "taxonomy": metadata_props of ONNX,
rt_info of OpenVINO; likewise "image_format", unless it is RGB of 8 bits.
"""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kerasseg.console import silenced
from kerasseg.export.formats import device_type
from kerasseg.export.saved_model.signatures import module_of
from kerasseg.files import atomic
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.inference.class_maps import device_class_map, probabilities_of
from kerasseg.taxonomy import Taxonomy
from kerasseg.volume_format import VolumeFormat

OPSET = 18
"""Version of ONNX's operators; ONNX Runtime reads it since 1.14 (February 2023)."""


def write(
    network: keras.Model,
    name: str,
    path: str | Path,
    taxonomy: Taxonomy | None = None,
    image_format: ImageFormat = RGB,
    gives: Sequence[str] = ("class_map",),
    volume: VolumeFormat | None = None,
) -> Path:
    """Writes PATH: a file for name "onnx", for "openvino" a folder with model.xml and
    model.bin (weights in float32). gives: class_map, probabilities, or both. volume: of
    networks of volumes, which take patches (B, d, h, w, C), normalised; it goes along
    under the key "volume_format"."""
    notes = {}
    exclusive = taxonomy is None or taxonomy.exclusive
    if taxonomy is not None:
        notes["taxonomy"] = json.dumps(taxonomy.to_json())
    if not image_format.is_rgb8:
        notes["image_format"] = json.dumps(image_format.to_json())
    if volume:
        notes["volume_format"] = json.dumps(volume.to_json())
    serve = _serve(network, device_type(image_format), exclusive, gives)
    if name == "onnx":
        atomic.write_bytes(path, _onnx(serve, notes))
    else:
        with atomic.replacing(path) as aside:
            aside.mkdir()
            _openvino(network, serve, notes, aside / "model.xml")
    return Path(path)


def save_plain(network: keras.Model, folder: str | Path, kind: str = "uint8") -> None:
    """Writes a SavedModel of the network alone, with the contract of these files, for
    engines that convert it. kind: the type of its image."""
    serve = _serve(network, kind, batch=1)
    tf.saved_model.save(module_of(network), str(folder), {"serving_default": serve})


def _onnx(serve, notes: dict[str, str]) -> bytes:
    with silenced(), warnings.catch_warnings():
        # tf2onnx 1.17 calls functions that numpy 2 deprecates.
        warnings.simplefilter("ignore")
        import tf2onnx

        logging.getLogger("tf2onnx").setLevel(logging.ERROR)
        model, _ = tf2onnx.convert.from_function(
            serve, input_signature=serve.input_signature, opset=OPSET
        )
    _round_up_scales(model.graph)
    _expand_vectors(model)
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


def _expand_vectors(model) -> None:
    """Makes both maps of an addition equally large, as behind the pooling of an ASPP.

    OpenCV 5 adds into the convolution before, and refuses a map of another size.
    """
    from onnx import helper, shape_inference

    sizes = {
        one.name: [dim.dim_value for dim in one.type.tensor_type.shape.dim]
        for one in shape_inference.infer_shapes(model).graph.value_info
    }
    nodes = model.graph.node
    for at in reversed(range(len(nodes))):
        node = nodes[at]
        known = [sizes.get(name, [])[2:] for name in node.input]
        if node.op_type != "Add" or not all(map(all, known)) or known[0] == known[1]:
            continue
        if any(len(size) != 2 for size in known):
            continue
        small = int(np.prod(known[0]) > np.prod(known[1]))
        shape, grown = f"{node.output[0]}/shape", f"{node.output[0]}/expanded"
        given = helper.make_node("Shape", [node.input[1 - small]], [shape])
        expand = helper.make_node("Expand", [node.input[small], shape], [grown])
        node.input[small] = grown
        nodes.insert(at, expand)
        nodes.insert(at, given)


def _openvino(network, serve, notes: dict[str, str], file: Path) -> None:
    import openvino

    with tempfile.TemporaryDirectory() as folder, silenced():
        module = module_of(network)
        tf.saved_model.save(module, folder, {"serving_default": serve})
        model = openvino.convert_model(folder)
        for key, value in notes.items():
            model.set_rt_info(value, key)
        openvino.save_model(model, file, compress_to_fp16=False)


def _serve(
    network,
    kind: str,
    exclusive: bool = True,
    gives: Sequence[str] = ("class_map",),
    batch: int | None = None,
):
    """A function of images of the network's size. batch: None for any number."""
    shape = (batch, *network.input_shape[1:])

    @tf.function(input_signature=[tf.TensorSpec(shape, kind, name="image")])
    def serve(image):
        logits = network(tf.cast(image, tf.float32), training=False)
        known = {
            "class_map": lambda: device_class_map(logits, exclusive),
            "probabilities": lambda: probabilities_of(logits, exclusive),
        }
        return {name: known[name]() for name in gives}

    return serve
