"""The artefacts an export can write, and what each must hold. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Format = Literal["saved_model", "float32", "float16", "int8", "mediapipe"]


@dataclass(frozen=True)
class Artefact:
    """Name for people, and file in the export folder, of one format."""

    title: str
    file: str


ARTEFACTS: dict[str, Artefact] = {
    # "1" is the version folder that TF Serving looks for under its base path.
    "saved_model": Artefact("SavedModel", "1"),
    "float32": Artefact("LiteRT float32", "model.tflite"),
    "float16": Artefact("LiteRT float16", "model_float16.tflite"),
    "int8": Artefact("LiteRT int8", "model_int8.tflite"),
    "mediapipe": Artefact("MediaPipe int8", "mediapipe_int8.tflite"),
}


@dataclass(frozen=True)
class Limits:
    """What the gate lets pass, each against the network on the scored split."""

    agreement: float = 0.9999
    """SavedModel and float32: share of pixels of the network's class, at least."""
    float16: float = 0.1
    """float16: lost mIoU, points (hundredths), at most."""
    int8: float = 1.0
    """int8: lost mIoU, points (hundredths), at most."""

    def of(self, name: str, agreement: float, lost: float) -> tuple[str, bool]:
        """The limit of a format in words, and whether it holds.

        agreement: share of pixels; lost: the network's mIoU minus the artefact's.
        """
        if name in ("saved_model", "float32"):
            rule = f"agreement >= {100 * self.agreement:g} %"
            return rule, agreement >= self.agreement
        points = self.float16 if name == "float16" else self.int8
        # A hair of room, so that exactly the limit passes in floating point.
        return f"mIoU loss <= {points:g} points", 100 * lost <= points + 1e-9
