"""Facts about one image and its mask, which the checks judge: numbers, never pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.image import READ_AGAIN, read_upright
from kerasseg.data.reading.mask_layers import MaskFile
from kerasseg.doctor import edge_agreement, fingerprint
from kerasseg.doctor.interpolation import in_between
from kerasseg.doctor.mask_ids import Mask, MaskFormat, understood

Bytes = tuple[bytes, bytes | MaskFile]
"""The files of an image and of its mask; a mask of several files as it is."""


@dataclass(frozen=True, eq=False, slots=True)
class Entry:
    """One pair of a source.

    id: the name of its sample. image, mask: what messages call the two files.
    read: gives the bytes of both.
    """

    split: str
    id: str
    image: str
    mask: str
    read: Callable[[], Bytes]


@dataclass(frozen=True, eq=False, slots=True)
class Facts:
    """What the doctor keeps of a pair.

    error: why it cannot be read; then nothing else is known.
    refused: why `prepare folder` would not read the mask; "" if it would.
    stored, size: (height, width) of the image as stored, and upright.
    image_colours, mask_colours: different colours on every fourth row and column.
    ids, counts: ids of the mask and their pixels; -1 for colours of no class.
    colours: those colours, most frequent first, `COLOURS` at most; unknown: how many.
    grays: pixels of a binary mask that are neither 0 nor 255, as a share.
    between, between_kinds: see `interpolation.in_between`.
    margin: see `edge_agreement.margin`; nan where nothing can be said.
    turn: how the label should be turned to fit, where the margin is below 0.
    """

    entry: Entry
    error: str = ""
    refused: str = ""
    stored: tuple[int, int] = (0, 0)
    size: tuple[int, int] = (0, 0)
    mask_size: tuple[int, int] = (0, 0)
    orientation: int = 1
    blank: bool = False
    image_colours: int = 0
    mask_colours: int = 0
    ids: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    counts: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    colours: tuple = ()
    unknown: int = 0
    grays: float = 0.0
    between: float = 0.0
    between_kinds: int = 0
    margin: float = float("nan")
    turn: str = ""
    digest: bytes = b""
    thumbnail: np.ndarray | None = None

    def pixels(self, wanted: int) -> int:
        """Pixels of an id."""
        return int(self.counts[self.ids == wanted].sum())


COLOURS = 24
"""Colours of no class that are kept of a mask, at most."""
BLANK = 1.0
"""Standard deviation below which an image shows nothing: the darkest of the 110 DSB
nuclei images has 2.4 gray levels."""


def decode(entry: Entry, data: Bytes) -> tuple[np.ndarray, int, Mask]:
    """Image upright, its EXIF orientation, and its mask.

    Raises UserError that names the file, as `prepare` would.
    """
    image, orientation = read_upright(EmbeddedFile(f"image {entry.image}", data[0]))
    file = data[1]
    if isinstance(file, bytes):
        file = EmbeddedFile(f"mask {entry.mask}", file)
    return image, orientation, Mask.read(file)


def facts_of(
    entry: Entry, read: Callable[[], Bytes], masks: MaskFormat
) -> tuple[Facts, np.ndarray | None]:
    """The facts of a pair, and its `edge_agreement.agreement`, to be summed."""
    try:
        image, orientation, mask = decode(entry, read())
        ids, colours, refused = understood(mask, masks)
    except (OSError, UserError) as error:
        return Facts(entry, str(error).removesuffix(READ_AGAIN)), None
    pixels = ids if mask.stored is None else mask.stored.pixels
    used, counts = _counted(ids)
    between, kinds = in_between(ids)
    sums, margin, turn = None, float("nan"), ""
    if ids.shape == image.shape[:2]:
        sums = edge_agreement.agreement(image, ids.astype(np.float32))
    if sums is not None:
        margin = edge_agreement.margin(sums)
        if margin < 0:
            turn = edge_agreement.better_turn(image, ids.astype(np.float32))
    size = image.shape[:2]
    facts = Facts(
        entry,
        refused=refused,
        stored=size[::-1] if orientation >= 5 else size,
        size=size,
        mask_size=ids.shape,
        orientation=orientation,
        blank=float(image.std()) < BLANK,
        image_colours=_colours(image),
        mask_colours=_colours(pixels),
        ids=used,
        counts=counts,
        colours=tuple(colours[:COLOURS]),
        unknown=len(colours),
        grays=_grays(pixels) if masks.binary else 0.0,
        between=between,
        between_kinds=kinds,
        margin=margin,
        turn=turn,
        digest=fingerprint.digest(image),
        thumbnail=fingerprint.thumbnail(image),
    )
    return facts, sums


def _counted(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if ids.min() >= -1 and ids.max() < 1024:  # many times faster than sorting
        counts = np.bincount(ids.ravel() + 1)
        used = np.flatnonzero(counts)
        return (used - 1).astype(np.int32), counts[used]
    used, counts = np.unique(ids, return_counts=True)
    return used[:1024], counts[:1024]


def _colours(pixels: np.ndarray) -> int:
    some = pixels[::4, ::4]
    if some.ndim == 3:
        some = some.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)
    return len(np.unique(some))


def _grays(pixels: np.ndarray) -> float:
    levels = pixels if pixels.ndim == 2 else pixels.max(-1)
    return float(((levels > 1) & (levels < 254)).mean())
