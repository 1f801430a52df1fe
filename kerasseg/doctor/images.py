"""Reads images as `prepare` does, measures their bands, and makes pictures of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.pictures.fitted import fitted, valid_of
from kerasseg.data.reading.pictures.image import read
from kerasseg.data.reading.pictures.picture import Picture, ReadOptions, Source
from kerasseg.drawing.bands import PERCENTILES, shown
from kerasseg.image_format import RGB, ImageFormat

ENOUGH = 500_000
"""Pixels of an image from which the numbers of its bands are taken, on a grid."""
LEVELS = 16
"""Values below which a band is a map of kinds (clouds, land cover), no measurement."""
FEW = 60_000
"""The same for the number of different values."""


@dataclass(frozen=True)
class ImageSet:
    """How the images of a source are to be read.

    format: of all images; where they differ that of most of them. options: for reading.
    mask_fit: what is done with masks of another size, see `prepare folder`.
    refusal: why `prepare` would not take these images together; None if it would.
    """

    format: ImageFormat = RGB
    options: ReadOptions = field(default_factory=ReadOptions)
    mask_fit: Literal["exact", "stretch", "crop"] = "exact"
    refusal: UserError | None = None


class OtherFormatError(UserError):
    """An image that has other bands or another type than the others."""

    def __init__(self, message: str, own: ImageFormat) -> None:
        super().__init__(message)
        self.own = own


@dataclass(frozen=True, eq=False)
class Shot:
    """An image that has been read.

    pixels: (H, W, C) of the set's format, upright, 0 where nothing was measured. valid:
    (H, W) where something was, or None for everywhere. turn: EXIF orientation, 1..8.
    """

    pixels: np.ndarray
    valid: np.ndarray | None = None
    turn: int = 1


def shot_of(source: Source | Picture, images: ImageSet) -> Shot:
    """The image as `prepare` would write it.

    Raises UserError that names the file, as `prepare` would; OtherFormatError where
    its bands or type are others than those of the set.
    """
    found = source if isinstance(source, Picture) else read(source, images.options)
    try:
        pixels = fitted(found, images.format, source)
    except UserError as error:
        own = ImageFormat.of(found.bands, found.pixels.dtype.name)
        raise OtherFormatError(str(error), own) from error
    return Shot(pixels, valid_of(found, images.format), found.turn)


@dataclass(frozen=True, eq=False, slots=True)
class BandFacts:
    """Numbers about the bands of an image, of its valid pixels; arrays are (C,).

    smallest, largest, mean, deviation: of the values. at_largest: share of the pixels
    that hold the largest one. levels: how many different values there are. structure:
    correlation of each pixel with its right neighbour, of the band with most of it.
    invalid: share of all pixels where nothing was measured. empty, at_empty: the value
    that all bands have together most often, of those that may mean "nothing was
    measured", and the share of the pixels where they do.
    """

    smallest: np.ndarray
    largest: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    at_largest: np.ndarray
    levels: np.ndarray
    structure: float = 1.0
    invalid: float = 0.0
    empty: float = 0.0
    at_empty: float = 0.0


def bands_of(shot: Shot, image_format: ImageFormat) -> BandFacts:
    """The numbers of an image, from a grid of `ENOUGH` pixels at most."""
    step = _step(shot.pixels, ENOUGH)
    some = shot.pixels[::step, ::step]
    valid = None if shot.valid is None else shot.valid[::step, ::step]
    flat = some.reshape(-1, some.shape[-1]) if valid is None else some[valid]
    invalid = 0.0 if shot.valid is None else 1 - float(shot.valid.mean())
    if not len(flat):
        none = np.zeros(some.shape[-1])
        return BandFacts(none, none, none, none, none, none, invalid=1.0)
    planes = np.ascontiguousarray(flat.T)
    largest = planes.max(1)
    deviation = planes.std(1, dtype=np.float64)
    fewer = planes[:, :: max(1, planes.shape[1] // FEW)]
    return BandFacts(
        planes.min(1).astype(np.float64),
        largest.astype(np.float64),
        planes.mean(1, dtype=np.float64),
        deviation,
        (planes == largest[:, None]).mean(1),
        np.array([len(np.unique(plane)) for plane in fewer]),
        _structure(shot.pixels, step, deviation),
        invalid,
        *_empty(planes, image_format),
    )


def _step(pixels: np.ndarray, most: int) -> int:
    return max(1, int(np.ceil(np.sqrt(pixels.shape[0] * pixels.shape[1] / most))))


def _structure(pixels: np.ndarray, step: int, deviation: np.ndarray) -> float:
    """Noise has 0, anything that can be seen has more."""
    band = int(deviation.argmax())
    if pixels.dtype == np.uint8 and deviation[band] > 2:
        return 1.0  # far from any doubt
    if deviation[band] == 0 or pixels.shape[1] < 3:
        return 0.0
    rows = pixels[::step, :, band].astype(np.float64)
    left, right = rows[:, :-1].ravel(), rows[:, 1:].ravel()
    if left.std() == 0 or right.std() == 0:
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])


def _empty(planes: np.ndarray, image_format: ImageFormat) -> tuple[float, float]:
    """See `BandFacts`. Black belongs to ordinary pictures, and a single band holds 0
    for many reasons."""
    if image_format.is_picture:
        return 0.0, 0.0
    candidates = [-9999.0, *image_format.limits]
    if len(planes) > 1:
        candidates.append(0.0)
    if planes.dtype == np.uint8:
        candidates = [value for value in candidates if value == 0]
    shares = {
        value: float((planes == value).all(0).mean())
        for value in dict.fromkeys(candidates)
        if np.isfinite(value)
        and image_format.limits[0] <= value <= image_format.limits[1]
    }
    if not shares:
        return 0.0, 0.0
    return max(shares.items(), key=lambda pair: pair[1])


def picture(shot: Shot, image_format: ImageFormat) -> np.ndarray:
    """uint8 RGB (H, W, 3) to look at: the bands to display."""
    return shown(shot.pixels, image_format)


def planes(shot: Shot, image_format: ImageFormat) -> np.ndarray:
    """What edges are looked for in: an ordinary picture as it is, uint8 RGB (H, W, 3).

    Of other images float32 (H, W, C): the bands that measure something, each brought
    from its own percentiles to 0..255.
    """
    if image_format.is_picture:
        return shown(shot.pixels, image_format)
    step = _step(shot.pixels, ENOUGH)
    some = shot.pixels[::step, ::step]
    if shot.valid is not None:
        some = some[shot.valid[::step, ::step]]
    some = some.reshape(-1, shot.pixels.shape[-1])
    found = []
    for band in range(some.shape[-1] if len(some) else 0):
        values = some[:, band]
        if len(np.unique(values[:: max(1, len(values) // FEW)])) <= LEVELS:
            continue
        low, high = map(float, np.percentile(values, PERCENTILES))
        if high <= low:  # where nearly all is one value: its whole range
            low, high = float(values.min()), float(values.max())
        plane = shot.pixels[..., band].astype(np.float32)
        plane = ((plane - low) * (255 / (high - low))).clip(0, 255)
        if shot.valid is not None:  # no edges where nothing was measured
            plane[~shot.valid] = plane[shot.valid].mean()
        found.append(plane)
    if not found:
        return shown(shot.pixels, image_format)
    return np.stack(found, -1)


def gray(planes: np.ndarray) -> np.ndarray:
    """uint8 RGB (H, W, 3) of what `planes` gave, to measure likeness: the mean of the
    bands as gray, an ordinary picture as it is."""
    if planes.dtype == np.uint8:
        return planes
    mean = np.round(planes.mean(-1)).astype(np.uint8)
    return np.repeat(mean[..., None], 3, -1)
