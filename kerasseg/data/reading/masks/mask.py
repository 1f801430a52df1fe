"""Reads mask files of data sets whose masks are all of one known kind.

Where that is to be found out, `mask_rule.rule_for` does, and `mask_labels.label_of`
reads by it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.masks.mask_decoders import decode


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
