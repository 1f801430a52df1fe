"""Runs an exported file as its users will: with the engine it was written for."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from kerasseg.console import silenced
from kerasseg.export.formats import FLOATS_IN
from kerasseg.inference import litert
from kerasseg.inference.answers import ids_of
from kerasseg.taxonomy import Taxonomy

Run = Callable[[np.ndarray], np.ndarray]
"""A function from pixels to class ids."""


def runner(name: str, file: Path, threads: int = 0) -> Run:
    """Function: images (B, h, w, C) of the data's type -> class maps (B, h, w).

    name: an artefact of `formats.ARTEFACTS`. threads: 0 leaves it to the engine; a
    SavedModel runs on TensorFlow's own.
    """
    if name == "saved_model":
        return _saved_model(file)
    run = single(name, file, threads)
    return lambda images: np.stack([run(image) for image in images])


def single(name: str, file: Path, threads: int = 0) -> Run:
    """Function: image (h, w, C) -> class map (h, w), where classes overlap (h, w, K);
    for every artefact but saved_model."""
    if name in (*FLOATS_IN, "edgetpu"):
        return _scores(file, threads)
    makers = {"onnx": _onnx, "openvino": openvino}
    return makers.get(name.removesuffix("_probabilities"), _litert)(file, threads)


def openvino(file: Path, threads: int = 0, precision: str = "f32") -> Run:
    """Function: image (h, w, C) -> class map, of a folder with model.xml.

    precision: "f32", or "" for what OpenVINO chooses, bfloat16 where the processor has
    it.
    """
    import openvino as engine

    options: dict[str, str | int] = {"PERFORMANCE_HINT": "LATENCY"}
    if precision:
        options["INFERENCE_PRECISION_HINT"] = precision
    if threads:
        options["INFERENCE_NUM_THREADS"] = threads
    read = engine.Core().read_model(file / "model.xml")
    model = engine.Core().compile_model(read, "CPU", options)
    kind = model.input(0).element_type.to_dtype()
    key = "taxonomy"
    exclusive = not read.has_rt_info(key) or _exclusive(read.get_rt_info(key).value)

    def run(image):
        given = image[None].astype(kind, copy=False)
        return _ids(model(given)[0][0], exclusive)

    return run


def _litert(file: Path, threads: int) -> Run:
    return litert.Model(file, threads).class_map


def _scores(file: Path, threads: int) -> Run:
    """Of a LiteRT file that gives scores, maybe quantised and at a stride, whose caller
    does the rest: enlarge, then take the largest."""
    with silenced():
        from ai_edge_litert.interpreter import Interpreter

        model = Interpreter(str(file), num_threads=threads or None)
        run = model.get_signature_runner()
    with zipfile.ZipFile(file) as archive:
        exclusive = _exclusive(archive.read("taxonomy.json"))
    taken = run.get_input_details()["image"]
    ((name, given),) = run.get_output_details().items()
    scale, zero = given["quantization"]
    _, height, width, _ = taken["shape"]
    least = 0.5 if name == "probabilities" else 0.0

    def class_map(image):
        found = run(image=image[None].astype(taken["dtype"]))[name][0]
        if scale:
            found = (found.astype(np.float32) - zero) * np.float32(scale)
        if found.shape[:2] != (height, width):
            # One by one: OpenCV resizes at most 512 channels at once.
            planes = [cv2.resize(one, (width, height)) for one in np.rollaxis(found, 2)]
            found = np.stack(planes, -1)
        return _ids(found, exclusive, least)

    return class_map


def _onnx(file: Path, threads: int) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session: Any = onnxruntime.InferenceSession(
        str(file), options, providers=["CPUExecutionProvider"]
    )
    kind = {"tensor(uint8)": np.uint8}.get(session.get_inputs()[0].type, np.float32)
    first = session.get_outputs()[0].name
    known = session.get_modelmeta().custom_metadata_map
    exclusive = "taxonomy" not in known or _exclusive(known["taxonomy"])

    def run(image):
        given = {"image": image[None].astype(kind, copy=False)}
        return _ids(session.run([first], given)[0][0], exclusive)

    return run


def _exclusive(taxonomy: str | bytes) -> bool:
    return Taxonomy.from_json(json.loads(taxonomy)).exclusive


def _ids(found: np.ndarray, exclusive: bool, least: float = 0.5) -> np.ndarray:
    """Class maps as they are; scores (h, w, K) as ids, see `litert.Model.class_map`."""
    return ids_of(found, exclusive, least) if found.dtype.kind == "f" else found


def _saved_model(file: Path) -> Run:
    import tensorflow as tf

    served = tf.saved_model.load(str(file))
    asked = served.signatures["serving_default"]
    if len(asked.structured_input_signature[1]["image"].shape) == 5:
        # Of volumes: patches as records hold them, which are standardised already.
        asked = served.signatures["network_size"]
    # The default also keeps `served`, without which its variables are deleted.

    def run(images: np.ndarray, _: object = served) -> np.ndarray:
        return asked(image=tf.cast(images, tf.float32))["class_map"].numpy()

    return run
