"""ONNX Runtime and OpenVINO: kerasseg's own network in other engines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from protocol import cores, serve


def build(work, engine: str, *words: str):
    import numpy as np

    *words, threads = words
    threads = cores() if threads == "all" else int(threads)
    plain = Path(work.folder, "network", "plain")
    image = np.random.default_rng(0).integers(0, 256, (1, *work.size, 3), np.uint8)
    run, note = {"onnx": _onnx, "openvino": _openvino}[engine](plain, threads, *words)

    def turn():
        run(image)  # what it returns would be taken for seconds

    return turn, note


def _onnx(plain: Path, threads: int):
    import onnxruntime

    file = plain.with_suffix(".onnx")
    if not file.exists():  # in a process of its own, which takes TensorFlow along
        words = ["--saved-model", plain, "--output", file, "--opset", "18"]
        subprocess.run(
            [sys.executable, "-m", "tf2onnx.convert", *words],
            check=True,
            stdin=subprocess.DEVNULL,
        )
        _round_up_scales(file)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        file, options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    return (
        lambda image: session.run(None, {name: image})[0],
        f"onnxruntime {onnxruntime.__version__}",
    )


def _round_up_scales(file: Path) -> None:
    """tf2onnx stores sizes as float32 scales; see kerasseg/export/engines.py.

    A copy: kerasseg is not installed in this script's environment.
    """
    import numpy as np
    import onnx
    from onnx import numpy_helper

    model = onnx.load(file)
    scales = {node.input[2] for node in model.graph.node if node.op_type == "Resize"}
    for tensor in model.graph.initializer:
        if tensor.name in scales:
            value = numpy_helper.to_array(tensor)
            up = np.nextafter(value, np.float32(np.inf))
            value = np.where(value == np.round(value), value, up)
            tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
    onnx.save(model, file)


def _openvino(plain: Path, threads: int, precision: str):
    import openvino

    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    if precision != "default":
        settings["INFERENCE_PRECISION_HINT"] = precision
    model = openvino.compile_model(openvino.convert_model(plain), "CPU", settings)
    used = model.get_property("INFERENCE_PRECISION_HINT").to_string()
    version = openvino.__version__.partition("-")[0]
    return lambda image: model(image)[0], f"openvino {version}, {used}"


if __name__ == "__main__":
    serve(build)
