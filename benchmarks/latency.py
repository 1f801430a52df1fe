"""One image through one network in every engine, one thread, in one run, in turns.

    python benchmarks/latency.py [--rounds 60] [--model NAME] [--run RUN]
    # peers: pip install 'kerasseg[onnx,openvino]' nncf

Each file is what `python -m kerasseg.export` writes: uint8 pixels in, class map out.
int8 of the peers is their own post-training quantisation with its defaults (ONNX
Runtime: QDQ, uint8 activations, int8 kernels a channel), on the same images. OpenVINO
float32 is pinned to f32, which it else leaves for bfloat16 where the processor has it.
Keras is the network in a tf.function. A peer that is not installed is skipped by name.

Random weights take as long as trained ones; then "same class" (pixels of the class that
Keras names) says little of int8. With --run it does.
"""

from __future__ import annotations

import inspect
import logging
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from kerasseg.console import silenced, start_tensorflow

RATIOS = (
    ("LiteRT int8", "ONNX Runtime int8", 0.90),
    ("LiteRT int8", "OpenVINO int8", 0.90),
    ("LiteRT float32", "OpenVINO float32", 1.00),
    ("LiteRT float32", "ONNX Runtime float32", 1.00),
    ("LiteRT float32", "Keras", 1.00),
)
"""Pairs, and the ratio of times that the first should keep to."""


@dataclass(frozen=True)
class Latency:
    model: str = "deeplab_v3plus_mobilenet_v2"
    run: str = ""
    """Run folder whose network to take instead of one with random weights."""
    size: tuple[int, int] = (360, 480)
    classes: int = 11
    rounds: int = 60
    calibration: int = 16


def main() -> None:
    asked = tyro.cli(Latency)
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    start_tensorflow()
    network = _network(asked)
    height, width = network.input_shape[1:3]
    images = _images(asked.calibration, height, width)
    with tempfile.TemporaryDirectory() as folder:
        sides = dict(_sides(network, images, Path(folder)))
        print(f"{network.name}, {height}x{width}, one thread, {asked.rounds} rounds")
        _compare(sides, images, asked.rounds)


def _network(asked: Latency):
    from kerasseg import models, runs

    if asked.run:
        return runs.load(asked.run)
    known = inspect.signature(models.function(asked.model)).parameters
    options = {"weights": "none"} if "weights" in known else {}
    return models.build(asked.model, asked.classes, (*asked.size, 3), **options)


def _images(count: int, height: int, width: int) -> list[np.ndarray]:
    from kerasseg.data.synthetic import scene

    return [scene(0, n, height=height, width=width).image for n in range(count)]


def _sides(network, images, folder: Path):
    """Pairs of name and function: uint8 image (h, w, 3) -> class map."""
    import tensorflow as tf

    from kerasseg.export import engines, formats, runners
    from kerasseg.export.litert import conversion
    from kerasseg.inference.class_maps import class_map

    keras_run = tf.function(
        lambda image: class_map(network(tf.cast(image, tf.float32), training=False))
    )
    yield "Keras", lambda image: keras_run(image[None]).numpy()[0]
    for kind in ("float32", "int8"):
        file = conversion.write(network, folder / f"{kind}.tflite", kind, images)
        yield f"LiteRT {kind}", runners.single(kind, file, 1)

    if formats.missing("onnx"):
        print(f"ONNX Runtime skipped: no {', '.join(formats.missing('onnx'))}")
    else:
        file = engines.write(network, "onnx", folder / "model.onnx")
        yield "ONNX Runtime float32", runners.single("onnx", file, 1)
        file = _onnx_int8(file, images)
        yield "ONNX Runtime int8", runners.single("onnx", file, 1)

    if formats.missing("openvino"):
        print("OpenVINO skipped: no openvino")
        return
    written = engines.write(network, "openvino", folder / "openvino")
    yield "OpenVINO float32", runners.openvino(written, 1)
    try:
        import nncf
    except ImportError:
        print("OpenVINO int8 skipped: no nncf")
        return
    written = _openvino_int8(nncf, written, images)
    yield "OpenVINO int8", runners.openvino(written, 1, precision="")


def _onnx_int8(file: Path, images) -> Path:
    from onnxruntime import quantization as q
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(q.CalibrationDataReader):
        def __init__(self):
            self.rest = iter(images)

        def get_next(self):
            image = next(self.rest, None)
            return None if image is None else {"image": image[None]}

    prepared, target = file.with_name("prepared.onnx"), file.with_name("int8.onnx")
    logging.getLogger().setLevel(logging.ERROR)
    with silenced():
        quant_pre_process(file, prepared, skip_symbolic_shape=True)
        q.quantize_static(
            prepared,
            target,
            Reader(),
            quant_format=q.QuantFormat.QDQ,
            per_channel=True,
            activation_type=q.QuantType.QUInt8,
            weight_type=q.QuantType.QInt8,
        )
    return target


def _openvino_int8(nncf, written: Path, images) -> Path:
    import openvino

    model = openvino.Core().read_model(written / "model.xml")
    data = nncf.Dataset(images, lambda image: image[None])
    with silenced():
        model = nncf.quantize(model, data, subset_size=len(images))
    target = written.with_name("openvino_int8")
    target.mkdir()
    openvino.save_model(model, target / "model.xml", compress_to_fp16=False)
    return target


def _compare(sides, images, rounds: int) -> None:
    for run in sides.values():
        run(images[0])  # plans and compiles
    truth = sides["Keras"](images[-1])
    same = {name: (run(images[-1]) == truth).mean() for name, run in sides.items()}
    times: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        for name, run in sides.items():
            began = time.perf_counter()
            run(images[number % len(images)])
            times[name].append(1000 * (time.perf_counter() - began))
    print(f"{'':22}{'median':>9}{'p10':>9}{'same class':>14}")
    for name, values in times.items():
        fast = np.percentile(values, 10)
        median = f"{statistics.median(values):6.1f} ms{fast:6.1f} ms"
        print(f"{name:22}{median}{100 * same[name]:12.2f} %")
    for ours, theirs, wanted in RATIOS:
        if theirs in times:
            pairs = zip(times[ours], times[theirs], strict=True)
            ratio = statistics.median(mine / peer for mine, peer in pairs)
            verdict = "kept" if ratio <= wanted else "MISSED"
            print(f"{ours} / {theirs}: {ratio:.2f} (wanted {wanted:.2f}: {verdict})")


if __name__ == "__main__":
    main()
