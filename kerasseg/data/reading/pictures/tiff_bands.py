"""What the samples of a TIFF page are: colours, bands, alpha, nodata, place on Earth.

TIFF 6.0, ExtraSamples, PhotometricInterpretation, Orientation; GDAL's tags 42112
(metadata) and 42113 (nodata); GeoTIFF 1.1 for the place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from kerasseg import UserError
from kerasseg.data.reading.pictures.picture import names_of_bands
from kerasseg.image_format import GRAY_BANDS, RGB_BANDS

WHITE_IS_0, BLACK_IS_0, RGB, PALETTE, MASK, CMYK, YCBCR = range(7)
LAB, ICC_LAB = 8, 9
RAW = (32803, 34892)
"""Photometric interpretations: those of TIFF 6.0, and raw camera data (DNG)."""
GDAL_METADATA, GDAL_NODATA = 42112, 42113
ALPHAS = (1, 2)
JPEG = 7


@dataclass(frozen=True)
class Layout:
    """How the samples of a page become bands.

    dtype: type of the bands. alpha: number of the sample that is alpha, or None.
    colours: function: (H, W, S) samples without alpha -> (H, W, C) bands.
    """

    bands: tuple[str, ...]
    dtype: np.dtype
    alpha: int | None
    colours: Callable[[np.ndarray], np.ndarray]


def layout_of(page: Any, file: object) -> Layout:
    """The layout of a page.

    Raises UserError for photometric interpretations and types that are not read.
    """
    photometric, samples = int(page.photometric), page.samplesperpixel
    if page.dtype is None or page.imagedepth > 1:
        raise UserError(
            f"{file} is a TIFF of {page.bitspersample} bits and {page.imagedepth} "
            "layers, which are not read. Save it as TIFF of 8 or 16 bits."
        )
    alpha = _alpha(page)
    count = samples - (alpha is not None)
    if count < 1:
        raise ValueError("it has no samples")
    dtype, bits = np.dtype(page.dtype), page.bitspersample
    if photometric == YCBCR and page.compression == JPEG:
        photometric = RGB  # the decoder of JPEG gives RGB
    if photometric == RGB and count >= 3:
        return Layout(_named(page, RGB_BANDS, count, alpha), dtype, alpha, _as_is)
    if photometric in (RGB, BLACK_IS_0, MASK) and bits not in (2, 4):
        return Layout(_named(page, (), count, alpha), dtype, alpha, _as_is)
    if photometric in (WHITE_IS_0, BLACK_IS_0) and dtype.kind in "bu":
        most = 2**bits - 1
        scale = 255 // most if bits in (2, 4) else 1

        def gray(data):
            if photometric == WHITE_IS_0:
                data = ~data if data.dtype == bool else data.dtype.type(most) - data
            return data * data.dtype.type(scale) if scale > 1 else data

        return Layout(_named(page, (), count, alpha), dtype, alpha, gray)
    eight = dtype == np.uint8
    if photometric == PALETTE and count == 1 and page.colormap is not None:
        colours = _palette(page.colormap)
        return Layout(
            RGB_BANDS, np.dtype(np.uint8), alpha, lambda d: colours[d[..., 0]]
        )
    if photometric == CMYK and count == 4 and eight:
        return Layout(RGB_BANDS, dtype, alpha, lambda data: _converted(data, "CMYK"))
    if photometric in (LAB, ICC_LAB) and count == 3 and eight:
        flip = np.uint8(128) if photometric == ICC_LAB else np.uint8(0)
        flips = np.array([0, flip, flip], np.uint8)
        return Layout(RGB_BANDS, dtype, alpha, lambda d: _converted(d ^ flips, "LAB"))
    name = getattr(page.photometric, "name", photometric)
    raise UserError(
        f"{file} is a TIFF of {count} samples ({name}) of {dtype.name}, a kind of "
        "colours that is not read. Save it as gray or RGB."
    )


def nodata_of(page: Any, dtype: np.dtype) -> float | None:
    """GDAL's nodata value of a page; None for none, for NaN and for one that numbers of
    this type cannot be."""
    tag = page.tags.get(GDAL_NODATA)
    try:
        value = float(str(tag.value).strip("\0 ")) if tag is not None else np.nan
    except ValueError:
        return None
    if np.isnan(value):
        return None
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        if not (value.is_integer() and info.min <= value <= info.max):
            return None
    return value


def place_of(page: Any) -> dict[str, Any]:
    """Coordinate system and transform of a GeoTIFF page; empty for other pages."""
    keys = page.geotiff_tags if page.is_geotiff else {}
    matrix, scale, tie = (
        keys.get(name)
        for name in ("ModelTransformation", "ModelPixelScale", "ModelTiepoint")
    )
    if matrix is not None:
        flat = np.ravel(matrix)
        transform = flat[[0, 1, 3, 4, 5, 7]].tolist()
    elif scale is not None and tie is not None and len(tie) >= 6:
        (x, y), (column, row, _, east, north, _) = scale[:2], tie[:6]
        transform = [x, 0.0, east - column * x, 0.0, -y, north + row * y]
    else:
        return {}
    code = keys.get("ProjectedCSTypeGeoKey") or keys.get("GeographicTypeGeoKey") or 0
    crs = f"EPSG:{int(code)}" if 0 < int(code) < 32767 else ""
    return {"crs": crs, "transform": tuple(float(v) for v in transform)}


def channels_of(tiff: Any) -> int:
    """How many pages are channels of one image, as OME, ImageJ or tifffile say it; 0
    where there are other dimensions, or nothing is said."""
    if tiff.is_ome:
        found = re.search(r"<Pixels\b[^>]*>", tiff.ome_metadata or "")
        sizes = dict(re.findall(r'\bSize([CZT])="(\d+)"', found[0] if found else ""))
        alone = sizes.get("Z") == sizes.get("T") == "1"
        return int(sizes.get("C", 0)) if alone else 0
    if tiff.is_imagej:
        values = tiff.imagej_metadata or {}
        channels = int(values.get("channels", 0))
        return channels if channels == int(values.get("images", 1)) else 0
    values = _shaped(tiff)
    axes, shape = str(values.get("axes", "")), values.get("shape", ())
    sizes = {a: n for a, n in zip(axes, shape, strict=False) if a not in "YXS"}
    others = [n for a, n in sizes.items() if a != "C" and n != 1]
    return 0 if others else int(sizes.get("C", 0))


def frames_of(tiff: Any) -> int:
    """The images that ImageJ or tifffile say there are, with a page for each or not."""
    if tiff.is_imagej:
        return int((tiff.imagej_metadata or {}).get("images", 1))
    values = _shaped(tiff)
    if not values.get("truncated"):
        return 1
    page = tiff.pages[0]
    return int(np.prod(values["shape"])) // max(int(np.prod(page.shape)), 1)


def _shaped(tiff: Any) -> dict[str, Any]:
    """What tifffile has written about the shape of the first array."""
    found = tiff.shaped_metadata if tiff.is_shaped else ()
    return dict(found[0]) if found and isinstance(found[0], dict) else {}


def channel_names(tiff: Any) -> tuple[str, ...]:
    """The names that the metadata of a microscope's file give the channels."""
    if tiff.is_ome:
        found = re.findall(
            r"<Channel[^>]*?\sName=\"([^\"]*)\"", tiff.ome_metadata or ""
        )
        return tuple(name.strip() for name in found)
    labels = (tiff.imagej_metadata or {}).get("Labels", ()) if tiff.is_imagej else ()
    return tuple(str(label).strip() for label in labels)


