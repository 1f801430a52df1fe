"""Label rasters that lie where an image lies, on its grid or on another one."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.maps import raster
from kerasseg.data.reading.maps.raster import Raster, Window
from kerasseg.data.reading.masks.mask_decoders import Stored
from kerasseg.data.reading.masks.mask_labels import Rule, label_of_stored
from kerasseg.data.reading.masks.mask_survey import Look, look_of
from kerasseg.taxonomy import ignore_in

EDGE = 1e-6
"""Where a centre lies between two label pixels, the later one counts."""


@dataclass(frozen=True)
class Part:
    """What a label raster holds under a window of an image.

    stored: as masks are decoded, (h, w). outside: (h, w) bool, where it ends.
    """

    stored: Stored
    outside: np.ndarray


def part(label: Raster, image: Raster, window: Window) -> Part:
    """The label's pixel at the centre of each pixel of the image (nearest).

    A label that says no place is as large as its image, and lies on it.

    Raises UserError that names the file where it cannot be read.
    """
    top, left, height, width = window
    x = left + 0.5 + np.arange(width)[None, :]
    y = top + 0.5 + np.arange(height)[:, None]
    if label.placed:
        a, b, c, d, e, f = between(image.transform, label.transform)
        x, y = a * x + b * y + c, d * x + e * y + f
    columns, rows = np.broadcast_arrays(
        np.floor(x + EDGE).astype(int), np.floor(y + EDGE).astype(int)
    )
    outside = (columns < 0) | (columns >= label.width)
    outside |= (rows < 0) | (rows >= label.height)
    if outside.all():
        return Part(Stored(np.zeros((height, width), np.uint8)), outside)
    rows = np.where(outside, rows[~outside][0], rows)
    columns = np.where(outside, columns[~outside][0], columns)
    first, start = int(rows.min()), int(columns.min())
    size = int(rows.max()) + 1 - first, int(columns.max()) + 1 - start
    pixels = raster.samples(label.file, (first, start, *size))
    pixels = pixels[rows - first, columns - start]
    if pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    palette = raster.palette_of(label.file)
    return Part(Stored(pixels, palette, nodata=label.header.nodata), outside)


def look(found: Part, valid: np.ndarray | None, file: Path) -> Look:
    """What is under the valid pixels of an image, inside the label.

    Raises UserError as `mask_survey.look`.
    """
    stored, used = found.stored, ~found.outside
    if valid is not None:
        used &= valid
    if not used.all():
        stored = replace(stored, pixels=stored.pixels[used][None])
    if not used.any():
        return Look(file, "numbers", {})
    return look_of(stored, file)


def ids(found: Part, file: Path, rule: Rule) -> np.ndarray:
    """(h, w) class ids; ignored outside."""
    stored, outside = found.stored, found.outside
    if outside.all():
        taxonomy = rule.taxonomy
        return np.full(outside.shape, taxonomy.ignore, taxonomy.label_type)
    if outside.any():  # any pixel inside stands for those outside
        inner = stored.pixels[~outside][0]
        pixels = stored.pixels.copy()
        pixels[outside] = inner
        stored = replace(stored, pixels=pixels)
    label = label_of_stored(stored, file, rule)
    return np.where(outside, label.dtype.type(ignore_in(label)), label)


def together(looks: list[Look]) -> Look:
    """One look for all parts of a file."""
    used = [one for one in looks if one.counts or one.missing] or looks[:1]
    counts: dict[int, int] = {}
    palette: dict[int, int] = {}
    for one in used:
        palette |= one.palette
        for value, pixels in one.counts.items():
            counts[value] = counts.get(value, 0) + pixels
    fractions = [one.fraction for one in used if one.fraction is not None]
    gradual = [one.gradual for one in used if one.gradual]
    return replace(
        used[0],
        counts=dict(sorted(counts.items())),
        palette=palette,
        missing=sum(one.missing for one in used),
        fraction=fractions[0] if fractions else None,
        low=min(one.low for one in used),
        high=max(one.high for one in used),
        gradual=float(np.mean(gradual)) if gradual else 0.0,
    )


def check(label: Raster, image: Raster) -> str:
    """What is to be said of a label on another grid than its image's; "" for the same.

    Raises UserError for another coordinate system, with the command that helps, and for
    a label without a place whose size is another than the image's.
    """
    if not label.placed:
        if (label.height, label.width) == (image.height, image.width):
            return "labels that say no place lie on their images pixel by pixel"
        raise UserError(
            f"{label.file} does not say where it lies, and has {label.height} x "
            f"{label.width} pixels; its image {image.file} has {image.height} x "
            f"{image.width}. Copy the image's place: gdal_edit.py -a_ullr and -a_srs."
        )
    with raster.gdal(label.file) as rasterio:
        crs = rasterio.crs.CRS
        both = label.crs and image.crs
        if both and crs.from_wkt(label.crs) != crs.from_wkt(image.crs):
            raise UserError(
                f"{label.file} is in {_name(rasterio, label)}, its image {image.file} "
                f"in {_name(rasterio, image)}. Bring it to the image's grid: "
                f"{_warp(rasterio, label, image)}"
            )
    matrix = between(image.transform, label.transform)
    a, b, c, d, e, f = matrix
    if np.allclose([a, b, d, e], [1, 0, 0, 1], atol=1e-6):
        near = np.abs([c - round(c), f - round(f)]).max()
        return "" if near < 1e-3 else f"labels lie {near:.2f} pixels off: nearest"
    return (
        f"labels have pixels of {1 / np.hypot(a, d):.3g} image pixels: the one at the "
        "centre of each image pixel counts (nearest)"
    )


def between(
    one: tuple[float, ...], other: tuple[float, ...]
) -> tuple[float, float, float, float, float, float]:
    """The transform from pixels of one raster to pixels of another."""
    first = np.array([one[:3], one[3:], (0, 0, 1)])
    second = np.array([other[:3], other[3:], (0, 0, 1)])
    a, b, c, d, e, f = (np.linalg.inv(second) @ first)[:2].ravel().tolist()
    return a, b, c, d, e, f


def _name(rasterio, one: Raster) -> str:
    crs = rasterio.crs.CRS.from_wkt(one.crs)
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else crs.to_wkt().split('"')[1]


def _warp(rasterio, label: Raster, image: Raster) -> str:
    """The gdalwarp command that brings a label to an image's grid."""
    place = rasterio.Affine(*image.transform)
    west, south, east, north = rasterio.transform.array_bounds(
        image.height, image.width, place
    )
    name = _name(rasterio, image)
    target = name if name.startswith("EPSG:") else str(image.file)  # else its WKT
    words = ["gdalwarp", "-r", "near", "-t_srs", target, "-te"]
    words += [f"{value:.12g}" for value in (west, south, east, north)]
    words += ["-ts", str(image.width), str(image.height)]
    return shlex.join([*words, str(label.file), f"{label.file.stem}_on_image.tif"])
