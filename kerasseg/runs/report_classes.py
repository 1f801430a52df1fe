"""The parts of a report that are about the classes: scores and mistakes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from kerasseg.drawing import html, plots
from kerasseg.taxonomy import Taxonomy

COUNTS = ("tp", "fp", "fn", "tn")
"""The counts in metrics.json where classes overlap, `metrics.overlapping.COUNTS`."""

SURFACES = {"assd": "ASSD", "hausdorff": "HD95", "surface_dice": "NSD"}
"""Scores of surfaces in metrics.json, and how they are called."""
CASES = {"case_dice": "Dice, mean of volumes", "volume_error": "Off, ml"}
"""Scores of volumes in metrics.json, and how they are called."""
OBJECTS = {
    "object_f1": "F1 at IoU above 0.5",
    "average_precision": "Average precision at IoU 0.5 to 0.95",
    "pq": "Panoptic quality (PQ)",
    "sq": "Segmentation quality (SQ)",
    "rq": "Recognition quality (RQ)",
    "aji": "Aggregated Jaccard index (AJI)",
}
"""Scores of objects in metrics.json, and how they are called."""


def scores(metrics: dict, classes: Taxonomy | None) -> str:
    """A table with one row a class."""
    if not classes or not metrics.get("iou"):
        return html.missing("metrics.json", "It holds the scores of each class.")
    matrix = np.array(metrics.get("matrix") or [], np.float64)
    nothing = [None] * classes.num_classes
    columns = [
        metrics.get(n) or nothing for n in ("iou", "dice", "precision", "recall")
    ]
    share = matrix.sum(1) / max(1, matrix.sum()) if matrix.size else nothing
    if counts := _counts(metrics, classes):
        hit, wrong, missed, rest = counts
        share = (hit + missed) / np.maximum(1, hit + wrong + missed + rest)
    surfaces = [n for n in (*CASES, *SURFACES) if metrics.get(n)]
    rows = []
    for i, (iou, *others) in enumerate(zip(*columns, strict=True)):
        row = [name(classes, i), html.number(iou) + html.bar(iou)]
        row += [*map(html.number, others), html.percent(share[i])]
        rows.append(row + [html.number(metrics[n][i]) for n in surfaces])
    titles = ["Class", "IoU", "Dice", "Precision", "Recall", "Share of pixels"]
    titles += [(CASES | SURFACES)[n] for n in surfaces]
    note = "A dash: no pixels of the class, true or predicted; no mean counts it."
    if "counts" in metrics:
        note += " A pixel can have several classes, or none."
    if measured := metrics.get("surfaces") or {}:
        unit = "the unit of --pixel-size" if measured.get("pixel_size") else "pixels"
        unit = measured.get("unit", unit)
        note += f" Distances of surfaces (ASSD, HD95) are in {unit}, means over images."
    return html.table(note, titles, rows, wide=True)


def objects(metrics: dict) -> str:
    """A table of the scores of objects, where the records have any."""
    rows = [
        [html.text(title), html.number(metrics[key])]
        for key, title in OBJECTS.items()
        if metrics.get(key) is not None
    ]
    if not rows:
        return ""
    note = "Predicted objects are the connected pieces of a class. Means over classes."
    return html.section("Objects", html.table(note, ["Score", "Value"], rows))


def mistakes(run: Path, metrics: dict, classes: Taxonomy | None) -> str:
    """What was taken for what; where classes overlap, what was found and missed."""
    if "counts" not in metrics:
        return html.section("Confusion", _confusion(run, metrics, classes))
    return html.section("Answers", _answers(metrics, classes))


def name(classes: Taxonomy, i: int) -> str:
    """The name of a class behind its colour."""
    return html.swatch(classes.colours[i]) + html.text(classes.names[i])


def _answers(metrics: dict, classes: Taxonomy | None) -> str:
    """What stands in place of a confusion matrix where classes overlap."""
    counts = _counts(metrics, classes)
    if not counts or not classes:
        return html.missing("metrics.json", "It holds the counts of each class.")
    pixels = metrics.get("voxels")
    pixels = pixels or metrics["samples"] * math.prod(metrics["size"])
    rows = []
    for i, numbers in enumerate(zip(*counts, strict=True)):
        cells = [f"{n:,.0f}" for n in (*numbers, pixels - sum(numbers))]
        rows.append([name(classes, i), *cells])
    note = (
        "The classes overlap, each is a question of its own: there is no confusion "
        "matrix. Pixels by class and answer."
    )
    titles = ["Found", "Wrongly found", "Missed", "Rightly not found", "Ignored"]
    return html.table(note, ["Class", *titles], rows)


def _counts(metrics: dict, classes: Taxonomy | None) -> list[np.ndarray]:
    """tp, fp, fn and tn, each (C,), of a run whose classes overlap; else []."""
    counts = metrics.get("counts") or {}
    found = [np.array(counts.get(n) or [], np.float64) for n in COUNTS]
    fits = classes and all(one.shape == (classes.num_classes,) for one in found)
    return found if fits else []


def _confusion(run: Path, metrics: dict, classes: Taxonomy | None) -> str:
    matrix = np.array(metrics.get("matrix") or [], np.float64)
    file = run / "pictures" / "confusion.png"
    if classes and matrix.shape != (classes.num_classes,) * 2:
        classes = None
    if file.is_file():
        heat = file.read_bytes()
    elif classes:
        heat = plots.confusion_heat_map(matrix, classes)
    else:
        return html.missing("metrics.json", "It holds the confusion matrix.")
    caption = "Of all true pixels of a row, the percentage predicted as each column."
    out = html.figure(heat, "Confusion matrix as a heat map", caption, plot=True)
    return out + _largest_mistakes(matrix, classes) if classes else out


def _largest_mistakes(matrix, classes: Taxonomy) -> str:
    """The largest mistakes in words, also for those who cannot see the heat map."""
    wrong = matrix * (1 - np.eye(len(matrix)))
    order = np.argsort(-wrong, axis=None, kind="stable")[:8]
    rows = []
    for true, seen in zip(*np.unravel_index(order, wrong.shape), strict=True):
        if wrong[true, seen]:
            names = [name(classes, true), name(classes, seen)]
            share = html.percent(wrong[true, seen] / matrix[true].sum())
            rows.append([*names, f"{wrong[true, seen]:,.0f}", share])
    if not rows:
        return ""
    titles = ["True", "Predicted as", "Pixels", "Of the true class"]
    return html.table("The largest mistakes.", titles, rows, text_columns=2)
