"""DSTL satellite images: 16-bit TIFF of several bands, polygons of ten classes as WKT.

Kaggle 2017, "Dstl Satellite Imagery Feature Detection": 25 labelled images of 1 km x
1 km, https://www.kaggle.com/c/dstl-satellite-imagery-feature-detection/data.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np

from kerasseg import UserError
from kerasseg.console.flags import COUNT_OR_0, Number
from kerasseg.data.datasets import dstl_bands
from kerasseg.data.reading.drawn.polygons import asked_alone
from kerasseg.data.reading.optional_packages import require
from kerasseg.data.reading.pairing.divide import divide
from kerasseg.data.sample import Sample, Samples
from kerasseg.image_format import RGB
from kerasseg.taxonomy import Taxonomy

NAMES = (
    "background",
    "building",
    "structure",
    "road",
    "track",
    "tree",
    "crop",
    "waterway",
    "standing water",
    "large vehicle",
    "small vehicle",
)
"""A class id is the ClassType of the polygons; 0 is where there is none."""
TAXONOMY = Taxonomy(NAMES, ((0, 0, 0), *Taxonomy.named(NAMES[1:]).colours))
ORDER = (6, 5, 7, 8, 4, 3, 2, 1, 9, 10)
"""Order of painting, later covers earlier: crops, trees, water, ways, then objects."""
POLYGONS, GRID = "train_wkt_v4.csv", "grid_sizes.csv"


@dataclass(frozen=True)
class Entry:
    """An image, its extent in the units of the polygons, and WKT of each class.

    images: its file; of `all` the three of `dstl_bands.FILES`.
    """

    id: str
    images: tuple[Path, ...]
    extent: tuple[float, float]
    polygons: dict[int, str]


def load(
    src: Path,
    /,
    *,
    image: Literal["three_band", "A", "M", "P", "all"] = "three_band",
    bands: Annotated[tuple[int, int, int], COUNT_OR_0] = (0, 1, 2),
    percentiles: Annotated[tuple[float, float], Number(0, 100)] = (2, 98),
    grid: Literal["three_band", "M"] = "three_band",
    overlap: bool = False,
    val_share: float = 0.2,
) -> tuple[Taxonomy, dict[str, Samples]]:
    """DSTL: three_band/ID.tif, sixteen_band/ID_M.tif, train_wkt_v4.csv, grid_sizes.csv.

    Polygons overlap; a pixel gets one class: crops are painted first, then trees,
    waterways, standing water, tracks, roads, structures, buildings, large and small
    vehicles, and later classes cover earlier ones. Each band is brought to 8 bits on
    its own: linear between two percentiles of the image, clipped outside. `--image all`
    keeps the 16-bit numbers of all 19 bands.

    Tried on miniatures of this layout only, not on the real files.

    Args:
        src: Folder that holds train_wkt_v4.csv.
        image: three_band (red, green, blue), or A, M or P of sixteen_band; all: the 3
            bands and the 16 of M and A on one grid, as they are.
        bands: Which bands become red, green and blue, counted from 0; natural colours
            are 0 1 2 in three_band and 4 2 1 in M.
        percentiles: Percentiles of a band that become 0 and 255.
        grid: With --image all: whose pixels the others are resampled to. three_band is
            3350 x 3400, four times M's; add --cut.
        overlap: A pixel may be of several classes: each has a plane of its own, and
            there is no background.
        val_share: Share of the places to validate on, by the hash of their number: the
            first of ID; tiles of one place stay together.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    require("shapely")
    low, high = percentiles
    if not 0 <= low < high <= 100 or min(bands) < 0:
        raise UserError(
            "--percentiles are two rising numbers of 0 to 100 and --bands three "
            f"numbers from 0 on, got {low} {high} and {bands}."
        )
    src = Path(src)
    splits = divide(_entries(src, image), val_share, _place)
    every = image == "all"
    read = (
        partial(_read_all, grid=grid, overlap=overlap)
        if every
        else partial(_read, bands=bands, percentiles=percentiles, overlap=overlap)
    )
    return asked_alone(TAXONOMY) if overlap else TAXONOMY, {
        split: Samples(
            entries,
            read,
            sequence=_place,
            image_format=dstl_bands.ALL if every else RGB,
        )
        for split, entries in splits.items()
    }


