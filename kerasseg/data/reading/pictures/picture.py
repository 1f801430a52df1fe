"""Picture: what a file holds, as it holds it. Header: the same without the pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.embedded_file import EmbeddedFile

READ_AGAIN = " Copy it again, or remove it from the dataset."
"""The end of each message about a file that cannot be decoded."""


@dataclass(frozen=True)
class Page:
    """One page of a file of several, to be read as an image of its own.

    number: counted from 0. Messages count from 1.
    """

    file: Path | EmbeddedFile
    number: int

    def __str__(self) -> str:
        return f"{self.file} page {self.number + 1}"


Source: TypeAlias = Path | EmbeddedFile | Page
"""What can be read as one picture."""


@dataclass(frozen=True)
class ReadOptions:
    """What is done where a file can be understood in several ways.

    alpha: "drop" leaves an alpha channel out, "band" makes it the last band, "valid"
        makes pixels where it is 0 invalid. Colours are never multiplied with it.
    pages: the pages of a file are refused ("ask"), become bands one behind the other,
        or are samples of their own, which `image.pages_of` gives one by one.
    bands: the numbers of the bands to keep, from 0 and in this order; () for all.
    """

    alpha: Literal["drop", "band", "valid"] = "drop"
    pages: Literal["ask", "bands", "samples"] = "ask"
    bands: tuple[int, ...] = ()


@dataclass(frozen=True)
class Header:
    """What a file says of its image.

    height, width: pixels, upright.
    bands, type, nodata: as in `kerasseg.image_format.ImageFormat`.
    pages: images of this size in the file, 1 for most.
    alpha: whether there is an alpha channel, which is not among the bands.
    turn: the EXIF orientation (1..8) by which reading turns it.
    notes: what reading may change, in words for several images.
    """

    height: int
    width: int
    bands: tuple[str, ...]
    type: str
    pages: int = 1
    nodata: float | None = None
    alpha: bool = False
    turn: int = 1
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Picture:
    """An image as its file holds it, upright.

    pixels: (H, W, C) of one of the types of `kerasseg.image_format.TYPES`.
    bands: a name for each of the C bands.
    nodata: the number that means "nothing was measured here", or None.
    valid: (H, W) bool, False where nothing was measured; None where all was.
    place: "crs" ("EPSG:32633" or "") and "transform" (six numbers, as in rasterio) of a
        map; empty for other pictures.
    encoded: the file's own bytes where TensorFlow decodes them to exactly `pixels`,
        else b"".
    turn: the EXIF orientation (1..8) that has been applied.
    notes: what of the file was left out or changed, a sentence each.
    """

    pixels: np.ndarray
    bands: tuple[str, ...]
    nodata: float | None = None
    valid: np.ndarray | None = None
    place: Mapping[str, Any] = field(default_factory=dict)
    encoded: bytes = b""
    turn: int = 1
    notes: tuple[str, ...] = ()


@dataclass(eq=False)
class Stored:
    """Pixels as a format's reader gives them: not turned, of any type.

    pixels: (H, W, C) without alpha. alpha, valid: (H, W) or None. The rest as in
    `Picture`.
    """

    pixels: np.ndarray
    bands: tuple[str, ...]
    alpha: np.ndarray | None = None
    valid: np.ndarray | None = None
    nodata: float | None = None
    place: Mapping[str, Any] = field(default_factory=dict)
    encoded: bytes = b""
    turn: int = 1
    notes: tuple[str, ...] = ()


def file_of(source: Source) -> Path | EmbeddedFile:
    """The file that a source is, or is a page of."""
    return source.file if isinstance(source, Page) else source


def damaged(file: object, reason: object) -> UserError:
    """The error about a file that cannot be decoded."""
    text = " ".join(str(reason).split()) or type(reason).__name__
    return UserError(f"{file} cannot be read as an image ({text[:200]}).{READ_AGAIN}")


def names_of_bands(count: int) -> tuple[str, ...]:
    """The names of bands that the file does not name: one is gray."""
    if count == 1:
        return ("gray",)
    return tuple(f"band_{number}" for number in range(1, count + 1))
