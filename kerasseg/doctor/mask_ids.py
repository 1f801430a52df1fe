"""Reads the class ids of a mask, and counts the values that are not class ids.

What `prepare` would write, `label_of` says by the rule of the data set. Where there is
no rule, or a mask does not fit it, ids are read as well as can be, to find the fault.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.masks.mask_decoders import Stored
from kerasseg.data.reading.masks.mask_labels import Rule, label_of, label_of_stored
from kerasseg.data.reading.masks.mask_layers import Layers, MaskFile, stored
from kerasseg.taxonomy import IGNORE, Taxonomy

UNKNOWN = -1
"""Id of a pixel whose colour names no class."""
MIDDLE = 127
"""Gray level above which a pixel of a binary mask is foreground."""
LARGEST = 1 << 30
"""Ids are cut to this, so that they fit 32 bits."""


@dataclass(frozen=True)
class MaskFormat:
    """How the masks of a source are to be understood.

    classes: None where nothing names them. by_colour: colours stand for the classes.
    binary: two values, background and foreground. rule: by which `prepare` reads them.
    refusal: why it would not; then there is no rule. background: the class of images
    that have no mask (--negatives background). prepared: name of the data set whose
    records these are; "" for a folder.
    """

    classes: Taxonomy | None = None
    by_colour: bool = False
    binary: bool = False
    rule: Rule | None = None
    refusal: UserError | None = None
    background: int = 0
    prepared: str = ""

    @property
    def planes(self) -> tuple[int, ...]:
        """(K,) where classes overlap, else ()."""
        return self.classes.planes if self.classes else ()

    @property
    def ignore(self) -> int:
        """The id of ignored pixels."""
        return self.classes.ignore if self.classes else IGNORE


@dataclass(frozen=True)
class Mask:
    """A mask that has been read. stored: what its file holds; None for `Layers`. empty:
    there is none, for its image shows nothing."""

    file: MaskFile
    stored: Stored | None
    empty: bool = False

    @classmethod
    def read(cls, file: MaskFile) -> Mask:
        """Raises UserError that names a file which cannot be decoded."""
        return cls(file, None if isinstance(file, Layers) else stored(file))


def ids_of(mask: Mask, masks: MaskFormat) -> tuple[np.ndarray, list]:
    """(H, W) int32 ids, `UNKNOWN` where no class has the colour, and those colours;
    where classes overlap (H, W, K) of 0, 1 and 255.

    The colours are (R, G, B), most frequent first.
    """
    return understood(mask, masks)[:2]


def understood(
    mask: Mask, masks: MaskFormat
) -> tuple[np.ndarray, list[tuple[int, int, int]], str]:
    """The same, and why `prepare` would not read this mask; "" if it would."""
    refused = ""
    if mask.empty and mask.stored is not None:
        shape = *mask.stored.pixels.shape, *masks.planes
        return np.full(shape, masks.background, np.int32), [], ""
    if masks.planes and masks.prepared and mask.stored is not None:
        return mask.stored.pixels.astype(np.int32), [], ""
    if masks.rule is not None:
        try:
            layers = masks.rule.kind == "layers"
            if layers or mask.stored is None or isinstance(mask.file, Layers):
                label = label_of(mask.file, masks.rule)
            else:
                label = label_of_stored(mask.stored, mask.file, masks.rule)
            return label.astype(np.int32), [], ""
        except UserError as error:
            refused = str(error)
    if mask.stored is None:
        raise UserError(refused or f"{mask.file} is one layer of several.")
    ids, colours = _as_well_as_can_be(mask.stored, masks)
    return ids, colours, refused


def one_number(label: np.ndarray, ignore: int) -> np.ndarray:
    """float32 (H, W): a number that differs where labels do. Ids are one already; of
    planes each combination gets one, and pixels that are ignored for all get `ignore`.
    """
    if label.ndim == 2:
        return label.astype(np.float32)
    # Sums of random whole numbers; float32 holds them to 2^24.
    factors = np.random.default_rng(0).integers(1, 1 << 22, label.shape[-1])
    values = np.where(label == IGNORE, 2, label)
    combined = (values @ factors + ignore + 1) % (1 << 24)
    return np.where((label == IGNORE).all(-1), ignore, combined).astype(np.float32)


def _as_well_as_can_be(
    found: Stored, masks: MaskFormat
) -> tuple[np.ndarray, list[tuple[int, int, int]]]:
    pixels, palette = found.pixels, found.palette
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
        table[IGNORE] = masks.ignore  # index 255 stays ignore
        out = table[pixels]
        used = np.unique(pixels[out == UNKNOWN])
        return out, [_rgb(colours[i]) for i in used]
    if pixels.ndim == 3:
        if pixels.shape[-1] != 3:
            return np.full(pixels.shape[:2], LARGEST, np.int32), []
        if masks.by_colour:
            return _by_colour(pixels, masks.classes)
        if (pixels == pixels[..., :1]).all():
            return pixels[..., 0].astype(np.int32), []  # gray ids, saved as RGB
        return _by_colour(pixels, None)
    if pixels.dtype.kind == "f":  # what is no number becomes an id that nothing has
        pixels = np.nan_to_num(pixels, nan=-2, posinf=LARGEST, neginf=-LARGEST)
    return np.clip(pixels, -LARGEST, LARGEST).astype(np.int32), []


def _by_colour(
    rgb: np.ndarray, classes: Taxonomy | None
) -> tuple[np.ndarray, list[tuple[int, int, int]]]:
    packed = rgb.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)
    present, inverse, counts = np.unique(
        packed, return_inverse=True, return_counts=True
    )
    table = {} if classes is None else {0: classes.ignore}
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
