"""Outlines of the classes of a map: polygons as GeoPackage, GeoJSON or shapefile.

The class map is read in bands of rows. What reaches a band's lower end waits for its
continuation in the next one, so the memory does not grow with the map, but for areas
that go on from band to band.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.maps.raster import gdal
from kerasseg.data.reading.optional_packages import require
from kerasseg.files import atomic
from kerasseg.taxonomy import Taxonomy, ignore_in

DRIVERS = {".gpkg": "GPKG", ".geojson": "GeoJSON", ".shp": "ESRI Shapefile"}
ROWS = 1024
"""Rows of a band."""
AT_ONCE = 20_000
"""Polygons that are written at once."""
LON_LAT = "EPSG:4326"
"""What GeoJSON is in (RFC 7946)."""
Outline = tuple[int, Any]
"""A class id and a polygon of shapely in pixels: x to the right, y down."""


def check(asked: str, count: int) -> None:
    """Raises UserError for a --vectors that is no such file, or one file for several
    maps, MissingPackage where something is missing."""
    if not asked:
        return
    if file_of(asked, Path("map.tif")).suffix.lower() not in DRIVERS:
        raise UserError(
            f"--vectors writes {', '.join(DRIVERS)}, got '{asked}'. Name such a file."
        )
    if not count:
        raise UserError("--vectors is for maps (GeoTIFF), and none is given.")
    if count > 1 and f".{asked}" not in DRIVERS:
        kind = Path(asked).suffix[1:]
        raise UserError(
            f"--vectors names one file, and {count} maps are given. Say --vectors "
            f"{kind} to write one beside each class map."
        )
    for package in ("rasterio", "pyogrio", "shapely"):
        require(package, "--vectors")


def file_of(asked: str, class_map: Path) -> Path:
    """The file that --vectors names; of an ending alone, the one beside a class map."""
    beside = f".{asked}" in DRIVERS
    return class_map.with_suffix(f".{asked}") if beside else Path(asked)


def parts_of(file: Path) -> list[Path]:
    """The files that `write` may write for one; a shapefile is several."""
    shapefile = file.suffix.lower() == ".shp"
    endings = (".shx", ".dbf", ".prj", ".cpg") if shapefile else ()
    return [file, *(file.with_suffix(ending) for ending in endings)]


def write(class_map: Path, file: Path, taxonomy: Taxonomy, sieve: int = 0) -> str:
    """Writes the outlines of a class map; returns a line that says so.

    Pixels of one class that share an edge are one polygon, with holes where others are.
    Where classes overlap, so do the polygons. Fields: class_id, and class, the name.
    Ignored pixels have none. GeoJSON is in longitude and latitude, others in the map's
    own coordinates.

    sieve: areas of fewer pixels join their largest neighbour first; 0 for none.

    Raises UserError where they cannot be written, as on a full disk, and MissingPackage
    without rasterio, pyogrio and shapely.
    """
    pyogrio, shapely = require("pyogrio.raw", file), require("shapely", file)
    count = 0
    with (
        gdal(class_map) as rasterio,
        rasterio.open(class_map) as data,
        atomic.scratch(file.parent) as folder,
    ):
        aside = folder / file.name
        lonlat = file.suffix.lower() == ".geojson" and data.crs is not None
        crs = LON_LAT if lonlat else (data.crs.to_wkt() if data.crs else None)

        def placed(corners: np.ndarray) -> np.ndarray:
            a, b, c, d, e, f = tuple(data.transform)[:6]
            column, row = corners.T
            x, y = a * column + b * row + c, d * column + e * row + f
            if lonlat:
                x, y = rasterio.warp.transform(data.crs, LON_LAT, x, y)
            return np.column_stack([x, y])

        found = outlines(rasterio, data, sieve)
        if not taxonomy.exclusive:
            found = _of_planes(rasterio, data, sieve)
        for some in _batches(found):
            ids = np.array([class_id for class_id, _ in some], np.int32)
            names = [taxonomy.names[class_id] for class_id in ids]
            polygons = np.array([polygon for _, polygon in some], object)
            with _told(file):
                pyogrio.write(
                    aside,
                    shapely.to_wkb(shapely.transform(polygons, placed)),
                    [ids, np.array(names, object)],
                    ["class_id", "class"],
                    geometry_type="Polygon",
                    driver=DRIVERS[file.suffix.lower()],
                    crs=crs,
                    encoding="UTF-8",
                    append=bool(count),
                    layer=file.stem,
                )
            count += len(some)
        with _told(file):  # GDAL does not always tell of a full disk
            read_info = require("pyogrio", file).read_info
            held = read_info(aside, force_feature_count=True)["features"]
            if held != count:
                raise RuntimeError(f"it holds {held} of {count} polygons")
        for part in Path(folder).iterdir():
            part.replace(file.parent / part.name)
    sieved = f"areas below {sieve} pixels joined to others (--sieve)"
    return f"{count} polygons in {file}" + (f", {sieved}" if sieve > 1 else "")


@contextlib.contextmanager
def _told(file: Path) -> Iterator[None]:
    """Errors of pyogrio, which are RuntimeErrors, in one line."""
    try:
        yield
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{file} cannot be written ({reason}). Is the disk full? The class map is "
            "written; make room and predict it again."
        ) from error


def _of_planes(rasterio: Any, data: Any, sieve: int) -> Iterator[Outline]:
    """The polygons of each band of an open map, where it is 1."""
    for band in range(1, data.count + 1):
        for there, polygon in outlines(rasterio, data, sieve, band):
            if there:
                yield band - 1, polygon


def outlines(
    rasterio: Any, data: Any, sieve: int = 0, band: int = 1
) -> Iterator[Outline]:
    """The polygons of an open class map. A polygon ends where a pixel of another class
    shares the edge; corners alone do not connect."""
    shapely = require("shapely", data.name)
    waiting: dict[int, list[Any]] = {}
    for top in range(0, data.height, ROWS):
        end = min(top + ROWS, data.height)
        ids = _sieved(rasterio, data, top, end, sieve, band)
        begun: dict[int, list[Any]] = {}
        going, waiting = waiting, {}
        shapes = rasterio.features.shapes(
            ids,
            mask=ids != ignore_in(ids),
            connectivity=4,
            transform=rasterio.Affine.translation(0, top),
        )
        for class_id, polygon in _polygons(shapely, shapes):
            _, above, _, below = polygon.bounds
            if above == top and class_id in going:
                begun.setdefault(class_id, []).append(polygon)
            elif below == end < data.height:
                waiting.setdefault(class_id, []).append(polygon)
            else:
                yield class_id, polygon
        for class_id, parts in going.items():
            joined = shapely.union_all([*parts, *begun.get(class_id, [])])
            for polygon in shapely.simplify(shapely.get_parts(joined), 0):
                if polygon.bounds[3] == end < data.height:
                    waiting.setdefault(class_id, []).append(polygon)
                else:
                    yield class_id, polygon


def _polygons(shapely: Any, shapes: Iterable[tuple[Any, float]]) -> Iterator[Outline]:
    """What `rasterio.features.shapes` gives, as polygons: many at once, which is much
    faster than one by one."""
    shapes = iter(shapes)
    while some := list(islice(shapes, AT_ONCE)):
        rings = [shape["coordinates"] for shape, _ in some]
        owners = np.repeat(np.arange(len(rings)), [len(each) for each in rings])
        flat = [ring for each in rings for ring in each]
        corners = np.array([corner for ring in flat for corner in ring])
        of_ring = np.repeat(np.arange(len(flat)), [len(ring) for ring in flat])
        lines = shapely.linearrings(corners, indices=of_ring)
        polygons = shapely.polygons(lines, indices=owners)
        yield from zip((int(value) for _, value in some), polygons, strict=True)


def _sieved(
    rasterio: Any, data: Any, top: int, end: int, sieve: int, band: int
) -> np.ndarray:
    """Rows of ids; what decides about an area is looked at with as many rows around as
    an area to remove can reach."""
    margin = 4 * sieve if sieve > 1 else 0
    first, last = max(0, top - margin), min(data.height, end + margin)
    ids = data.read(band, window=((first, last), (0, data.width)))
    if sieve > 1:
        ignore = ids.dtype.type(ignore_in(ids))
        known = ids != ignore
        ids = rasterio.features.sieve(ids, sieve, mask=known, connectivity=4)
        ids = np.where(known, ids, ignore)
    return ids[top - first : end - first]


def _batches(found: Iterator[Outline]) -> Iterator[list[Outline]]:
    """Lists of polygons; one empty list where there is none."""
    some: list[Outline] = []
    first = True
    for one in found:
        some.append(one)
        if len(some) == AT_ONCE:
            yield some
            some, first = [], False
    if some or first:
        yield some
