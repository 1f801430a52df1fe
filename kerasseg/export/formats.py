"""What an export can write, the packages it needs, and the limits of the gate.

Imports no framework, so that `--help` is fast.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated, Literal

from kerasseg import UserError
from kerasseg.console.flags import SHARE, Number
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.taxonomy import IGNORE

Format = Literal[
    "saved_model",
    "float32",
    "float16",
    "int8",
    "mediapipe",
    "opencv",
    "onnx",
    "openvino",
]
Signatures = Literal["separate", "class_map", "probabilities", "both"]
Compat = Literal["gpu", "edgetpu"]
"""Accelerators that have files of their own (`export.litert.compatible`)."""


@dataclass(frozen=True)
class Artefact:
    """What one artefact is called, and its file in the export folder.

    gives: its signatures; a file that gives none has logits. kind: how its numbers are
    stored. packages: what must be installed beyond kerasseg to write and score it; the
    extra of kerasseg that installs them has the format's name.
    """

    title: str
    file: str
    kind: str = "float32"
    gives: tuple[str, ...] = ("class_map",)
    packages: tuple[str, ...] = ()


_ONNX, _OPENVINO = ("onnx", "tf2onnx", "onnxruntime"), ("openvino",)
_SCORES = ("probabilities",)

ARTEFACTS: dict[str, Artefact] = {
    # Its file is the number of a version, which TF Serving looks for: `folder.let_in`.
    "saved_model": Artefact("SavedModel", ""),
    "float32": Artefact("LiteRT float32", "model.tflite"),
    "float16": Artefact("LiteRT float16", "model_float16.tflite", "float16"),
    "int8": Artefact("LiteRT int8", "model_int8.tflite", "int8"),
    "float32_probabilities": Artefact(
        "float32 scores", "model_probabilities.tflite", "float32", _SCORES
    ),
    "float16_probabilities": Artefact(
        "float16 scores", "model_float16_probabilities.tflite", "float16", _SCORES
    ),
    "int8_probabilities": Artefact(
        "int8 scores", "model_int8_probabilities.tflite", "int8", _SCORES
    ),
    "opencv": Artefact("OpenCV", "model_opencv.tflite", "float32", ()),
    "gpu": Artefact("GPU delegate", "model_float16_gpu.tflite", "float16", _SCORES),
    "edgetpu": Artefact("Edge TPU", "model_int8_edgetpu.tflite", "int8", ()),
    "onnx": Artefact("ONNX", "model.onnx", packages=_ONNX),
    "onnx_probabilities": Artefact(
        "ONNX scores", "model_probabilities.onnx", "float32", _SCORES, _ONNX
    ),
    "openvino": Artefact("OpenVINO", "openvino", packages=_OPENVINO),
    "openvino_probabilities": Artefact(
        "OpenVINO scores", "openvino_probabilities", "float32", _SCORES, _OPENVINO
    ),
}
"""Name -> artefact. A format of `--formats` is one or two of them: `artefacts`."""

FLOATS_IN = ("opencv", "gpu")
"""LiteRT files that take float32 images whatever the data is."""
LITERT = tuple(name for name in ARTEFACTS if ARTEFACTS[name].file.endswith(".tflite"))
"""Artefacts that are LiteRT (TFLite) files."""
EXACT = tuple(name for name in ARTEFACTS if ARTEFACTS[name].kind == "float32")
"""Artefacts that compute in float32: they must agree with the network."""


def artefacts(
    names: Iterable[str], signatures: str = "separate", compat: Iterable[str] = ()
) -> dict[str, tuple[str, ...]]:
    """Artefact to write -> its signatures, for formats and what `--signatures` and
    `--compat` say."""
    found: dict[str, tuple[str, ...]] = {one: ARTEFACTS[one].gives for one in compat}
    for name in dict.fromkeys(names):
        if name == "mediapipe":
            for scores in ("float16_probabilities", "int8_probabilities"):
                found[scores] = ARTEFACTS[scores].gives
        elif f"{name}_probabilities" not in ARTEFACTS:
            found[name] = ARTEFACTS[name].gives
        elif signatures == "both":
            found[name] = ("class_map", "probabilities")
        else:
            if signatures != "probabilities":
                found[name] = ARTEFACTS[name].gives
            if signatures != "class_map":
                scores = f"{name}_probabilities"
                found[scores] = ARTEFACTS[scores].gives
    return {name: found[name] for name in ARTEFACTS if name in found}


def missing(name: str) -> list[str]:
    """The packages of a format or an artefact that are not installed."""
    needed = ARTEFACTS[name].packages if name in ARTEFACTS else ()
    return [one for one in needed if find_spec(one) is None]


def device_type(image_format: ImageFormat) -> str:
    """The type of the image that LiteRT, ONNX and OpenVINO files take.

    uint8 where the data is of 8 bits, else float32, which holds every number of 16
    bits: the Java and Kotlin interface of LiteRT has no uint16.
    """
    return "uint8" if image_format.type == "uint8" else "float32"


OF_PICTURES = ("mediapipe", "opencv", "gpu", "edgetpu")
"""Formats that take no volumes."""


def check(
    names: Iterable[str],
    image_format: ImageFormat = RGB,
    num_classes: int = 1,
    volumes: bool = False,
) -> None:
    """Raises UserError when a format's packages are not installed, or it cannot take
    such images, or volumes, or give so many classes."""
    for name in names:
        if volumes and name in OF_PICTURES:
            flag = "--compat" if name in ("gpu", "edgetpu") else "--formats"
            raise UserError(
                f"{flag} {name} takes pictures, and this network takes volumes. Use "
                "saved_model, float32, float16, int8, onnx or openvino."
            )
        if name in ("opencv", "edgetpu") and not image_format.is_rgb8:
            flag = "--formats opencv" if name == "opencv" else "--compat edgetpu"
            raise UserError(
                f"{flag} takes images of red, green and blue of uint8 only; "
                f"this network's have {image_format}. Use onnx, float16 or float32."
            )
        if name == "mediapipe" and num_classes > IGNORE:
            raise UserError(
                f"--formats mediapipe gives at most {IGNORE} classes, this network has "
                f"{num_classes}. Use int8, float16 or float32."
            )
        if name == "mediapipe" and not image_format.is_rgb8:
            raise UserError(
                "--formats mediapipe takes images of red, green and blue of uint8 "
                f"only; this network's have {image_format}. Use int8, float16 or "
                "float32."
            )
        if missing(name):
            raise UserError(
                f"--formats {name} needs {', '.join(missing(name))}. Install it with "
                f"pip install 'kerasseg[{name}]'."
            )


@dataclass(frozen=True)
class Limits:
    """The limits of the gate, each against the network on the scored split."""

    agreement: Annotated[float, SHARE] = 0.9999
    """SavedModel, float32, ONNX, OpenVINO: share of pixels of the network's class, at
    least."""
    float16: Annotated[float, Number(-100, 100)] = 0.1
    """float16: lost mIoU, points (hundredths), at most; below 0 it has to gain."""
    int8: Annotated[float, Number(-100, 100)] = 1.0
    """int8: lost mIoU, points (hundredths), at most."""

    def of(self, name: str, agreement: float, lost: float) -> tuple[str, bool]:
        """The limit of a format in words, and whether it holds.

        agreement: share of pixels; lost: the network's mIoU minus the artefact's.
        """
        if name in EXACT:
            rule = f"agreement >= {100 * self.agreement:g} %"
            return rule, agreement >= self.agreement
        points = self.float16 if ARTEFACTS[name].kind == "float16" else self.int8
        # A tolerance, so that exactly the limit passes in floating point.
        return f"mIoU loss <= {points:g} points", 100 * lost <= points + 1e-9
