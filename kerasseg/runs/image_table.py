"""metrics_per_image.csv: one row an image, for spreadsheets and other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import numpy as np

from kerasseg.taxonomy import IGNORE

FILE = "metrics_per_image.csv"


def table(
    columns: dict[str, np.ndarray],
    names: Sequence[str],
    groups: Sequence[str],
    classes: Sequence[str],
) -> str:
    """The scores of each image as the text of a CSV file.

    columns: (N,) each, or (N, C), see `ImageScores.columns`. Their names stand in the
    first line, those of (N, C) with the name of the class: "iou road". Of more than 255
    classes those are left out that occur in no image. An empty cell: there was nothing
    to score; inf: of a distance, the class is missing on one side.
    """
    shown = list(range(len(classes)))
    if len(classes) > IGNORE:
        pixels = columns["true_pixels"] + columns["found_pixels"]
        shown = np.flatnonzero(pixels.any(0)).tolist()
    heads, cells = ["image", "group"], [list(names), list(groups)]
    for name, values in columns.items():
        if values.ndim == 1:
            heads.append(name)
            cells.append([_cell(value) for value in values])
            continue
        for c in shown:
            heads.append(f"{name} {classes[c]}")
            cells.append([_cell(value) for value in values[:, c]])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(zip(*cells, strict=True))
    return text.getvalue()


def _cell(value: np.generic) -> str:
    if np.isnan(value):
        return ""
    return str(value) if np.issubdtype(value.dtype, np.integer) else f"{value:.6g}"
