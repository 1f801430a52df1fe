"""Segmentations of COCO's JSON files as masks: polygons and both kinds of run lengths.

Runs go down the columns and begin with zeros. As text a run is one or more characters
of 48 + 6 bits: 5 bits of the number, low ones first, and bit 32 where more follow; from
the fourth run on it is the difference to the run before last (maskApi.c of cocoapi).
"""

from __future__ import annotations

import numpy as np

from kerasseg import UserError
from kerasseg.data.datasets.reading.extra import needs

FARTHEST = 1e5
"""Polygons may leave the image, but not by so many pixels that drawing them hangs."""


def mask_of(segmentation: list | dict, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool of a list of polygons x, y, x, y, ..., or of {"size", "counts"}.

    pycocotools draws the polygons. Raises ValueError for what does not fit `size`.
    """
    if not segmentation:
        raise UserError("it has no segmentation, perhaps only a box")
    if isinstance(segmentation, list):
        segmentation = _drawn(segmentation, size)
    elif tuple(segmentation["size"]) != size:
        raise UserError(f"its run lengths are for {segmentation['size']} pixels")
    counts = segmentation["counts"]
    runs = np.array(counts if isinstance(counts, list) else _numbers(counts), np.int64)
    if runs.min(initial=0) < 0 or runs.sum() != size[0] * size[1]:
        raise UserError(f"its run lengths are not those of {size} pixels")
    inside = np.arange(runs.size) % 2 == 1
    return np.repeat(inside, runs).reshape(size, order="F")


def _drawn(polygons: list[list[float]], size: tuple[int, int]) -> dict:
    for polygon in polygons:
        corners = np.asarray(polygon, float)
        if corners.ndim != 1 or corners.size < 6 or corners.size % 2:
            raise UserError("a polygon is x, y, x, y, ... of at least 3 points")
        if not (np.abs(corners) < FARTHEST).all():
            raise UserError("a polygon leaves the image too far")
    coco = needs("pycocotools.mask")
    return coco.merge(coco.frPyObjects(polygons, *size))


def _numbers(text: str | bytes) -> list[int]:
    """Compressed run lengths: COCO's text to numbers."""
    numbers, value, shift = [], 0, 0
    for code in text if isinstance(text, bytes) else text.encode():
        if not 48 <= code < 112 or shift > 30:
            raise UserError("its run lengths are no text of COCO's kind")
        bits = code - 48
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (bits & 16) << (shift - 4)  # the highest bit is the sign
            numbers.append(value + (numbers[-2] if len(numbers) > 2 else 0))
            value = shift = 0
    if shift:
        raise UserError("its run lengths are cut short")
    return numbers
