"""Class maps of GeoTIFFs of any size, as GeoTIFFs of the same place, tile by tile.

Tiles overlap, and a pixel is that of the tile in which it lies farther from the edge.
Tiles at the border of a map end where it ends, as one pass over all of it would. So
nothing needs to be summed, and the memory does not grow with the map.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeGuard
from zlib import crc32

import numpy as np

from kerasseg import UserError, tiles
from kerasseg.data.reading.maps import raster
from kerasseg.data.reading.maps.raster import Raster, gdal
from kerasseg.data.reading.pictures.fitted import fitted, valid_of
from kerasseg.data.reading.pictures.image import header
from kerasseg.data.reading.pictures.picture import ReadOptions
from kerasseg.data.reading.pictures.tiff import is_placed
from kerasseg.files import atomic
from kerasseg.image_format import ImageFormat
from kerasseg.inference.answers import Segment
from kerasseg.inference.network_input import alpha_of, with_chosen
from kerasseg.taxonomy import Taxonomy

OTHERS = (".vrt", ".img")
"""Endings of maps that are read as no picture: GDAL's virtual rasters, ERDAS."""
LARGE = 1 << 26
"""Pixels from which on a TIFF is predicted as a map, wherever it lies."""
STRIDE = 32
"""By how much networks shrink images, at most."""
BLOCK = 512
"""Side of the tiles that a class map is stored in, pixels."""
QUICK_LOOK = 1024
"""The longer side of the small picture of a map, at most, pixels."""
MOST_CACHE_MB = 512


@dataclass(frozen=True)
class QuickLook:
    """Every n-th pixel of a map, and its class ids."""

    pixels: np.ndarray
    label: np.ndarray


@dataclass(frozen=True)
class Network:
    """What maps are predicted with.

    segment: ids of an image of the network's own size, height and width; of images
    that are smaller, too. overlap: pixels that tiles share; 0: `usual_overlap`.
    """

    segment: Segment
    size: tuple[int, int]
    taxonomy: Taxonomy
    image_format: ImageFormat
    overlap: int = 0


def is_map(file: object) -> TypeGuard[Path]:
    """Whether a file is predicted as a map: a TIFF that says where it lies, or that is
    too large to be held whole; a virtual raster of GDAL.

    Of files that cannot be read it is False.
    """
    if not isinstance(file, Path):
        return False
    suffix = file.suffix.lower()
    if suffix in OTHERS:
        return True
    if suffix not in (".tif", ".tiff"):
        return False
    try:
        if is_placed(file):
            return True
        head = header(file)
    except (UserError, OSError):
        return False
    return head.pages == 1 and head.height * head.width > LARGE


