"""The scores of `evaluate` as a table of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerasseg.taxonomy import IGNORE


def table(result: dict[str, Any], names: Sequence[str]) -> str:
    """What `evaluate` returns as text: one line a class, then the means; of more than
    255 classes only those that occur."""
    overlap = "matrix" not in result
    shown = ["iou", *(["dice"] if overlap else []), "precision", "recall"]
    titles = {"iou": "IoU", "dice": "Dice"}
    heads = [f"{titles.get(one, one):>{_wide(one)}}" for one in shown]
    lines = [f"{'class':16}{''.join(heads)}"]
    absent = 0
    for name, *values in zip(names, *(result[one] for one in shown), strict=True):
        if values[0] is None and len(names) > IGNORE:
            absent += 1
            continue
        cells = zip(values, shown, strict=True)
        row = "".join(f"{_cell(value):>{_wide(one)}}" for value, one in cells)
        lines.append(f"{name:16}{row}")
    if absent:
        lines.append(f"{absent} of {len(names)} classes do not occur")
    low, high = map(_cell, result["miou_interval"])
    other = "mean Dice" if overlap else "pixel accuracy"
    value = result["mean_dice" if overlap else "pixel_accuracy"]
    lines.append(
        f"{result['samples']} images of '{result['split']}': "
        f"mIoU {_cell(result['miou'])} (95 % interval {low} to {high}), "
        f"{other} {_cell(value)}, "
        f"boundary F1 {_cell(result['boundary_f1'])}, "
        f"calibration error {_cell(result['calibration_error'])}"
    )
    if overlap:
        lines.append(
            f"mean over single images: IoU {_cell(result['image_miou'])}, "
            f"Dice {_cell(result['image_mean_dice'])}"
        )
        lines.append(
            "The classes overlap, each is a question of its own: there is no confusion "
            f"matrix. Right answers: {_cell(result['pixel_accuracy'])}"
        )
    if result.get("trimap_miou") is not None:
        lines.append(
            f"within {result['trimap_pixels']:g} pixels of a boundary: "
            f"mIoU {result['trimap_miou']:.4f}"
        )
    if result.get("object_f1") is not None:
        lines.append(f"objects found at IoU above 0.5: F1 {result['object_f1']:.4f}")
    return "\n".join(lines)


def _wide(score: str) -> int:
    return 11 if score == "precision" else 8


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
