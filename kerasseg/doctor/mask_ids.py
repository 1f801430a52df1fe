"""Reads the class ids of a mask, and counts the values that are not class ids.

`class_ids` of kerasseg.data.reading.mask, which `prepare` uses, refuses such
a mask; `facts` keeps what it says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kerasseg.data.reading.legend import Legend
from kerasseg.data.reading.mask import MIDDLE
from kerasseg.taxonomy import IGNORE, Taxonomy

UNKNOWN = -1
"""Id of a pixel whose colour names no class."""


@dataclass(frozen=True)
class MaskFormat:
    """How the masks of a source are to be understood.

    classes: None where nothing names them. by_colour: colours stand for the classes.
    binary: 0 is background, 255 foreground.
    """

    classes: Taxonomy | None = None
    by_colour: bool = False
    binary: bool = False

    @property
    def legend(self) -> Legend:
        """The same for `class_ids`."""
        if self.classes is None:
            return Legend()
        return Legend(self.classes.names, self.classes.colours * self.by_colour)


def ids_of(
    pixels: np.ndarray, palette: np.ndarray | None, masks: MaskFormat
) -> tuple[np.ndarray, list[tuple[int, int, int]]]:
    """(H, W) int32 ids, `UNKNOWN` where no class has the colour, and those colours.

    The colours are (R, G, B), most frequent first. pixels, palette: of `read_mask`.
    """
    colours = np.zeros((256, 3), np.uint8)
    if palette is not None:
        colours[: len(palette)] = palette[:256]
    if masks.binary:
        bright = pixels if palette is None else colours[pixels]
        bright = bright if bright.ndim == 2 else bright.max(-1)
        return (bright > MIDDLE).astype(np.int32), []
    if palette is not None and masks.by_colour:
        ids, _ = _by_colour(colours[None], masks.classes)
        table = ids[0]
        table[IGNORE] = IGNORE  # index 255 stays ignore, as `prepare folder` has it
        out = table[pixels]
        used = np.unique(pixels[out == UNKNOWN])
        return out, [_rgb(colours[i]) for i in used]
    if pixels.ndim == 3:
        if masks.by_colour:
            return _by_colour(pixels, masks.classes)
        if (pixels == pixels[..., :1]).all():
            return pixels[..., 0].astype(np.int32), []  # gray ids, saved as RGB
        return _by_colour(pixels, None)
    if pixels.dtype.kind == "f":  # what is no number becomes an id that nothing has
        pixels = np.nan_to_num(pixels, nan=-2, posinf=1 << 20, neginf=-2)
    return pixels.astype(np.int32), []


def _by_colour(
    rgb: np.ndarray, classes: Taxonomy | None
) -> tuple[np.ndarray, list[tuple[int, int, int]]]:
    packed = rgb.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)
    present, inverse, counts = np.unique(
        packed, return_inverse=True, return_counts=True
    )
    table = {} if classes is None else {0: IGNORE}
    for i, (red, green, blue) in enumerate(classes.colours if classes else ()):
        table[(red << 16) + (green << 8) + blue] = i
    ids = np.array([table.get(int(c), UNKNOWN) for c in present], np.int32)
    order = np.argsort(-counts, kind="stable")
    unknown = [int(present[i]) for i in order if ids[i] == UNKNOWN]
    colours = [(c >> 16, c >> 8 & 255, c & 255) for c in unknown]
    return ids[inverse].reshape(rgb.shape[:2]), colours


def _rgb(colour: np.ndarray) -> tuple[int, int, int]:
    red, green, blue = map(int, colour)
    return red, green, blue
