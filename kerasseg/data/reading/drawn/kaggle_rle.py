"""Run-length encoded masks as Kaggle's CSV files hold them, in both pixel orders.

"start length start length ...": pixels are numbered from 1, and runs are ascending and
do not overlap. `COLUMNS`: from top to bottom, then left to right (2018 Data Science
Bowl). `ROWS`: from left to right, then top to bottom (Carvana). The text does not tell
which; a mask read in the wrong order is shredded. COCO's own encoding is another one.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Literal

import numpy as np

from kerasseg import UserError

Order = Literal["F", "C"]
COLUMNS: Order = "F"
ROWS: Order = "C"


def encode(mask: np.ndarray, order: Order) -> str:
    """(H, W) mask, not 0 = in -> "start length ..."; "" for an empty mask."""
    inside = np.asarray(mask).ravel(order) != 0
    edges = np.flatnonzero(np.diff(inside, prepend=False, append=False))
    starts, stops = edges[::2], edges[1::2]
    return " ".join(map(str, np.stack([starts + 1, stops - starts], 1).ravel()))


def decode(runs: str, size: tuple[int, int], order: Order) -> np.ndarray:
    """ "start length ..." -> (H, W) bool for `size` = height, width.

    Runs may follow each other without a gap. Raises UserError for text that is not
    pairs of integers, and for runs that are empty, out of order, overlap or leave the
    image.
    """
    try:
        numbers = np.array(runs.split(), np.int64)
    except (ValueError, OverflowError) as error:
        raise UserError(f"Runs must be whole numbers, got '{_short(runs)}'.") from error
    if numbers.size % 2:
        raise UserError(
            f"Runs must be pairs 'start length', got {numbers.size} numbers: "
            f"'{_short(runs)}'."
        )
    starts, lengths = numbers[::2] - 1, numbers[1::2]
    height, width = size
    pixels = height * width
    # Compared without a sum: start + length of a hostile file can overflow.
    wrong = (starts < 0) | (lengths < 1) | (lengths > pixels - starts)
    if wrong.any():
        at = int(wrong.argmax())
        raise UserError(
            f"Run '{numbers[2 * at]} {lengths[at]}' is not inside an image of {height} "
            f"x {width} pixels (height x width): starts count from 1, lengths are at "
            "least 1."
        )
    stops = starts + lengths
    if (starts[1:] < stops[:-1]).any():
        at = int((starts[1:] < stops[:-1]).argmax()) + 1
        raise UserError(
            f"Run '{numbers[2 * at]} {lengths[at]}' begins before the run before it "
            "ends. Runs must ascend without overlap."
        )
    change = np.zeros(pixels + 1, np.int8)
    np.add.at(change, starts, 1)
    np.add.at(change, stops, -1)
    return change[:-1].cumsum(dtype=np.int8).astype(bool).reshape(size, order=order)


def read_table(file: Path, columns: tuple[str, ...]) -> list[tuple[int, dict]]:
    """Rows of a CSV file with their line numbers.

    Raises UserError for a file that is not CSV, is cut short, or lacks a column.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            reader = csv.DictReader(opened)
            rows = [(reader.line_num, row) for row in reader]
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(
            f"{file} is not a CSV file ({error}). Copy it again."
        ) from error
    missing = [c for c in columns if c not in (reader.fieldnames or ())]
    if missing:
        raise UserError(
            f"{file} has no column '{missing[0]}', it begins with "
            f"'{_short(','.join(reader.fieldnames or ()))}'. Use it as downloaded."
        )
    for line, row in rows:
        if any(row[c] is None for c in columns):
            raise UserError(f"{file} line {line} is cut short. Copy the file again.")
    return rows


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
