"""The scores of `evaluate` as a table of text, at most 80 columns wide."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from kerasseg.taxonomy import IGNORE

WIDTH = 79
KEPT = "\xa0"
"""A blank at which no line is broken."""
COLUMNS = {
    "iou": ("IoU", 8),
    "dice": ("Dice", 8),
    "case_dice": ("Dice/case", 11),
    "precision": ("precision", 10),
    "recall": ("recall", 8),
    "assd": ("ASSD", 9),
    "hausdorff": ("HD95", 9),
    "surface_dice": ("NSD", 8),
    "volume_error": ("ml off", 9),
}
"""Scores of each class: the head of their column, and its width."""
DISTANCES = "assd", "hausdorff", "volume_error"
NOT_OF_VOLUMES = "precision", "recall"
"""Columns that scores of volumes have no room for; metrics.json has them."""


def table(result: dict[str, Any], names: Sequence[str]) -> str:
    """What `evaluate` returns as text: one line a class, then the means; of more than
    255 classes only those that occur."""
    shown = [name for name in COLUMNS if name in result]
    if "case_dice" in result:
        shown = [name for name in shown if name not in NOT_OF_VOLUMES]
    absent = 0
    rows = []
    for name, *values in zip(names, *(result[one] for one in shown), strict=True):
        if values[0] is None and len(names) > IGNORE:
            absent += 1
            continue
        cells = zip(shown, values, strict=True)
        rows.append((name, "".join(_score(one, value) for one, value in cells)))
    first = max(5, max((len(name) for name, _ in rows), default=5))
    first = min(first, WIDTH - sum(COLUMNS[one][1] for one in shown))
    heads = "".join(
        f"{title:>{wide}}" for title, wide in (COLUMNS[one] for one in shown)
    )
    lines = [f"{'class':{first}}{heads}"]
    lines += [f"{_cut(name, first):{first}}{cells}" for name, cells in rows]
    if absent:
        lines.append(f"{absent} of {len(names)} classes do not occur")
    for sentence in _means(result):
        lines += textwrap.wrap(sentence, WIDTH, subsequent_indent="  ")
    return "\n".join(lines).replace(KEPT, " ")


def _means(result: dict[str, Any]) -> list[str]:
    overlap = "matrix" not in result
    low, high = map(_cell, result["miou_interval"])
    over = f"over {result['groups']} groups" if result.get("groups") else "over images"
    volumes = "case_dice" in result
    what = "volumes" if volumes else "images"
    over = over.replace("images", what)
    said = [
        f"{result['samples']} {what} of '{result['split']}': mIoU "
        f"{_cell(result['miou'])} (95 % interval {over}: {low} to {high})",
        _listed(
            result,
            {
                "mean_dice": "mean Dice",
                "pixel_accuracy": "right answers" if overlap else "pixel accuracy",
                "kappa": "Cohen's kappa",
                "boundary_f1": "boundary F1",
                "calibration_error": "calibration error",
            },
        ),
    ]
    if volumes:
        said.append(
            "mean Dice over volumes, then over classes"
            f"{'' if overlap else ' but the first'}: {_cell(mean_case_dice(result))}"
        )
    if result.get("folds"):
        each = ", ".join(_cell(fold["miou"]) for fold in result["folds"])
        said.append(
            f"mIoU of each of {len(result['folds'])} folds: {each}. Every one of these "
            f"{what} was judged by the network that has not seen it; the mean of the "
            "networks has seen all."
        )
    if result.get("trained_on"):
        said.append(
            "The network was trained on these images: the scores say how well it "
            "knows them, not how well it works on others."
        )
    if overlap:
        said.append(
            f"mean over single {what}: IoU {_cell(result['image_miou'])}, "
            f"Dice {_cell(result['image_mean_dice'])}"
        )
        said.append("The classes overlap: there is no confusion matrix.")
    if result.get("trimap_miou") is not None:
        said.append(
            f"within {result['trimap_pixels']:g} pixels of a boundary: "
            f"mIoU {result['trimap_miou']:.4f}"
        )
    if result.get("object_f1") is not None:
        scores = {
            "object_f1": "F1 at IoU above 0.5",
            "average_precision": "average precision at 0.5 to 0.95",
            "pq": "PQ",
            "sq": "SQ",
            "rq": "RQ",
            "aji": "AJI",
        }
        said.append(f"objects: {_listed(result, scores)}")
    if "surfaces" in result:
        said.append(_surfaces(result))
    if "averaged" in result:
        said.append(_averaged(result["averaged"]))
    if "robustness" in result:
        said += _robustness(result)
    return said


def _averaged(found: dict[str, Any]) -> str:
    sizes = ", ".join(f"{height}x{width}" for height, width in found["sizes"])
    ways = [f"sizes {sizes}"] if sizes else []
    ways += ["mirror image"] if found["flip"] else []
    gain = "" if found["gain"] is None else f" ({100 * found['gain']:+.2f} points)"
    return (
        f"mean over {' and '.join(ways)}: mIoU {_cell(found['miou'])}, one pass "
        f"{_cell(found['one_pass_miou'])}{gain}; "
        f"{found['milliseconds']:.0f} ms an image, one pass "
        f"{found['one_pass_milliseconds']:.0f}"
    )


def _robustness(result: dict[str, Any]) -> list[str]:
    found = result["robustness"]
    said = [
        f"mean corruption mIoU {_cell(found['mean_miou'])}, as they are "
        f"{_cell(result['miou'])}; each weak, medium, strong:"
    ]
    for name, row in found["corruptions"].items():
        values = f"{KEPT}".join(map(_cell, row["miou"]))
        said.append(f"{KEPT}{KEPT}{name}:{KEPT}{values}")
    return said


def mean_case_dice(result: dict[str, Any]) -> float | None:
    """Of volumes: over volumes, then over classes, without the background, which the
    first class is where classes exclude each other; None where nothing is known."""
    values = result["case_dice"][1 if "matrix" in result else 0 :]
    known = [one for one in values if one is not None]
    return sum(known) / len(known) if known else None


def _surfaces(result: dict[str, Any]) -> str:
    unit = "the unit of --pixel-size" if result["surfaces"]["pixel_size"] else "pixels"
    unit = result["surfaces"].get("unit", unit)
    scores = {
        "mean_assd": "ASSD",
        "mean_hausdorff": "HD95",
        "mean_surface_dice": f"NSD (tolerance {result['surfaces']['tolerance']:g})",
    }
    missing = sum(result["surface_missing"])
    words = f"surfaces in {unit}, mean over classes: {_listed(result, scores)}"
    if missing:
        words += (
            f"; {missing} times a class was missed in an image, or found where it is "
            "not: no distance, NSD 0"
        )
    return words


def _listed(result: dict[str, Any], titles: dict[str, str]) -> str:
    known = {words: result[name] for name, words in titles.items() if name in result}
    parts = (f"{words} {_cell(value)}" for words, value in known.items())
    return ", ".join(part.replace(" ", KEPT) for part in parts)


def _score(name: str, value: float | None) -> str:
    """A cell of the table; distances with two decimals."""
    wide = COLUMNS[name][1]
    if value is None or name not in DISTANCES:
        return f"{_cell(value):>{wide}}"
    return f"{value:>{wide}.2f}"


def _cut(name: str, width: int) -> str:
    return name if len(name) <= width else f"{name[: width - 1]}…"


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
