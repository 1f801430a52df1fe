"""The formats an export can write, the packages each needs, and the limits of the gate.

Imports no framework, so that `--help` is fast.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from kerasseg import UserError
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.taxonomy import IGNORE

Format = Literal[
    "saved_model", "float32", "float16", "int8", "mediapipe", "onnx", "openvino"
]


@dataclass(frozen=True)
class Artefact:
    """What one format is called, and its file in the export folder.

    packages: what must be installed beyond kerasseg to write and score it; the extra
    of kerasseg that installs them has the format's name.
    """

    title: str
    file: str
    packages: tuple[str, ...] = ()


ARTEFACTS: dict[str, Artefact] = {
    # "1" is the version folder that TF Serving looks for under its base path.
    "saved_model": Artefact("SavedModel", "1"),
    "float32": Artefact("LiteRT float32", "model.tflite"),
    "float16": Artefact("LiteRT float16", "model_float16.tflite"),
    "int8": Artefact("LiteRT int8", "model_int8.tflite"),
    "mediapipe": Artefact("MediaPipe int8", "mediapipe_int8.tflite"),
    "onnx": Artefact("ONNX", "model.onnx", ("onnx", "tf2onnx", "onnxruntime")),
    "openvino": Artefact("OpenVINO", "openvino", ("openvino",)),
}

LITERT = ("float32", "float16", "int8", "mediapipe")
"""Formats that are LiteRT (TFLite) files."""
EXACT = ("saved_model", "float32", "onnx", "openvino")
"""Formats that compute in float32: they must agree with the network."""


def missing(name: str) -> list[str]:
    """The packages of a format that are not installed."""
    return [one for one in ARTEFACTS[name].packages if find_spec(one) is None]


def device_type(image_format: ImageFormat) -> str:
    """The type of the image that LiteRT, ONNX and OpenVINO files take.

    uint8 where the data is of 8 bits, else float32, which holds every number of 16
    bits: the Java and Kotlin interface of LiteRT has no uint16.
    """
    return "uint8" if image_format.type == "uint8" else "float32"


def check(
    names: Iterable[str], image_format: ImageFormat = RGB, num_classes: int = 1
) -> None:
    """Raises UserError when a format's packages are not installed, or it cannot take
    such images, or give so many classes."""
    for name in names:
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

    agreement: float = 0.9999
    """SavedModel, float32, ONNX, OpenVINO: share of pixels of the network's class, at
    least."""
    float16: float = 0.1
    """float16: lost mIoU, points (hundredths), at most."""
    int8: float = 1.0
    """int8: lost mIoU, points (hundredths), at most."""

    def of(self, name: str, agreement: float, lost: float) -> tuple[str, bool]:
        """The limit of a format in words, and whether it holds.

        agreement: share of pixels; lost: the network's mIoU minus the artefact's.
        """
        if name in EXACT:
            rule = f"agreement >= {100 * self.agreement:g} %"
            return rule, agreement >= self.agreement
        points = self.float16 if name == "float16" else self.int8
        # A tolerance, so that exactly the limit passes in floating point.
        return f"mIoU loss <= {points:g} points", 100 * lost <= points + 1e-9
