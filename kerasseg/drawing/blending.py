"""Class colours over an image, a strip of rows at a time: pictures may be large."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kerasseg.labels.borders import borders
from kerasseg.taxonomy import IGNORE, Taxonomy

AT_ONCE = 1 << 18
"""Pixels of a strip."""


def blended(
    image: np.ndarray,
    label: np.ndarray,
    taxonomy: Taxonomy,
    alpha: float,
    outline: bool,
) -> np.ndarray:
    """uint8 RGB (H, W, 3), see `pictures.overlay`."""
    drawn = np.empty(image.shape, np.uint8)
    for first, end in strips(*label.shape[:2]):
        strip = image[first:end].astype(np.float32)
        # One row more, for borders between it and the strip's last.
        ids = label[first : end + 1]
        fill = _exclusive if taxonomy.exclusive else _overlapping
        out = fill(strip, ids, taxonomy, alpha, outline, first)
        drawn[first:end] = np.clip(out + 0.5, 0, 255).astype(np.uint8)
    return drawn


def unpainted(taxonomy: Taxonomy) -> int:
    """The class whose pixels keep the image: of two that exclude each other the first,
    as a rule the background; -1: none.

    A colour over all that is no object would only veil the image.
    """
    return 0 if taxonomy.exclusive and taxonomy.num_classes == 2 else -1


def strips(height: int, width: int) -> Iterator[tuple[int, int]]:
    """First row and end of each strip of a picture."""
    step = max(1, AT_ONCE // max(width, 1))
    for first in range(0, height, step):
        yield first, min(first + step, height)


def _exclusive(image, label, taxonomy, alpha, outline, top) -> np.ndarray:
    ids = label[: len(image)]
    out = (1 - alpha) * image + alpha * taxonomy.colourise(ids)
    background = ids == unpainted(taxonomy)
    out[background] = image[background]
    ignored = ids == taxonomy.ignore
    _hatch(out, image, ignored, top)
    if outline:
        out[borders(label)[: len(image)] & ~ignored] *= 0.55
    return out


def _overlapping(image, label, taxonomy, alpha, outline, top) -> np.ndarray:
    planes = label[: len(image)]
    there = (planes == 1).astype(np.float32)
    number = there.sum(-1, keepdims=True)
    mean = (there @ np.asarray(taxonomy.colours, np.float32)) / np.maximum(number, 1)
    out = np.where(number > 0, (1 - alpha) * image + alpha * mean, image)
    _hatch(out, image, (planes == IGNORE).all(-1), top)
    if outline:
        for plane, colour in enumerate(taxonomy.colours):
            inside = label[..., plane] == 1
            out[borders(inside)[: len(image)]] = colour
    return out


def _hatch(out: np.ndarray, image: np.ndarray, ignored: np.ndarray, top: int) -> None:
    """Ignored pixels of a strip that begins at row `top` keep the image, hatched."""
    out[ignored] = image[ignored]
    rows, columns = np.ogrid[top : top + len(image), : image.shape[1]]
    stripe = (rows + columns) % 8
    out[ignored & (stripe == 0)] *= 0.4
    out[ignored & (stripe == 1)] += 70
