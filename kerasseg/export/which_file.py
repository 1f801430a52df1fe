"""Which file of an export is for whom, in the words of the model card."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kerasseg.export.folder import scored
from kerasseg.export.formats import ARTEFACTS, LITERT
from kerasseg.export.litert import accelerators
from kerasseg.image_format import ImageFormat

GPU = "LiteRT, GPU and WebGPU"
READERS = {
    "LiteRT, processor (XNNPACK)": set(LITERT),
    GPU: set(LITERT),
    "MediaPipe": {"gpu", *(n for n in LITERT if n.endswith("_probabilities"))},
    "OpenCV": {"opencv", "onnx", "onnx_probabilities"},
    "ONNX Runtime": {"onnx", "onnx_probabilities"},
    "OpenVINO": set(ARTEFACTS) - {"opencv"},
    "TensorFlow Serving": {"saved_model"},
}
"""Program -> artefacts that it runs, by our own trials: docs/devices.md."""
MOST = 3
"""Reasons that a cell names."""


def parts(
    folder: Path, accepted: list[dict], image_format: ImageFormat
) -> Iterator[tuple]:
    """Tables: which program runs which file, and what accelerators lack.

    folder: of the export; accepted: rows of the gate. Of the kind `contract.Parts`.
    """
    yield "section", "Which file for whom"
    if not accepted:
        yield "text", "No file was accepted."
        return
    known = dict(READERS)
    if not image_format.is_rgb8:
        known["MediaPipe"] = known["OpenCV"] = set()
    devices = [row["file"] for row in accepted if row["format"] in LITERT]
    lacking = {file: accelerators.missing(folder / file) for file in devices}
    cells = []
    for row in accepted:
        verdicts = {
            program: "yes" if row["format"] in names else "no"
            for program, names in known.items()
        }
        if lacking.get(row["file"], {}).get(accelerators.LITERT_GPU):
            verdicts[GPU] = "not all of it"
        for tried in row.get("accelerators", ()):
            if tried["adapter"] and tried["accelerator"] == accelerators.LITERT_GPU:
                same = f"{100 * tried['agreement']:.2f} %"
                verdicts[GPU] += f" ({same} as the processor, on {tried['adapter']})"
        same = f"{100 * row['agreement']:.3f} %" if scored(row) else "not scored here"
        cells.append([row["file"], *verdicts.values(), same])
    yield (
        "table",
        "Same answers: as above, on this machine's processor. MediaPipe and OpenCV "
        "refuse files with two signatures; MediaPipe asks for probabilities.",
        ["File", *READERS, "Same answers"],
        cells,
    )
    if lacking:
        yield from _lacking(lacking)


def _lacking(found: dict[str, dict[str, list[str]]]) -> Iterator[tuple]:
    names = list(next(iter(found.values())))
    cells = [
        [file, *(_some(lists[name]) for name in names)] for file, lists in found.items()
    ]
    yield (
        "table",
        "What the documentation of accelerators does not list: such operators stay on "
        "the processor, or the file is refused. A list is no promise: compare what it "
        "answers.",
        ["File", *names],
        cells,
    )


def _some(reasons: list[str]) -> str:
    more = len(reasons) - MOST
    rest = [f"and {more} more"] if more > 0 else []
    return "; ".join([*reasons[:MOST], *rest]) or "nothing"
