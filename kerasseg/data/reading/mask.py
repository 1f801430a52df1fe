"""Reads mask files: pixels as they are stored, and the class ids they stand for.

`prepare folder` writes what `class_ids` gives. The doctor asks the same function, so it
calls nothing healthy that `prepare` would refuse.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.legend import Legend
from kerasseg.data.reading.mask_decoders import decode
from kerasseg.taxonomy import IGNORE

MIDDLE = 127
"""Gray level above which a pixel of a binary mask is foreground."""


def read_mask(file: Path | EmbeddedFile) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels of a mask as they are stored, and its palette; for data sets of one kind.

    (H, W) numbers for gray and palette files (the indices, not their colours), with the
    palette as (n, 3) uint8 or None; (H, W, 3) uint8 for colours. Alpha is dropped.
    Turned upright as EXIF says.

    Raises UserError that names the file where it cannot be decoded.
    """
    stored = decode(file)
    return stored.pixels, stored.palette


def marked(pixels: np.ndarray) -> np.ndarray:
    """(H, W) bool: the pixels of a mask that are not 0, or not black."""
    return (pixels if pixels.ndim == 3 else pixels[..., None]).astype(bool).max(-1)


def paint(pixels: np.ndarray, palette: np.ndarray | None) -> np.ndarray:
    """The colours of palette indices, (H, W, 3) uint8; without a palette `pixels`.

    Raises UserError for an index that the palette does not have.
    """
    if palette is None:
        return pixels
    if pixels.size and pixels.max() >= len(palette):
        raise UserError(
            f"It holds index {pixels.max()}, its palette has {len(palette)} colours. "
            "Save the mask again with its whole palette."
        )
    return palette[pixels]


def class_ids(
    pixels: np.ndarray, palette: np.ndarray | None, legend: Legend, binary: bool
) -> np.ndarray:
    """(H, W) uint8 class ids of what `read_mask` gives; 255 = ignore.

    Gray levels and palette indices are the ids. Where the legend gives colours, palette
    and colour masks are read by colour. binary: 1 where a mask is brighter than half.

    Raises UserError for colours that the legend does not name, and for numbers that are
    not whole or not within 0 to 255. Its text does not name the file.
    """
    if binary:
        bright = paint(pixels, palette)
        bright = bright if bright.ndim == 2 else bright.max(-1)
        return (bright > MIDDLE).astype(np.uint8)
    if palette is not None and legend.colours:
        ids = np.full(256, IGNORE, np.uint8)  # index 255 stays ignore
        used = np.setdiff1d(pixels, [IGNORE])
        ids[used] = legend.taxonomy().from_colours(paint(used[None], palette))[0]
        return ids[pixels]
    if pixels.ndim == 3:
        return _of_colours(pixels, legend)
    return _of_numbers(pixels)


def _of_numbers(pixels: np.ndarray) -> np.ndarray:
    low, high = pixels.min(), pixels.max()
    if not (low >= 0 and high <= IGNORE):  # NaN is neither
        raise UserError(
            f"It holds ids {low} to {high}; class ids are 0 to 254, and 255 = ignore."
        )
    ids = pixels.astype(np.uint8)
    if pixels.dtype.kind == "f" and (ids != pixels).any():
        raise UserError(
            f"It holds {pixels[ids != pixels][0]}; class ids are whole numbers. Export "
            "the mask again, resized by nearest neighbour."
        )
    return ids


def _of_colours(pixels: np.ndarray, legend: Legend) -> np.ndarray:
    if legend.colours:
        return legend.taxonomy().from_colours(pixels)
    if (pixels == pixels[..., :1]).all():
        return pixels[..., 0]  # gray ids, saved as RGB
    colours = np.unique(pixels.reshape(-1, 3), axis=0)
    some = ", ".join(str(tuple(c)) for c in colours[:6].tolist())
    raise UserError(
        f"It holds colours ({len(colours)}, such as {some}). Say which class each is: "
        "lines 'name R G B' in classes.txt."
    )
