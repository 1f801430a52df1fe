"""Runs an exported file as its users will: with the engine it was written for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kerasseg.export.formats import LITERT
from kerasseg.inference import litert

Run = Callable[[np.ndarray], np.ndarray]
"""A function from pixels to class ids."""


def runner(name: str, file: Path, threads: int = 0) -> Run:
    """Function: images (B, h, w, C) of the data's type -> class maps (B, h, w).

    name: a format of `formats.ARTEFACTS`. threads: 0 leaves it to the engine; a
    SavedModel runs on TensorFlow's own.
    """
    if name == "saved_model":
        return _saved_model(file)
    run = single(name, file, threads)
    return lambda images: np.stack([run(image) for image in images])


def single(name: str, file: Path, threads: int = 0) -> Run:
    """Function: image (h, w, C) -> class map (h, w), for every format but
    saved_model."""
    makers = dict.fromkeys(LITERT, _litert) | {"onnx": _onnx, "openvino": openvino}
    return makers[name](file, threads)


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
    model = engine.Core().compile_model(file / "model.xml", "CPU", options)
    kind = model.input(0).element_type.to_dtype()
    return lambda image: model(image[None].astype(kind, copy=False))[0][0]


def _litert(file: Path, threads: int) -> Run:
    return litert.Model(file, threads).class_map


def _onnx(file: Path, threads: int) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session: Any = onnxruntime.InferenceSession(
        str(file), options, providers=["CPUExecutionProvider"]
    )
    kind = {"tensor(uint8)": np.uint8}.get(session.get_inputs()[0].type, np.float32)

    def run(image):
        given = {"image": image[None].astype(kind, copy=False)}
        return session.run(["class_map"], given)[0][0]

    return run


def _saved_model(file: Path) -> Run:
    import tensorflow as tf

    served = tf.saved_model.load(str(file))
    # The closure also keeps `served`, without which its variables are deleted.
    return lambda images: served.signatures["serving_default"](
        image=tf.cast(images, tf.float32)
    )["class_map"].numpy()