def usual_overlap(size: tuple[int, int]) -> int:
    """A quarter of a network's shorter side, but 32 where the side allows it: with less
    seams are seen."""
    side = min(size)
    return max(2 * (side // 8), min(32, 2 * (side // 4)))


def predict(
    source: Path, target: Path, network: Network
) -> tuple[QuickLook, tuple[str, ...]]:
    """Writes the class ids of a map as a GeoTIFF, and gives a small picture of both.

    The file has the map's coordinate system, transform and size, one band of uint8 ids
    in compressed tiles, 255 as nodata where the map has none (of more than 255 classes
    uint16 and 65535), a table of colours and the names of the classes as tags. Where
    classes overlap it has a band of 0, 1 and 255 for each, with its name. A map that is
    not larger than the network is predicted as pictures are; others at their own
    resolution, in tiles.

    Also returns what of the file was left out.

    Raises UserError for bands or a type that the network does not take, and where the
    file cannot be read; MissingPackage without rasterio.
    """
    one = _as_trained(source, network.image_format)
    tiled = one.height > network.size[0] or one.width > network.size[1]
    size = network.size if tiled else (one.height, one.width)
    overlap = (network.overlap or usual_overlap(size)) if tiled else 0
    rows = _tiles(one.height, size[0], overlap)
    columns = _tiles(one.width, size[1], overlap)
    step = max(1, -(-max(one.height, one.width) // QUICK_LOOK))
    looks: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    notes: dict[str, None] = {}
    with (
        gdal(source, _cache_mb(one, size[0])) as rasterio,
        atomic.replacing(target) as aside,
        _rows(rasterio, aside, one, network.taxonomy) as result,
    ):
        for top, first, last in rows:
            strip = np.zeros((last - first, one.width, *result.planes), result.kind)
            look = []
            for left, start, end in columns:
                window = top, left, *size
                pixels, valid, said = _mirrored(one, window, network.image_format)
                notes.update(dict.fromkeys(said))
                if valid is None:
                    ids = network.segment(pixels)
                elif valid.any():
                    where = valid[..., None] if result.planes else valid
                    ids = np.where(where, network.segment(pixels), result.ignored)
                else:
                    ids = np.full((*size, *result.planes), result.ignored)
                part = ids[first - top : last - top, start - left : end - left]
                strip[:, start:end] = part
                inside = np.ix_(
                    np.arange(first + -first % step, last, step) - top,
                    np.arange(start + -start % step, end, step) - left,
                )
                look.append(pixels[inside])
            looks.append(np.concatenate(look, 1))
            labels.append(strip[-first % step :: step, ::step].copy())  # not a view
            result.add(strip)
    return QuickLook(np.concatenate(looks), np.concatenate(labels)), tuple(notes)


def _tiles(length: int, tile: int, overlap: int) -> list[tuple[int, int, int]]:
    """The tiles along one axis: where each begins, and from where to where it counts.

    They begin at multiples of `STRIDE`, so that networks that shrink images see all
    pixels at the same place of their grid. The last one ends at the border where the
    length is one that networks take, else beyond it by less than that.
    """
    if length <= tile:
        return [(0, 0, length)]
    unit = STRIDE if tile - overlap >= STRIDE else 1
    step = (tile - overlap) // unit * unit
    last = length - tile
    if last % (STRIDE // 2):
        last = -(-last // unit) * unit
    starts = [*range(0, last, step), last]
    cuts = [(one + tile + other) // 2 for one, other in pairwise(starts)]
    return list(zip(starts, [0, *cuts], [*cuts, length], strict=True))


def _as_trained(source: Path, image_format: ImageFormat) -> Raster:
    """The map, read as the training read its files; see `network_input.options_for`."""
    one = Raster.of(source, ReadOptions(alpha_of(image_format)))
    options = with_chosen(one.options, one.header.bands, image_format)
    return one if options == one.options else Raster.of(source, options)


def _mirrored(
    one: Raster, window: raster.Window, image_format: ImageFormat
) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...]]:
    """Pixels and validity of a window that may reach beyond the borders, where the map
    is mirrored (edge pixels not repeated), and what was left out."""
    rows = tiles.mirrored(window[0], window[2], one.height)
    columns = tiles.mirrored(window[1], window[3], one.width)
    top, left = int(rows.min()), int(columns.min())
    inside = top, left, int(rows.max()) + 1 - top, int(columns.max()) + 1 - left
    picture = one.picture(inside)
    pixels = fitted(picture, image_format, one.file)
    valid = valid_of(picture, image_format)
    if inside != window:
        places = np.ix_(rows - top, columns - left)
        pixels = pixels[places]
        valid = None if valid is None else valid[places]
    return pixels, valid, picture.notes


class _Rows:
    """Writes strips of rows as whole rows of blocks: each block is compressed once."""

    def __init__(self, out: Any, one: Raster, taxonomy: Taxonomy) -> None:
        self.kind = taxonomy.label_type
        self.planes = taxonomy.planes
        self.ignored = self.kind(taxonomy.ignore)
        self.out, self.height, self.width = out, one.height, one.width
        self.block = out.block_shapes[0][0]
        self.waiting = np.zeros((0, one.width, *self.planes), self.kind)
        self.written = 0
        self.sums: list[tuple[tuple[tuple[int, int], tuple[int, int]], int]] = []

    def add(self, strip: np.ndarray) -> None:
        """Takes the next rows (h, W), or where classes overlap (h, W, C)."""
        self.waiting = np.concatenate([self.waiting, strip])
        count = len(self.waiting)
        if self.written + count < self.height:
            count -= count % self.block
        if count:
            rows = (self.written, self.written + count), (0, self.width)
            now = self.waiting[:count]
            bands = np.moveaxis(now, -1, 0) if self.planes else now[None]
            self.out.write(bands, window=rows)
            self.sums.append((rows, crc32(np.ascontiguousarray(bands).data)))
            self.waiting, self.written = self.waiting[count:], self.written + count

    def are_in(self, data: Any) -> bool:
        """Whether the file holds what was written: GDAL does not always tell of a full
        disk."""
        return all(
            crc32(data.read(window=rows)) == written for rows, written in self.sums
        )


@contextlib.contextmanager
def _rows(
    rasterio: Any, file: Path, one: Raster, taxonomy: Taxonomy
) -> Iterator[_Rows]:
    with _created(rasterio, file, one, taxonomy) as out:
        rows = _Rows(out, one, taxonomy)
        yield rows
    try:
        with rasterio.open(file) as data:
            whole = rows.are_in(data)
    except OSError:  # rasterio's own are
        whole = False
    if not whole:
        raise OSError("it does not hold what was written (is the disk full?)")


def _created(rasterio: Any, file: Path, one: Raster, taxonomy: Taxonomy) -> Any:
    """The GeoTIFF of class ids, open, with all but its pixels."""
    side = min(BLOCK, -(-max(one.height, one.width) // 16) * 16)
    with rasterio.open(one.file) as source:
        points, crs = source.gcps
        place = {"crs": source.crs, "transform": source.transform}
        if points:  # a file has one of the two
            place = {"crs": crs, "gcps": points}
    out = rasterio.open(
        file,
        "w",
        driver="GTiff",
        height=one.height,
        width=one.width,
        count=math.prod(taxonomy.planes),
        dtype=np.dtype(taxonomy.label_type).name,
        nodata=taxonomy.ignore,
        tiled=True,
        blockxsize=side,
        blockysize=side,
        compress="deflate",
        interleave="band",
        bigtiff="if_safer",
        **place,
    )
    tags = {f"class_{i}": name for i, name in enumerate(taxonomy.names)}
    if not taxonomy.exclusive:
        for band, name in enumerate(taxonomy.names, 1):
            out.set_band_description(band, name)
        return out
    colours = dict(enumerate((*colour, 255) for colour in taxonomy.colours))
    out.write_colormap(1, colours | {taxonomy.ignore: (0, 0, 0, 0)})  # before pixels
    out.set_band_description(1, "class")
    out.update_tags(1, **tags)
    return out


def _cache_mb(one: Raster, rows: int) -> int:
    """Room for the blocks that a row of tiles lies in: else each is decoded often."""
    with raster.gdal(one.file) as rasterio, rasterio.open(one.file) as source:
        high = max(block[0] for block in source.block_shapes)
        each = sum(np.dtype(kind).itemsize for kind in source.dtypes)
    needed = (rows + 2 * high) * one.width * each / 2**20
    return int(np.clip(needed, raster.CACHE_MB, MOST_CACHE_MB))
