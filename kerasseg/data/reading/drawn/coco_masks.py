"""Segmentations of COCO's JSON files as masks: polygons and both kinds of run lengths.

pycocotools (cocoapi, maskApi.c) draws and decodes them. It trusts its input: runs that
do not fill the image, or are not text of its kind, become pixels of foreign memory. So
all is checked before.
"""

from __future__ import annotations

import re
from types import ModuleType

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.optional_packages import require

FARTHEST = 1e5
"""Polygons may leave the image, but not by so many pixels that drawing them hangs."""

NUMBERS = re.compile(rb"(?:[P-o]{0,6}[0-O])*")
"""Run lengths as text. A number is one or more characters of 48 + 6 bits; those of 48 +
32 and more are followed by another one of the same number, up to 32 bits."""


def mask_of(segmentation: list | dict, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool of a list of polygons x, y, x, y, ..., or of {"size", "counts"}.

    One polygon without the list around it, and polygons of pairs [x, y], are read too;
    empty polygons beside others count for nothing. size: (H, W) of the image. counts:
    run lengths down the columns, beginning with zeros; a list of numbers, or COCO's
    text.

    Raises UserError for what does not fit `size`, or where pycocotools is missing.
    """
    coco = require("pycocotools.mask")
    if not has_outline(segmentation):
        raise UserError("it has no segmentation, perhaps only a box")
    if isinstance(segmentation, list):
        encoded = coco.merge(coco.frPyObjects(_polygons(segmentation), *size))
    else:
        encoded = _runs(segmentation, size, coco)
    return coco.decode(encoded).view(bool)  # 0 and 1


def has_outline(segmentation: object) -> bool:
    """Whether a segmentation says anything: it may also be missing, NaN or [[]]."""
    if isinstance(segmentation, list):
        if segmentation and segmentation[0]:
            return True
        return any(part != [] for part in segmentation)
    return isinstance(segmentation, dict) and bool(segmentation)


def _polygons(polygons: list) -> list[list[float]]:
    if all(isinstance(number, (int, float)) for number in polygons):
        polygons = [polygons]
    checked = []
    for polygon in filter(len, polygons):
        corners = np.asarray(polygon, float)
        if corners.ndim == 2 and corners.shape[1] == 2:
            corners = corners.ravel()
        if corners.ndim != 1 or corners.size < 6 or corners.size % 2:
            raise UserError("a polygon is x, y, x, y, ... of at least 3 points")
        if not (np.abs(corners) < FARTHEST).all():
            raise UserError("a polygon has NaN in it, or leaves the image too far")
        checked.append(corners.tolist())
    if not checked:
        raise UserError("its segmentation has no polygon")
    return checked


def _runs(segmentation: dict, size: tuple[int, int], coco: ModuleType) -> dict:
    """Run lengths as pycocotools has them, which fill an image of `size` exactly."""
    if tuple(segmentation["size"]) != size:
        raise UserError(f"its run lengths are for {segmentation['size']} pixels")
    counts = segmentation["counts"]
    if isinstance(counts, list):
        runs = np.array(counts, np.float64)  # some tools write 3.0 for 3
        if (runs % 1).any():
            raise UserError("its run lengths are not whole numbers")
        runs = runs.astype(np.int64)
        if runs.min(initial=0) < 0 or runs.sum() != size[0] * size[1]:
            raise UserError(f"its run lengths are not those of {size} pixels")
        return coco.frPyObjects({"size": size, "counts": runs.tolist()}, *size)
    text = counts if isinstance(counts, bytes) else counts.encode()
    if not NUMBERS.fullmatch(text):
        cut = NUMBERS.fullmatch(text + b"0")
        wrong = "are cut short" if cut else "are not text of COCO's kind"
        raise UserError(f"its run lengths {wrong}")
    fits = _fit(text, size[0] * size[1], coco)
    if not fits or _fit(text, size[0] * size[1] - 1, coco):
        raise UserError(f"its run lengths are not those of {size} pixels")
    return {"size": size, "counts": text}


def _fit(text: bytes, pixels: int, coco: ModuleType) -> bool:
    """Whether the runs are together no longer than that."""
    try:
        coco.decode({"size": (pixels, 1), "counts": text})
    except ValueError:
        return False
    return True
