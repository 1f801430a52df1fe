"""Label maps of data sets: the ids in their files, brought to our class ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.taxonomy import IGNORE

UNKNOWN = -1
"""In a lookup table: the data set has no such id."""


def lookup_table(classes: Mapping[int, int], ignored: Iterable[int] = ()) -> np.ndarray:
    """(256,) int16: class of each id in the files, 255 where ignored, else -1."""
    known = np.full(256, UNKNOWN, np.int16)
    known[list(ignored)] = IGNORE
    for stored, class_id in classes.items():
        known[stored] = class_id
    return known


def to_classes(pixels: np.ndarray, known: np.ndarray, file: Path) -> np.ndarray:
    """(H, W) stored ids -> (H, W) uint8 class ids by a `lookup_table`.

    Raises UserError that names the file for colours, and for ids that the data set
    does not have: most often they come from other label files than those meant.
    """
    if pixels.ndim != 2 or pixels.dtype.kind not in "iu":
        raise UserError(
            f"Label {file} holds colours, not class ids. Use the label files of ids "
            "that the data set comes with."
        )
    present = np.unique(pixels)
    outside = present[(present < 0) | (present >= len(known))]
    if not outside.size:
        outside = present[known[present] == UNKNOWN]
    if outside.size:
        raise UserError(
            f"Label {file} holds id {outside[0]}, which this data set does not have. "
            "Check that it is the kind of label file that the data set comes with."
        )
    return known[pixels].astype(np.uint8)