def _as_is(data: np.ndarray) -> np.ndarray:
    return data


def _alpha(page: Any) -> int | None:
    """The number of the first sample that ExtraSamples calls alpha."""
    extra = [int(value) for value in page.extrasamples or ()]
    first = page.samplesperpixel - len(extra)
    return next((first + n for n, kind in enumerate(extra) if kind in ALPHAS), None)


def _named(
    page: Any, known: tuple[str, ...], count: int, alpha: int | None
) -> tuple[str, ...]:
    """Names of bands: those of GDAL's metadata, else `known`, else by number."""
    if count == 1:
        return GRAY_BANDS
    names = list((*known, *names_of_bands(count)[len(known) :]))
    samples = [s for s in range(page.samplesperpixel) if s != alpha]
    described = _described(page)
    for band, sample in enumerate(samples):
        names[band] = described.get(sample, names[band])
    unique = len(set(names)) == len(names)
    return tuple(names) if unique else names_of_bands(count)


def _described(page: Any) -> dict[int, str]:
    """Sample -> name, from GDAL's descriptions and colour interpretations."""
    tag = page.tags.get(GDAL_METADATA)
    if tag is None:
        return {}
    try:
        items = list(ElementTree.fromstring(str(tag.value).strip("\0")).iter("Item"))
    except ElementTree.ParseError:
        return {}
    names: dict[int, str] = {}
    for role in ("colorinterp", "description"):  # the latter wins
        for item in items:
            text = (item.text or "").strip()
            if item.get("role") != role or not item.get("sample", "").isdigit():
                continue
            if role == "colorinterp" and text.lower() in ("undefined", "gray", "alpha"):
                continue
            lower = text.lower()
            plain = role == "colorinterp" or lower in (*RGB_BANDS, "nir")
            if text:
                names[int(item.get("sample", "0"))] = lower if plain else text
    return names


def _palette(colormap: np.ndarray) -> np.ndarray:
    """(n, 3) uint8 of (3, n) uint16; some writers store 8-bit numbers, as libtiff's
    tools know."""
    deep = colormap.max(initial=0) > 255
    return (colormap >> 8 if deep else colormap).T.astype(np.uint8)


def _converted(data: np.ndarray, mode: str) -> np.ndarray:
    """uint8 (H, W, 3) RGB of a page's CMYK or CIELAB, by Pillow's conversion."""
    size = data.shape[1], data.shape[0]
    image = Image.frombytes(mode, size, np.ascontiguousarray(data).tobytes())
    return np.asarray(image.convert("RGB"))
