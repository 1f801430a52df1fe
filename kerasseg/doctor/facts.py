"""Facts about one image and its mask, which the checks judge: numbers, never pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from kerasseg import UserError
from kerasseg.data.datasets.folder_files import fit
from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.masks.mask_decoders import Stored
from kerasseg.data.reading.masks.mask_layers import Layers, MaskFile
from kerasseg.data.reading.pictures.picture import Picture, Source
from kerasseg.data.writing.check import counts_of_planes
from kerasseg.doctor import edge_agreement, fingerprint, images
from kerasseg.doctor.images import BandFacts, ImageSet, OtherFormatError, Shot
from kerasseg.doctor.interpolation import in_between
from kerasseg.doctor.mask_ids import Mask, MaskFormat, one_number, understood
from kerasseg.image_format import ImageFormat
from kerasseg.volume_format import VolumeGeometry


class Files(NamedTuple):
    """What holds an image and its mask: files, or what was unpacked from a record.

    mask: None where the image has none and shows nothing (--negatives background).
    """

    image: Source | Picture
    mask: MaskFile | Stored | None


@dataclass(frozen=True, eq=False, slots=True)
class Entry:
    """One pair of a source.

    id: the name of its sample. image, mask: what messages call the two files.
    read: gives both; of a volume the slice with most classes, to be drawn.
    volume: where the voxels of a volume lie; None: a picture.
    """

    split: str
    id: str
    image: str
    mask: str
    read: Callable[[], Files]
    volume: VolumeGeometry | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Facts:
    """What the doctor keeps of a pair.

    error: why it cannot be read; then nothing else is known. other: the format of an
    image that has not the bands or type of the set; it has an error too.
    refused: why `prepare folder` would not read the mask; "" if it would.
    stored, size: (height, width) of the image as stored, and upright.
    bands: see there.
    image_colours, mask_colours: different colours on every fourth row and column.
    ids, counts: ids of the mask and their pixels; -1 for colours of no class. Where
        classes overlap a pixel counts for each, and as ignored if it is so for all.
    area: pixels of the mask.
    colours: those colours, most frequent first, `COLOURS` at most; unknown: how many.
    grays: pixels of a binary mask that are neither 0 nor 255, as a share.
    between, between_kinds: see `interpolation.in_between`.
    margin: see `edge_agreement.margin`; nan where nothing can be said.
    turn: how the label should be turned to fit, where the margin is below 0.
    """

    entry: Entry
    error: str = ""
    other: ImageFormat | None = None
    refused: str = ""
    stored: tuple[int, int] = (0, 0)
    size: tuple[int, int] = (0, 0)
    mask_size: tuple[int, int] = (0, 0)
    orientation: int = 1
    bands: BandFacts | None = None
    image_colours: int = 0
    mask_colours: int = 0
    ids: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    counts: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    area: int = 0
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


def decode(entry: Entry, files: Files, images_are: ImageSet) -> tuple[Shot, Mask]:
    """The image and its mask.

    Raises UserError that names the file, as `prepare` would.
    """
    try:
        shot = images.shot_of(files.image, images_are)
        if files.mask is None:
            nothing = Stored(np.zeros(shot.pixels.shape[:2], np.uint8))
            return shot, Mask(EmbeddedFile(entry.mask, b""), nothing, empty=True)
        if isinstance(files.mask, Stored):
            return shot, Mask(EmbeddedFile(f"mask {entry.mask}", b""), files.mask)
        return shot, Mask.read(files.mask)
    except UserError as error:
        text = str(error)
        for file, name in (
            (files.image, f"image {entry.image}"),
            (files.mask, f"mask {entry.mask}"),
        ):
            if not isinstance(file, Picture | Stored | Layers):
                text = text.replace(f"Mask {file}", str(file)).replace(str(file), name)
        if isinstance(error, OtherFormatError):
            raise OtherFormatError(text, error.own) from error
        raise UserError(text) from error


def facts_of(
    entry: Entry,
    read: Callable[[], Files],
    masks: MaskFormat,
    images_are: ImageSet | None = None,
) -> tuple[Facts, np.ndarray | None]:
    """The facts of a pair, and its `edge_agreement.agreement`, to be summed."""
    images_are = images_are or ImageSet()
    try:
        shot, mask = decode(entry, read(), images_are)
        ids, colours, refused = understood(mask, masks)
    except OtherFormatError as error:
        return Facts(entry, str(error), error.own), None
    except (OSError, UserError) as error:
        return Facts(entry, str(error)), None
    size = shot.pixels.shape[:2]
    ids = fit(ids, size, images_are.mask_fit, masks.ignore)
    number = one_number(ids, masks.ignore)
    shot = _without_unmeasured(shot, number == masks.ignore, images_are.format)
    pixels = ids if mask.stored is None else mask.stored.pixels
    planes = images.planes(shot, images_are.format)
    learned = ids  # records hold ignore where nothing was measured
    if shot.valid is not None and ids.shape[:2] == size:
        learned = ids.copy()
        learned[~shot.valid] = masks.ignore
    used, counts = _counted(learned)
    between, kinds = in_between(ids) if ids.ndim == 2 else (0.0, 0)
    sums, margin, turn = None, float("nan"), ""
    if ids.shape[:2] == size:
        sums = edge_agreement.agreement(planes, number)
    if sums is not None:
        margin = edge_agreement.margin(sums)
        if margin < 0:
            turn = edge_agreement.better_turn(planes, number)
    facts = Facts(
        entry,
        refused=refused,
        stored=size[::-1] if shot.turn >= 5 else size,
        size=size,
        mask_size=ids.shape[:2],
        orientation=shot.turn,
        bands=images.bands_of(shot, images_are.format),
        image_colours=_colours(shot.pixels),
        mask_colours=_colours(pixels),
        ids=used,
        counts=counts,
        area=number.size,
        colours=tuple(colours[:COLOURS]),
        unknown=len(colours),
        grays=_grays(pixels) if masks.binary else 0.0,
        between=between,
        between_kinds=kinds,
        margin=margin,
        turn=turn,
        digest=fingerprint.digest(shot.pixels),
        thumbnail=fingerprint.thumbnail(images.gray(planes)),
    )
    return facts, sums


def _without_unmeasured(
    shot: Shot, ignored: np.ndarray, image_format: ImageFormat
) -> Shot:
    """Records hold 0 in all bands, and ignore as the label, where nothing was measured.
    In ordinary pictures black is a colour."""
    if (
        image_format.is_picture
        or shot.valid is not None
        or ignored.shape != _size(shot)
    ):
        return shot
    nothing = ignored & (shot.pixels == 0).all(-1)
    return replace(shot, valid=~nothing) if nothing.any() else shot


def _size(shot: Shot) -> tuple[int, int]:
    return shot.pixels.shape[:2]


def _counted(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if ids.ndim == 3:
        counts = counts_of_planes(ids)
        used = np.flatnonzero(counts)
        return used.astype(np.int32), counts[used]
    if ids.min() >= -1 and ids.max() < 1024:  # many times faster than sorting
        counts = np.bincount(ids.ravel() + 1)
        used = np.flatnonzero(counts)
        return (used - 1).astype(np.int32), counts[used]
    used, counts = np.unique(ids, return_counts=True)
    return used[:1024], counts[:1024]


def _colours(pixels: np.ndarray) -> int:
    """Different colours, or combinations of values of any bands."""
    some = pixels[::4, ::4]
    if some.ndim == 3 and some.shape[-1] == 3 and some.dtype == np.uint8:
        some = some.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)
    elif some.ndim == 3:
        rows = np.ascontiguousarray(some).reshape(-1, some.shape[-1])
        some = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[-1])))
    return len(np.unique(some))


def _grays(pixels: np.ndarray) -> float:
    levels = pixels if pixels.ndim == 2 else pixels.max(-1)
    return float(((levels > 1) & (levels < 254)).mean())
