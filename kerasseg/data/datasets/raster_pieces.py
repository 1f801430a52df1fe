"""Pieces of maps: windows of rasters with their labels, looked at and read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.maps import raster_labels, vectors
from kerasseg.data.reading.maps.raster import Raster, Window
from kerasseg.data.reading.maps.regions import Box, Place
from kerasseg.data.reading.masks.mask_labels import Rule
from kerasseg.data.reading.masks.mask_survey import Look
from kerasseg.data.reading.pictures.fitted import fitted, valid_of
from kerasseg.data.sample import Sample
from kerasseg.image_format import ImageFormat

LabelRule = Rule | vectors.VectorRule
ROUNDING = 1e-6
"""Pixels by which a computed border may be off."""


@dataclass(frozen=True)
class Piece:
    """A window of a raster, and its label.

    label: a raster, or the file of features. block: of neighbouring pieces, see
    `regions`. near: boxes around pieces of val, in the coordinates of the raster, where
    this piece's label is ignored.
    """

    id: str
    image: Raster
    window: Window
    label: Raster | Path
    block: str = ""
    near: tuple[Box, ...] = ()


@dataclass(frozen=True)
class Seen:
    """used: pieces with valid pixels and a label. invalid, empty: how many have no
    valid pixel, or no label. looks: of rasters, what stands under each used piece."""

    used: list[Piece]
    invalid: int
    empty: int
    looks: tuple[Look, ...] = ()

    def without_class(self, rule: Rule) -> Seen:
        """The same, without pieces of ids that are ignored alone."""
        if rule.kind != "ids":
            return self
        codes, ignore = dict(rule.codes), rule.taxonomy.ignore
        used = [
            piece
            for piece, look in zip(self.used, self.looks, strict=True)
            if any(codes.get(value, ignore) != ignore for value in look.counts)
        ]
        return Seen(used, self.invalid, self.empty + len(self.used) - len(used))


def pieces_of(
    one: Raster, label: Raster | Path, images: Path, cut: tuple[int, int]
) -> list[Piece]:
    """The pieces of a raster, from its upper left on; the last ones may be smaller."""
    inside = one.file.relative_to(images) if images.is_dir() else Path(one.file.name)
    name = "_".join(inside.with_suffix("").parts)
    return [
        Piece(
            f"{name}-{top}-{left}",
            one,
            (top, left, min(cut[0], one.height - top), min(cut[1], one.width - left)),
            label,
        )
        for top in range(0, one.height, cut[0])
        for left in range(0, one.width, cut[1])
    ]


def look_at_rasters(
    pieces: Sequence[Piece], image_format: ImageFormat
) -> tuple[list[Look], Seen]:
    """What the label rasters hold under valid pixels: a look for each file, and which
    pieces can be used.

    Raises UserError that names a file that cannot be read.
    """
    used, looks, invalid, empty = [], [], 0, 0
    of_file: dict[Path, list[Look]] = {}
    for piece in pieces:
        valid = _valid(piece, image_format)
        if valid is not None and not valid.any():
            invalid += 1
            continue
        label = _raster(piece)
        found = raster_labels.part(label, piece.image, piece.window)
        look = raster_labels.look(found, valid, label.file)
        of_file.setdefault(label.file, []).append(look)
        if look.counts or look.fraction is not None:
            used.append(piece)
            looks.append(look)
        else:
            empty += 1
    _require(used, pieces)
    together = [raster_labels.together(some) for some in of_file.values()]
    return together, Seen(used, invalid, empty, tuple(looks))


def look_at_features(
    pieces: Sequence[Piece], rule: vectors.VectorRule, image_format: ImageFormat
) -> Seen:
    """Which pieces can be used.

    Raises UserError where no feature lies on any piece, with both places.
    """
    used, invalid, empty, covered = [], 0, 0, False
    for piece in pieces:
        valid = _valid(piece, image_format)
        label = _burned(piece, rule)
        covered |= bool((label != rule.uncovered).any())
        known = label != rule.taxonomy.ignore
        known = known if valid is None else valid & known
        if valid is not None and not valid.any():
            invalid += 1
        elif not known.any():
            empty += 1
        else:
            used.append(piece)
    if not covered and pieces:
        file, image = _file(pieces[0]), pieces[0].image
        whole = replace(pieces[0], window=(0, 0, image.height, image.width))
        raise UserError(
            "No feature lies on an image. West, south, east, north: "
            f"{_box(vectors.bounds_of(rule, file, image))} of {file}, "
            f"{_box(place_of(whole).box)} of {image}. Check their coordinate systems."
        )
    _require(used, pieces)
    return Seen(used, invalid, empty)


def read_piece(
    piece: Piece, cut: tuple[int, int], rule: LabelRule, image_format: ImageFormat
) -> Sample:
    """The sample of a piece, of the size `cut`: what a raster ends short of is mirrored
    at its right and lower border, where the label says ignore."""
    picture = piece.image.picture(piece.window)
    pixels = fitted(picture, image_format, piece.image.file)
    valid = valid_of(picture, image_format)
    if isinstance(rule, Rule):
        label = _raster(piece)
        found = raster_labels.part(label, piece.image, piece.window)
        if valid is not None:  # values under invalid pixels were not looked at
            found = replace(found, outside=found.outside | ~valid)
        ids = raster_labels.ids(found, label.file, rule)
    else:
        ids = _burned(piece, rule)
    ignore = rule.taxonomy.ignore
    if piece.near:
        ids = np.where(hidden(piece), ids.dtype.type(ignore), ids)
    below, right = cut[0] - ids.shape[0], cut[1] - ids.shape[1]
    if below or right:
        grow = ((0, below), (0, right))
        pixels = np.pad(pixels, (*grow, (0, 0)), mode="symmetric")
        ids = np.pad(ids, grow, constant_values=ignore)
        valid = None if valid is None else np.pad(valid, grow, mode="symmetric")
    return Sample(piece.id, pixels, ids, sequence=piece.block, valid=valid)


def hidden(piece: Piece) -> np.ndarray:
    """(h, w) bool: the pixels of a piece that lie near val."""
    top, left, height, width = piece.window
    out = np.zeros((height, width), bool)
    inverse = np.linalg.inv(_matrix(piece.image))
    for west, south, east, north in piece.near:
        x, y, _ = inverse @ np.array(
            [[west, east, west, east], [south, south, north, north], [1, 1, 1, 1]]
        )
        first, last = _whole(y.min() - top, y.max() - top)
        start, end = _whole(x.min() - left, x.max() - left)
        out[first:last, start:end] = True
    return out


def place_of(piece: Piece) -> Place:
    """Where a piece lies. Rasters that say no place lie each in a world of its own."""
    top, left, height, width = piece.window
    x, y, _ = _matrix(piece.image) @ np.array(
        [
            [left, left + width, left, left + width],
            [top, top, top + height, top + height],
            [1, 1, 1, 1],
        ]
    )
    a, b, _, d, e, _ = piece.image.transform
    system = piece.image.crs if piece.image.placed else str(piece.image.file)
    box = float(x.min()), float(y.min()), float(x.max()), float(y.max())
    return Place(system, box, (float(np.hypot(a, d)), float(np.hypot(b, e))))


def block_of(piece: Piece) -> str:
    """The block of a piece: what `--folds` keeps together."""
    return piece.block


def id_of(piece: Piece) -> str:
    """The id of a piece: its raster, row and column in pixels."""
    return piece.id


def _require(used: Sequence[Piece], pieces: Sequence[Piece]) -> None:
    if not used:
        raise UserError(
            f"No piece, such as those of {pieces[0].image}, has both pixels and a "
            f"label from {_file(pieces[0])}. Check that they lie at one place, as "
            "gdalinfo shows."
        )


def _box(bounds: Sequence[float]) -> str:
    return " ".join(f"{value:.8g}" for value in bounds)


def _matrix(image: Raster) -> np.ndarray:
    return np.array([image.transform[:3], image.transform[3:], (0, 0, 1)])


def _whole(low: float, high: float) -> tuple[int, int]:
    """Pixels that an interval touches; those before 0 are left out."""
    return (
        max(0, int(np.floor(low + ROUNDING))),
        max(0, int(np.ceil(high - ROUNDING))),
    )


def _valid(piece: Piece, image_format: ImageFormat) -> np.ndarray | None:
    """Which pixels are valid; read only where the header says that some may not be."""
    own = piece.image.may_be_invalid
    if not own and image_format.nodata is None:
        return None
    return valid_of(piece.image.picture(piece.window), image_format)


def _raster(piece: Piece) -> Raster:
    if isinstance(piece.label, Raster):
        return piece.label
    raise UserError(
        f"{piece.label} holds polygons, and other labels are rasters. Prepare them "
        "apart."
    )


def _file(piece: Piece) -> Path:
    return piece.label.file if isinstance(piece.label, Raster) else piece.label


def _burned(piece: Piece, rule: vectors.VectorRule) -> np.ndarray:
    return vectors.burned(rule, _file(piece), piece.image, piece.window)
