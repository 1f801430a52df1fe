"""Tries LiteRT files on the GPU of this machine, beside the CPU.

LiteRT finds a GPU by WebGPU (Vulkan, Metal, Direct3D 12). What it says of itself is no
proof: `is_fully_accelerated()` is True for files whose answers are wrong, and a shader
that does not compile raises nothing. Only the answers count.
"""

from __future__ import annotations

import ctypes
import functools
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerasseg.export.litert import accelerators, flatbuffer

NOT_TRIED = "not tried here"
SECONDS = 300
"""A file that takes longer is given up."""


@dataclass(frozen=True)
class Outcome:
    """What a GPU made of a file.

    adapter: the GPU's name; "" where none was found. delegated: operators that ran on
    it, of `operators`. fault: the first thing that went wrong, "" for nothing. result:
    what the file gave for each image; None where it gave nothing.
    """

    adapter: str
    delegated: int
    operators: int
    fault: str
    result: np.ndarray | None


def row(
    file: str | Path, images: np.ndarray, cpu: Callable[[np.ndarray], np.ndarray]
) -> dict[str, Any]:
    """What a GPU makes of a file beside the CPU, for gate.json.

    images: (B, h, w, C); cpu: function that gives their class maps by this file.
    Has accelerator and adapter; where there is one also delegated, operators, fault,
    and agreement: share of equal values of the class maps.
    """
    first = {"accelerator": accelerators.LITERT_GPU}
    if not adapter():
        return first | {"adapter": "", "note": NOT_TRIED}
    done = run(Path(file).read_bytes(), images)
    found = {key: v for key, v in vars(done).items() if key != "result"}
    share = 0.0
    if done.result is not None:
        expected = cpu(images)
        share = float(np.mean(_class_maps(done.result, expected) == expected))
    return first | found | {"agreement": share}


def _class_maps(result: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Of probabilities the class maps; where classes overlap these have the classes as
    their last dimension too."""
    if result.dtype != np.float32:
        return result
    return result > 0.5 if result.ndim == expected.ndim else result.argmax(-1)


def line(row: dict[str, Any]) -> str:
    """A row in words."""
    if not row["adapter"]:
        return f"{row['accelerator']}: {row['note']}"
    words = f"{row['accelerator']} ({row['adapter']}): {row['delegated']} of "
    words += f"{row['operators']} operators, {100 * row['agreement']:.2f} % of the "
    words += "pixels as on the CPU"
    return f"{words}; {row['fault']}" if row["fault"] else words


@functools.cache
def adapter() -> str:
    """The name of the GPU that LiteRT finds; "" for none."""
    if sys.platform == "linux":
        try:
            ctypes.CDLL("libvulkan.so.1")
        except OSError:
            return ""  # without Vulkan's loader there is nothing to find
    return run(_smallest(), np.zeros((1, 4, 4, 4), np.float32)).adapter


def run(data: bytes, images: np.ndarray) -> Outcome:
    """Runs the first signature of a file on images (B, h, w, C), in another process."""
    graph = flatbuffer.unpack(data).subgraphs[0]
    operators = len(graph.operators)
    images = images.astype(flatbuffer.TYPES[graph.tensors[graph.inputs[0]].type])
    with tempfile.TemporaryDirectory() as folder:
        file, given, out = (Path(folder) / n for n in ("m.tflite", "in.npy", "out.npy"))
        file.write_bytes(data)
        np.save(given, images)
        words = [sys.executable, "-m", "kerasseg.export.litert.gpu_process"]
        words += [str(file), str(given), str(out)]
        try:
            done = subprocess.run(words, capture_output=True, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            return Outcome("", 0, operators, f"no answer in {SECONDS} s", None)
        result = np.load(out) if out.is_file() else None
    said = done.stderr.decode(errors="replace")
    found = re.search(r"Selected adapter: ([^,\n]+)", said)
    if not found:
        return Outcome("", 0, operators, "no adapter found", None)
    return Outcome(found[1], *_delegated(said, operators), _fault(said, done), result)


def _delegated(said: str, operators: int) -> tuple[int, int]:
    """Of the first graph; nothing is said where all operators are."""
    counts = re.search(r"(\d+) operations will run on the GPU, and the remaining", said)
    return (int(counts[1]) if counts else operators), operators


def _fault(said: str, done: subprocess.CompletedProcess) -> str:
    shader = re.search(r"Validation error: ([^\n]+)", said)
    if shader:
        return f"a shader does not compile: {shader[1].strip()}"
    if done.returncode < 0:
        return f"ended by signal {-done.returncode}"
    if done.returncode:
        lines = [one for one in said.splitlines() if "Error" in one or "ERROR" in one]
        return lines[-1].strip() if lines else f"exit code {done.returncode}"
    left = re.search(
        r"not supported by GPU delegate:\n(.+?)\n\d+ operations", said, re.S
    )
    return " ".join(left[1].split()) if left else ""


def _smallest() -> bytes:
    """A file of one RELU, to see whether there is a GPU."""
    schema = flatbuffer.schema
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.subgraphs = 3, [graph]
    model.buffers, model.operatorCodes = [schema.BufferT()], []
    graph.tensors, graph.inputs, graph.outputs = [], [0], [1]
    for name in ("image", "out"):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, [1, 4, 4, 4], 0
        graph.tensors.append(tensor)
    operator, signature = schema.OperatorT(), schema.SignatureDefT()
    operator.opcodeIndex = flatbuffer.opcode(model, "RELU", 1)
    operator.inputs, operator.outputs = [0], [1]
    graph.operators = [operator]
    signature.signatureKey, signature.subgraphIndex = "serve", 0
    signature.inputs, signature.outputs = [schema.TensorMapT()], [schema.TensorMapT()]
    signature.inputs[0].name, signature.inputs[0].tensorIndex = "image", 0
    signature.outputs[0].name, signature.outputs[0].tensorIndex = "out", 1
    model.signatureDefs = [signature]
    return flatbuffer.pack(model)
