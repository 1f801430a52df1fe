"""Windows of GeoTIFFs and other rasters of any size, by rasterio: never a whole file.

A window holds what `image.read` gives of the same pixels: bands, types, nodata, alpha.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.masks.mask_decoders import TIFF
from kerasseg.data.reading.optional_packages import require
from kerasseg.data.reading.pictures import image, tiff_bands
from kerasseg.data.reading.pictures.number_types import both, kept_type, valid_pixels
from kerasseg.data.reading.pictures.picture import (
    Header,
    Picture,
    ReadOptions,
    Stored,
    damaged,
    names_of_bands,
)
from kerasseg.image_format import GRAY_BANDS, RGB_BANDS

SUFFIXES = (".tif", ".tiff", ".vrt", ".img", ".jp2")
CACHE_MB = 64
"""Blocks that GDAL keeps; its default is a twentieth of the memory."""
OPEN = 16
"""Files a thread keeps open."""
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
PHOTOMETRIC_OF_GDAL = (tiff_bands.CMYK, tiff_bands.LAB, tiff_bands.ICC_LAB)
"""Colours that GDAL converts by a rule of its own."""

Window = tuple[int, int, int, int]
"""Top, left, height and width, in pixels."""


@dataclass(frozen=True)
class Raster:
    """A raster file, without its pixels. May be pickled.

    crs: coordinate system as WKT, "" for none. transform: the six numbers that bring
    column and row to x and y, as in rasterio. header: as that of other pictures.
    """

    file: Path
    height: int
    width: int
    crs: str
    transform: tuple[float, ...]
    header: Header
    options: ReadOptions = field(default_factory=ReadOptions)

    @classmethod
    def of(cls, file: Path, options: ReadOptions = image.DEFAULT) -> Raster:
        """The raster in a file.

        Raises UserError that names the file where it cannot be read, MissingPackage
        without rasterio.
        """
        with gdal(file):
            opened = _opened(file)
            data = opened.dataset
            crs = data.crs.to_wkt() if data.crs else ""
            place = tuple(float(value) for value in tuple(data.transform)[:6])
            head = _header(file, opened, options)
            return cls(file, data.height, data.width, crs, place, head, options)

    def __str__(self) -> str:
        return str(self.file)

    @property
    def placed(self) -> bool:
        """Whether the file says where on Earth it lies."""
        return bool(self.crs) or self.transform != IDENTITY

    @property
    def may_be_invalid(self) -> bool:
        """Whether pixels can be invalid, as far as the header tells."""
        with gdal(self.file):
            opened = _opened(self.file)
        return (
            opened.nodata is not None
            or opened.masked
            or opened.layout.dtype.kind == "f"
            or (self.options.alpha == "valid" and opened.layout.alpha is not None)
        )

    def picture(self, window: Window) -> Picture:
        """The pixels of a window, which lies inside.

        Raises UserError that names the file where they cannot be decoded.
        """
        with gdal(self.file):
            opened = _opened(self.file)
            data = samples(self.file, window)  # (H, W, S)
            valid = None
            if opened.masked:
                rows, columns = _slices(window)
                known = opened.dataset.read_masks(1, window=(rows, columns))
                valid = None if known.all() else known != 0
        layout = opened.layout
        if layout.dtype.kind in "bf":  # GDAL gives 1 bit as bytes, and half as single
            data = data.astype(layout.dtype, copy=False)
        alpha = None
        if layout.alpha is not None:
            alpha = data[..., layout.alpha]
            data = np.delete(data, layout.alpha, -1)
        valid = both(valid, valid_pixels(data, opened.nodata))
        stored = Stored(layout.colours(data), layout.bands, alpha, valid, opened.nodata)
        return image.finished(stored, self.file, self.options)


def samples(file: Path, window: Window) -> np.ndarray:
    """(H, W, S) of a window as the file stores them.

    Raises UserError that names the file where they cannot be decoded.
    """
    with gdal(file):
        try:
            read = _opened(file).dataset.read(window=_slices(window))
        except Exception as error:  # CPLE errors of rasterio have no common base
            raise damaged(file, error) from error
    return np.moveaxis(read, 0, -1)


def palette_of(file: Path, dataset: Any = None) -> np.ndarray | None:
    """(256, 3) uint8 of a raster whose one band is an index into colours, else None.

    dataset: the file, where it is open.
    """
    with gdal(file):
        data = dataset or _opened(file).dataset
        if data.count != 1 or data.colorinterp[0].name != "palette":
            return None
        table = data.colormap(1)
    return np.array([table.get(i, (0, 0, 0))[:3] for i in range(256)], np.uint8)


@contextlib.contextmanager
def gdal(reason: object, cache_mb: int = CACHE_MB) -> Iterator[Any]:
    """The module rasterio, with a small cache; what GDAL warns of is not printed.

    reason: who needs it, for the message where it is missing.
    """
    rasterio = require("rasterio", reason)
    if rasterio.env.hasenv():
        yield rasterio
        return
    require("rasterio.features", reason)
    require("rasterio.warp", reason)
    logging.getLogger("rasterio").setLevel(logging.CRITICAL)
    with warnings.catch_warnings(), rasterio.Env(GDAL_CACHEMAX=cache_mb):
        warnings.simplefilter("ignore")
        yield rasterio


@dataclass(frozen=True)
class _Opened:
    """An open file. masked: pixels are valid where its mask says so."""

    dataset: Any
    layout: tiff_bands.Layout
    nodata: float | None
    masked: bool


class _Handles(threading.local):
    """GDAL's handles belong to one thread of one process."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.known: OrderedDict[tuple, _Opened] = OrderedDict()


