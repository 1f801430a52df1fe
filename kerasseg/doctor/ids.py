"""From the pixels of a mask to class ids, without stopping at what does not fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kerasseg.taxonomy import IGNORE, Taxonomy

UNKNOWN = -1
"""Id of a pixel whose colour names no class."""


@dataclass(frozen=True)
class Reading:
    """How masks are to be understood; classes: None where nothing names them."""

    classes: Taxonomy | None = None
    by_colour: bool = False
    binary: bool = False


def ids_of(pixels: np.ndarray, palette, reading: Reading) -> tuple[np.ndarray, list]:
    """(H, W) int32 ids, `UNKNOWN` where no class has the colour, and those colours.

    The colours are (R, G, B) tuples, most frequent first.
    """
    if reading.binary:
        bright = pixels if palette is None else palette[np.minimum(pixels, 255)]
        bright = bright if bright.ndim == 2 else bright.max(-1)
        return (bright > 127).astype(np.int32), []
    if palette is not None and reading.by_colour:
        indices = np.arange(256) < len(palette)
        colours = np.zeros((256, 3), np.uint8)
        colours[indices] = palette[:256]
        ids, _ = _by_colour(colours[None], reading.classes)
        table = ids[0]
        table[IGNORE] = IGNORE  # index 255 stays ignore, as `prepare folder` has it
        out = table[np.clip(pixels, 0, 255)]
        used = np.unique(pixels[out == UNKNOWN])
        return out, [tuple(map(int, colours[i])) for i in used]
    if pixels.ndim == 3:
        if reading.by_colour:
            return _by_colour(pixels, reading.classes)
        if (pixels == pixels[..., :1]).all():
            return pixels[..., 0].astype(np.int32), []  # gray ids, saved as RGB
        return _by_colour(pixels, None)
    return pixels.astype(np.int32), []


def _by_colour(rgb: np.ndarray, classes: Taxonomy | None) -> tuple[np.ndarray, list]:
    packed = rgb.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)
    present, inverse, counts = np.unique(packed, return_inverse=True, return_counts=1)
    table = {} if classes is None else {0: IGNORE}
    for i, (red, green, blue) in enumerate(classes.colours if classes else ()):
        table[(red << 16) + (green << 8) + blue] = i
    ids = np.array([table.get(int(c), UNKNOWN) for c in present], np.int32)
    order = np.argsort(-counts, kind="stable")
    unknown = [int(present[i]) for i in order if ids[i] == UNKNOWN]
    colours = [(c >> 16, c >> 8 & 255, c & 255) for c in unknown]
    return ids[inverse].reshape(rgb.shape[:2]), colours
