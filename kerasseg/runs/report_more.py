"""Sections of the report on what `evaluate` was asked beside the plain scores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kerasseg.drawing import html


def sections(run: Path, metrics: dict) -> Iterator[str]:
    """Of metrics.json of the run and of its evaluations beside it (evaluation-*): means
    over several passes, and robustness; nothing where neither was asked for."""
    if metrics.get("folds"):
        yield html.section("Folds", _folds(metrics["folds"]))
    known = [(run.resolve().name, metrics), *_beside(run)]
    averaged = [(name, found) for name, found in known if "averaged" in found]
    if averaged:
        yield html.section("Sizes and mirror image", _averaged(averaged))
    for name, found in known:
        if "robustness" in found:
            where = "" if found is metrics else f" ({name})"
            yield html.section(f"Robustness{where}", _robustness(found))


def _folds(folds: list[dict[str, Any]]) -> str:
    rows = [
        [html.text(one["run"]), str(one["samples"]), html.number(one["miou"], 4)]
        for one in folds
    ]
    note = (
        "A training for each fold, which learnt from the other folds and was judged by "
        "its own; each has a report in the folder folds. The network of this run is "
        "the mean of theirs."
    )
    return html.table(note, ["Run", "Samples", "mIoU"], rows, text_columns=1)


def _beside(run: Path) -> Iterator[tuple[str, dict]]:
    for file in sorted(run.glob("evaluation-*/metrics.json")):
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # half of a folder is no reason for no report
            continue
        if isinstance(found, dict):
            yield file.parent.name, found


def _averaged(evaluations: list[tuple[str, dict[str, Any]]]) -> str:
    rows = []
    for name, found in evaluations:
        one = found["averaged"]
        sizes = ", ".join(f"{height}x{width}" for height, width in one["sizes"])
        rows.append(
            [
                html.text(name),
                html.text(sizes or "–"),
                "yes" if one["flip"] else "no",
                html.number(one["one_pass_miou"], 4),
                html.number(one["miou"], 4),
                f"{100 * (one['gain'] or 0):+.2f}",
                f"{one['one_pass_milliseconds']:.0f}",
                f"{one['milliseconds']:.0f}",
            ]
        )
    note = (
        "The mean of the probabilities over several passes against one pass; points of "
        "mean IoU, and milliseconds of an image on the machine that scored."
    )
    titles = ["Evaluation", "Sizes", "Mirrored", "One pass", "Mean", "Gain"]
    titles += ["ms, one pass", "ms"]
    return html.table(note, titles, rows, text_columns=3)


def _robustness(metrics: dict) -> str:
    found = metrics["robustness"]
    rows = [
        [
            html.text(name),
            ", ".join(f"{strength:g}" for strength in row["strengths"]),
            *(html.number(value) for value in row["miou"]),
            html.number(row["mean"]),
        ]
        for name, row in found["corruptions"].items()
    ]
    note = (
        f"Mean IoU of the same images after each corruption, over all of them "
        f"{html.number(found['mean_miou'])}; as they are "
        f"{html.number(metrics['miou'])}."
    )
    titles = ["Corruption", "Strengths", "Weak", "Medium", "Strong", "Mean"]
    return html.table(note, titles, rows, text_columns=2)