_handles = _Handles()


def _opened(file: Path) -> _Opened:
    if _handles.process != os.getpid():  # forked: not to be closed here
        _handles.process, _handles.known = os.getpid(), OrderedDict()
    try:
        status = file.stat()
    except FileNotFoundError:
        raise UserError(f"{file} does not exist. Check the path.") from None
    key = str(file), status.st_size, status.st_mtime_ns
    if key not in _handles.known:
        rasterio = require("rasterio", file)
        try:
            dataset = rasterio.open(file)
        except rasterio.errors.RasterioIOError as error:
            raise damaged(file, error) from error
        _handles.known[key] = _understood(file, dataset)
        while len(_handles.known) > OPEN:
            _handles.known.popitem(last=False)[1].dataset.close()
    _handles.known.move_to_end(key)
    return _handles.known[key]


def _understood(file: Path, dataset: Any) -> _Opened:
    if not dataset.count:
        raise UserError(f"{file} holds several data sets. Name one as a GeoTIFF.")
    names = {flag.name for flag in dataset.mask_flag_enums[0]}
    masked = "per_dataset" in names and "alpha" not in names
    if not _is_tiff(file):
        layout = _layout(file, dataset)
        return _Opened(dataset, layout, _nodata(dataset.nodata, layout.dtype), masked)
    try:
        with require("tifffile", file).TiffFile(file) as tiff:
            page = tiff.pages[0]
            layout = tiff_bands.layout_of(page, file)
            nodata = tiff_bands.nodata_of(page, layout.dtype)
            kind, count = int(page.photometric), page.samplesperpixel
    except UserError:
        raise
    except Exception as error:  # damaged tags make tifffile raise anything
        raise damaged(file, error) from error
    if kind in PHOTOMETRIC_OF_GDAL or dataset.count != count:
        raise UserError(
            f"{file} holds CMYK or CIELAB, which are not read as a map. Save it as RGB."
        )
    return _Opened(dataset, layout, nodata, masked)


def _layout(file: Path, dataset: Any) -> tiff_bands.Layout:
    """That of a file of another kind, from what GDAL says of its bands."""
    kinds = [colour.name for colour in dataset.colorinterp]
    if len(set(dataset.dtypes)) > 1:
        raise UserError(
            f"{file} has bands of the types {', '.join(sorted(set(dataset.dtypes)))}. "
            "Bring them to one: gdal_translate -ot."
        )
    alpha = kinds.index("alpha") if "alpha" in kinds else None
    dtype = np.dtype(dataset.dtypes[0])
    table = palette_of(file, dataset)
    if table is not None:
        return tiff_bands.Layout(
            RGB_BANDS, np.dtype(np.uint8), None, lambda data: table[data[..., 0]]
        )
    bands = [i for i in range(dataset.count) if i != alpha]
    plain, names = names_of_bands(len(bands)), []
    for number, band in enumerate(bands):
        colour = kinds[band] if kinds[band] in (*RGB_BANDS, "nir") else ""
        names.append(dataset.descriptions[band] or colour or plain[number])
    if len(bands) == 1:
        names = list(GRAY_BANDS)
    known = tuple(names) if len(set(names)) == len(names) else plain
    return tiff_bands.Layout(known, dtype, alpha, lambda data: data)


def _nodata(value: float | None, dtype: np.dtype) -> float | None:
    """As `tiff_bands.nodata_of`: None for NaN and for what the type cannot hold."""
    if value is None or np.isnan(value):
        return None
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        if not (float(value).is_integer() and info.min <= value <= info.max):
            return None
    return float(value)


def _header(file: Path, opened: _Opened, options: ReadOptions) -> Header:
    layout, data = opened.layout, opened.dataset
    if _is_tiff(file):
        found, plain = image.header(file, options), image.header(file)
        image.check_pages(found, file, options)
        if found.turn != 1 or (plain.pages, len(plain.bands)) != (1, len(layout.bands)):
            raise UserError(
                f"{file} is turned by EXIF or has several pages, which maps are not. "
                "Save it as one page, upright: gdal_translate."
            )
        return found
    alpha, kind = layout.alpha is not None, kept_type(layout.dtype, file)
    found = Header(data.height, data.width, layout.bands, kind, 1, opened.nodata, alpha)
    if options.alpha == "band" and alpha:
        found = replace(found, bands=(*found.bands, "alpha"), alpha=False)
    if options.bands:
        found = replace(found, bands=image.chosen_names(found.bands, file, options))
    return found


def _is_tiff(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(4) in TIFF


def _slices(window: Window) -> tuple[tuple[int, int], tuple[int, int]]:
    top, left, height, width = window
    return (top, top + height), (left, left + width)
