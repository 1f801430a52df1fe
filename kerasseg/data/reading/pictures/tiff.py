"""TIFF and BigTIFF: by tifffile with imagecodecs, as their tags say."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.optional_packages import require
from kerasseg.data.reading.pictures import tiff_bands
from kerasseg.data.reading.pictures.number_types import (
    both,
    kept_type,
    notes_of,
    valid_pixels,
)
from kerasseg.data.reading.pictures.picture import Header, Stored, damaged
from kerasseg.data.reading.pictures.picture_formats import check_size
from kerasseg.files import exif

REDUCED, MASK = 1, 4
"""Bits of NewSubfileType: a smaller copy of another page; the mask of another page."""
DNG_VERSION = 50706
SCANNERS = ("svs", "ndpi", "scn", "bif", "philips", "qpi", "avs")
"""Kinds of whole slides that tifffile tells apart."""


@dataclass(frozen=True)
class _Images:
    """The images of a file: pages that are neither smaller copies nor masks.

    pages: of one size and type. names: the channels that metadata give the pages, where
    it says that they are channels. mask: validity of the first page, or None. bytes:
    size of the file.
    """

    pages: list[Any]
    mask: Any | None
    are_bands: bool
    names: tuple[str, ...]
    bytes: int


def header(file: Path | EmbeddedFile) -> Header:
    """The header of a TIFF. Pages that its metadata call channels are bands."""
    with _opened(file) as tiff:
        images = _images(tiff, file)
        page = images.pages[0]
        layout = tiff_bands.layout_of(page, file)
        height, width = page.imagelength, page.imagewidth
        turn = _turn(page)
        size = (height, width) if turn < 5 else (width, height)
        type_ = kept_type(layout.dtype, file)
        bands, pages = layout.bands, len(images.pages)
        if images.are_bands:
            bands, pages = _channel_names(images, bands), 1
        nodata = tiff_bands.nodata_of(page, layout.dtype)
        alpha = layout.alpha is not None
        notes = notes_of(layout.dtype)
        return Header(*size, bands, type_, pages, nodata, alpha, turn, notes)


def stored(file: Path | EmbeddedFile, number: int) -> Stored:
    """The pixels of a page of a TIFF; of all pages that are channels of one image."""
    with _opened(file) as tiff:
        images = _images(tiff, file)
        if not images.are_bands:
            if number >= len(images.pages):
                raise ValueError(f"it has {len(images.pages)} pages")
            return _page(images.pages[number], images, file)
        parts = [_page(page, images, file) for page in images.pages]
        valid = None
        for part in parts:
            valid = both(valid, part.valid)
        first = parts[0]
        return Stored(
            np.concatenate([part.pixels for part in parts], -1),
            _channel_names(images, first.bands),
            valid=valid,
            nodata=first.nodata,
            place=first.place,
            turn=first.turn,
        )


def is_placed(file: Path) -> bool:
    """Whether a TIFF says where on Earth it lies, itself or by a world file beside it.

    Raises UserError for a file that is no TIFF, or is damaged.
    """
    try:
        with _opened(file) as tiff:
            page = tiff.pages[0]
            if page.is_geotiff and (page.geotiff_tags or tiff_bands.place_of(page)):
                return True
    except (FileNotFoundError, UserError):
        raise
    except Exception as error:  # damaged tags make tifffile raise anything
        raise damaged(file, error) from error
    return any(file.with_suffix(end).is_file() for end in (".tfw", ".tifw", ".wld"))


def _page(page: Any, images: _Images, file: object) -> Stored:
    layout = tiff_bands.layout_of(page, file)
    check_size(page.imagelength, page.imagewidth)
    if len(page.dataoffsets) < np.prod(page.chunked, dtype=int):
        raise ValueError("its list of strips or tiles is too short")
    ends = zip(page.dataoffsets, page.databytecounts, strict=True)
    if max((start + size for start, size in ends), default=0) > images.bytes:
        raise ValueError("it is cut short")  # JPEG in TIFF would be decoded in part
    data = _samples(page)
    alpha = None
    if layout.alpha is not None:
        alpha = data[..., layout.alpha]
        data = np.delete(data, layout.alpha, -1)
    nodata = tiff_bands.nodata_of(page, layout.dtype)
    valid = valid_pixels(data, nodata)
    if images.mask is not None:
        valid = both(valid, _samples(images.mask)[..., 0] != 0)
    turn = _turn(page)
    return Stored(
        layout.colours(data),
        layout.bands,
        alpha,
        valid,
        nodata,
        tiff_bands.place_of(page) if turn == 1 else {},
        turn=turn,
    )


def _samples(page: Any) -> np.ndarray:
    """(H, W, S) of a page, S samples, in the byte order of the machine."""
    data = page.asarray()
    planes = page.planarconfig == 2 and page.samplesperpixel > 1
    data = data.reshape(page.samplesperpixel, *_size(page)) if planes else data
    data = np.moveaxis(data, 0, -1) if planes else data.reshape(*_size(page), -1)
    return np.ascontiguousarray(data, data.dtype.newbyteorder("="))


def _size(page: Any) -> tuple[int, int]:
    return page.imagelength, page.imagewidth


def _turn(page: Any) -> int:
    tag = page.tags.get(exif.ORIENTATION)
    value = tag.value if tag is not None else 1
    return value if value in range(1, 9) else 1


def _images(tiff: Any, file: object) -> _Images:
    pages = list(tiff.pages)
    first = pages[0]
    raw = DNG_VERSION in first.tags or first.photometric in tiff_bands.RAW
    if not raw and first.subfiletype & REDUCED and first.subifds:
        raw = any(sub.photometric in tiff_bands.RAW for sub in first.pages)
    if raw:
        raise UserError(
            f"{file} is a camera's raw file. Develop it to TIFF or JPEG first."
        )
    kinds = REDUCED | MASK
    images = [p for p in pages if not p.subfiletype & kinds] or [first]
    masks = [
        p for p in pages if p.subfiletype & kinds == MASK and _size(p) == _size(first)
    ]
    if any(getattr(tiff, f"is_{scanner}") for scanner in SCANNERS):
        images = images[:1]  # the scan; the others are its smaller copies and labels
    others = [p for p in images if _kind(p) != _kind(images[0])]
    if others:
        sizes = {"{} x {}".format(*_size(p)) for p in images}
        raise UserError(
            f"{file} holds {len(images)} images that differ ({', '.join(sorted(sizes))}"
            " pixels or other types). Save the one that is meant as a file of its own."
        )
    if tiff_bands.frames_of(tiff) > len(images):
        raise UserError(
            f"{file} holds {tiff_bands.frames_of(tiff)} images behind one tag, as "
            "ImageJ saves large stacks. Save it again as an image sequence or OME-TIFF."
        )
    are_bands = len(images) > 1 and tiff_bands.channels_of(tiff) == len(images)
    names = tiff_bands.channel_names(tiff) if are_bands else ()
    mask = masks[0] if masks else None
    return _Images(images, mask, are_bands, names, tiff.filehandle.size)


def _kind(page: Any) -> tuple:
    return _size(page), page.samplesperpixel, page.dtype, page.photometric


def _channel_names(images: _Images, bands: tuple[str, ...]) -> tuple[str, ...]:
    count = len(bands) * len(images.pages)
    if len(images.names) == count and len(set(images.names)) == count:
        return images.names
    return tuple(f"band_{number}" for number in range(1, count + 1))


@contextlib.contextmanager
def _opened(file: Path | EmbeddedFile) -> Iterator[Any]:
    tifffile = require("tifffile", file)
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # else on the terminal
    where = io.BytesIO(file.read_bytes()) if isinstance(file, EmbeddedFile) else file
    with tifffile.TiffFile(where) as tiff:
        yield tiff