def _entries(src: Path, image: str) -> list[Entry]:
    extents = {i: (float(x), float(y)) for i, x, y in _rows(src / GRID)}
    polygons: dict[str, dict[int, str]] = {}
    for name, kind, text in _rows(src / POLYGONS):
        if not kind.isdigit() or not 1 <= int(kind) < len(NAMES):
            raise UserError(f"{src / POLYGONS}: ClassType is 1 to 10, got '{kind}'.")
        polygons.setdefault(name, {})[int(kind)] = text
    kinds = [*dstl_bands.FILES] if image == "all" else [image]
    entries = []
    for name in sorted(polygons):
        files = tuple(_file(src, name, kind) for kind in kinds)
        for file in files:
            if not file.is_file():
                raise UserError(
                    f"{src / POLYGONS} names {name}, but {file} does not exist. Unpack "
                    "it."
                )
        if name not in extents:
            raise UserError(f"{src / GRID} has no line for {name}. Copy it again.")
        entries.append(Entry(name, files, extents[name], polygons[name]))
    return entries


def _file(src: Path, name: str, kind: str) -> Path:
    if kind == "three_band":
        return src / f"{kind}/{name}.tif"
    return src / f"sixteen_band/{name}_{kind}.tif"


def _rows(file: Path) -> Iterator[list[str]]:
    """Lines of three fields after the heading; fields may be megabytes long."""
    if not file.is_file():
        raise UserError(f"{file} does not exist. Name the folder that holds it.")
    csv.field_size_limit(1 << 30)
    with file.open(newline="", encoding="utf-8-sig") as opened:
        for row in list(csv.reader(opened))[1:]:
            if len(row) != 3:
                raise UserError(f"{file}: expected 3 fields a line, got {row[:4]}.")
            yield row


def _place(entry: Entry) -> str:
    return entry.id.split("_")[0]


def _read_all(entry: Entry, grid: str, overlap: bool) -> Sample:
    image = dstl_bands.on_one_grid(entry.images, grid)
    label = _label(entry, image.shape, overlap)
    return Sample(entry.id, image, label, sequence=_place(entry))


def _read(entry: Entry, bands, percentiles, overlap: bool) -> Sample:
    raw = dstl_bands.raw_bands(entry.images[0])
    if max(bands) >= raw.shape[-1]:
        raise UserError(
            f"{entry.images[0]} has {raw.shape[-1]} bands, --bands asks for {bands}. "
            "They are counted from 0."
        )
    image = np.stack([_eight_bits(raw[..., b], percentiles) for b in bands], -1)
    label = _label(entry, raw.shape, overlap)
    return Sample(entry.id, image, label, sequence=_place(entry))


def _eight_bits(band: np.ndarray, percentiles) -> np.ndarray:
    low, high = np.percentile(band, percentiles)
    share = (band.astype(np.float32) - low) / max(high - low, 1)
    return np.round(255 * np.clip(share, 0, 1)).astype(np.uint8)


def _label(entry: Entry, shape: tuple[int, ...], overlap: bool) -> np.ndarray:
    """Class ids, or with `overlap` (H, W, 10) planes.

    x pixels = x / Xmax * W * W / (W + 1), and so with y / Ymin and H.

    The formula is that of the competition's page. Corners go to the nearest pixel, and
    the outline belongs to the polygon.
    """
    shapely, (height, width) = require("shapely"), shape[:2]
    scale = np.array([width**2 / (width + 1), height**2 / (height + 1)]) / entry.extent
    label = np.zeros((height, width), np.uint8)
    planes = np.zeros((len(ORDER) * overlap, height, width), np.uint8)
    for kind in ORDER:
        canvas, value = (planes[kind - 1], 1) if overlap else (label, kind)
        try:
            shapes = shapely.from_wkt(entry.polygons.get(kind, "MULTIPOLYGON EMPTY"))
        except shapely.errors.ShapelyError as error:
            raise UserError(
                f"{POLYGONS}: ClassType {kind} of {entry.id} is not readable WKT "
                f"({error}). Copy the file again."
            ) from error
        for polygon in getattr(shapes, "geoms", [shapes]):  # none if EMPTY
            rings = [polygon.exterior, *polygon.interiors]  # even-odd: holes stay free
            corners = [np.round(np.array(r.coords)[:, :2] * scale) for r in rings]
            cv2.fillPoly(canvas, [c.astype(np.int32) for c in corners], value)
    return planes.transpose(1, 2, 0) if overlap else label
