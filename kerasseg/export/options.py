"""What an export is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import tyro

from kerasseg.console.flags import COUNT, COUNT_OR_0, PIXELS
from kerasseg.export import formats
from kerasseg.export.formats import Compat, Format, Limits, Signatures
from kerasseg.inference.scales import SCALE


@dataclass(frozen=True)
class Export:
    """Write files of a run for servers and devices, scored against the network."""

    run: tyro.conf.Positional[str] = ""
    """Run folder; empty: the one trained last."""
    formats: tuple[Format, ...] = ("saved_model", "float32", "float16", "int8")
    """What to write; mediapipe: float16 and int8 for MediaPipe's ImageSegmenter;
    opencv: float32 logits for cv2.dnn; onnx, openvino: float32 for those engines, with
    pip install 'kerasseg[onnx]', 'kerasseg[openvino]'.
    """
    signatures: Signatures = "separate"
    """LiteRT, ONNX and OpenVINO: a file for the class map and one for probabilities,
    one of them, or both in one file, which MediaPipe and OpenCV refuse.
    """
    compat: tuple[Compat, ...] = ()
    """More files, within an accelerator's documented list: gpu: float16, float image
    in, probabilities out; edgetpu: int8 logits at the network's stride.
    """
    records: str = ""
    """Records to score on; empty: those of the training."""
    split: str = ""
    """Split to score on; empty: the run's validation split."""
    gate: bool = True
    """Score the files; --no-gate: where there are no records. The card says so."""
    gate_images: Annotated[int, COUNT_OR_0] = 0
    """Score on at most so many images, spread evenly over the split; 0: all."""
    calibrate: str = ""
    """Folder of pictures that set the ranges of int8; empty: the training split."""
    calibration: Annotated[int, COUNT] = 32
    """How many images, not augmented, set the ranges of int8."""
    keep_float: tuple[str, ...] = ()
    """Names of layers that int8 leaves in float32."""
    overlap: Annotated[int, PIXELS] = 0
    """SavedModel: pixels > 0, even, that tiles share; it then cuts what is larger than
    the network into tiles and does not shrink it.
    """
    flip: bool = False
    """SavedModel: answer with the mean of the image and of its mirror image."""
    scales: Annotated[tuple[float, ...], SCALE] = ()
    """SavedModel: answer with the mean over these sizes of the network, such as 0.75 1
    1.25; empty: its own."""
    max_pixels: Annotated[int, COUNT] = 16_777_216
    """SavedModel: pictures of more pixels are refused before they are decoded."""
    limits: Limits = field(default_factory=Limits)

    def artefacts(self) -> dict[str, tuple[str, ...]]:
        """What is written, with its signatures (`formats.artefacts`)."""
        return formats.artefacts(self.formats, self.signatures, self.compat)
