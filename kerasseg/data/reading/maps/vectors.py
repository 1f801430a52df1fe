"""Polygons of maps (GeoPackage, GeoJSON, shapefile) burned as labels under an image."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.maps.raster import Raster, Window, gdal
from kerasseg.data.reading.masks.class_table import listed
from kerasseg.data.reading.optional_packages import require
from kerasseg.taxonomy import Taxonomy

SUFFIXES = (".gpkg", ".geojson", ".json", ".shp", ".fgb", ".kml", ".gml")
POLYGONS = (3, 6)
"""Polygon and MultiPolygon, as shapely numbers types."""
MANY = 5000
"""Corners from which on a polygon is cut to the window before it is burned."""


@dataclass(frozen=True)
class VectorRule:
    """How features become class ids; may be pickled.

    layer: of files with several. attribute: the field that names the class; "": all
    features are class `only`. codes: class id of each text in it. uncovered: the id
    where no feature is.
    """

    taxonomy: Taxonomy
    layer: str = ""
    attribute: str = ""
    codes: tuple[tuple[str, int], ...] = ()
    only: int = 1
    uncovered: int = 0
    notes: tuple[str, ...] = ()


class Features(NamedTuple):
    """Polygons in the coordinates of an image, the text of each, and an index."""

    polygons: np.ndarray
    texts: np.ndarray
    tree: Any


def burned(rule: VectorRule, file: Path, image: Raster, window: Window) -> np.ndarray:
    """(h, w) class ids: pixels whose centre is in a feature; later features
    cover earlier ones.

    Raises UserError that names the file where it cannot be read, or has no coordinate
    system that leads to the image's.
    """
    shapely = require("shapely", file)
    top, left, height, width = window
    features = _features(file, rule.layer, rule.attribute, image.crs)
    a, b, c, d, e, f = image.transform
    place = a, b, a * left + b * top + c, d, e, d * left + e * top + f
    corners = np.array([(0, 0), (width, 0), (0, height), (width, height)])
    x = place[0] * corners[:, 0] + place[1] * corners[:, 1] + place[2]
    y = place[3] * corners[:, 0] + place[4] * corners[:, 1] + place[5]
    bounds = x.min(), y.min(), x.max(), y.max()
    codes, shapes, ignore = dict(rule.codes), [], rule.taxonomy.ignore
    for number in np.sort(features.tree.query(shapely.box(*bounds))):
        polygon, text = features.polygons[number], features.texts[number]
        class_id = codes.get(text, ignore) if rule.attribute else rule.only
        if shapely.get_num_coordinates(polygon) > MANY and polygon.is_valid:
            polygon = polygon.intersection(shapely.box(*bounds).buffer(abs(a) + abs(b)))
        if not polygon.is_empty:
            shapes.append((polygon, class_id))
    if not shapes:
        return np.full((height, width), rule.uncovered, rule.taxonomy.label_type)
    with gdal(file) as rasterio:
        return rasterio.features.rasterize(
            shapes,
            (height, width),
            fill=rule.uncovered,
            transform=rasterio.Affine(*place),
            dtype=np.dtype(rule.taxonomy.label_type).name,
        )


def bounds_of(rule: VectorRule, file: Path, image: Raster) -> tuple[float, ...]:
    """West, south, east and north of all features, in the image's coordinates; NaN for
    none. Raises UserError as `burned`."""
    shapely = require("shapely", file)
    found = _features(file, rule.layer, rule.attribute, image.crs)
    if not len(found.polygons):
        return (np.nan,) * 4
    return tuple(shapely.total_bounds(found.polygons).tolist())


@functools.lru_cache(maxsize=8)
def _features(file: Path, layer: str, attribute: str, crs: str) -> Features:
    """The polygons of a file in a coordinate system; kept by each process."""
    shapely = require("shapely", file)
    chosen, fields = layer_of(file, layer)
    attribute = attribute if attribute in fields else ""  # none, where no feature is
    polygons, texts, own = features_of(file, chosen, attribute)
    known = np.array([p is not None and not p.is_empty for p in polygons], bool)
    polygons, texts = shapely.force_2d(polygons[known]), texts[known]
    if own and crs and len(polygons):
        with gdal(file) as rasterio:
            source = rasterio.crs.CRS.from_user_input(own)
            target = rasterio.crs.CRS.from_wkt(crs)
            most = np.abs(shapely.total_bounds(polygons)).max()
            if source.is_geographic and most > 360:
                raise UserError(
                    f"{file} is in {own}, as GeoJSON is where it says nothing, but its "
                    f"coordinates reach {most:.0f}. Say which system they are in: "
                    f"ogr2ogr -a_srs EPSG:CODE {file.stem}.gpkg {file}"
                )

            def moved(corners: np.ndarray) -> np.ndarray:
                x, y = rasterio.warp.transform(source, target, *corners.T)
                return np.column_stack([x, y])

            if source != target:
                polygons = shapely.transform(polygons, moved)
                far = ~np.isfinite(shapely.bounds(polygons)).all(-1)
                polygons, texts = polygons[~far], texts[~far]  # cannot be under it
    return Features(polygons, texts, shapely.STRtree(polygons))


def features_of(
    file: Path, layer: str | None, attribute: str
) -> tuple[np.ndarray, np.ndarray, str]:
    """Geometries of shapely or None, the text of each ("" for none), and the CRS.

    Raises UserError that names the file where it cannot be read.
    """
    pyogrio, shapely = require("pyogrio", file), require("shapely", file)
    columns = [attribute] if attribute else []
    try:
        meta, _, encoded, values = pyogrio.raw.read(file, layer=layer, columns=columns)
        polygons = shapely.from_wkb(encoded)
    except (pyogrio.errors.DataSourceError, shapely.errors.ShapelyError) as error:
        raise _damaged(file, error) from error
    texts = np.array([_text(value) for value in values[0]] if attribute else [], object)
    if not attribute:
        texts = np.full(len(polygons), "", object)
    return polygons, texts, meta["crs"] or ""


def layer_of(file: Path, layer: str) -> tuple[str | None, list[str]]:
    """The layer to read, and its fields.

    Raises UserError where it is not there, or there are several and none is named.
    """
    pyogrio = require("pyogrio", file)
    if not file.is_file():
        raise UserError(f"{file} does not exist. Check the path.")
    try:
        layers = [name for name, kind in pyogrio.list_layers(file) if kind is not None]
        if layer and layer not in layers:
            raise UserError(
                f"{file} has the layers {listed(layers)}, not '{layer}'. Correct "
                "--layer."
            )
        if len(layers) > 1 and not layer:
            raise UserError(
                f"{file} has {len(layers)} layers ({listed(layers)}). Say --layer NAME."
            )
        if not layers:
            raise UserError(f"{file} has no layer with geometries. Name another file.")
        fields = pyogrio.read_info(file, layer=layer or layers[0])["fields"]
    except pyogrio.errors.DataSourceError as error:
        raise _damaged(file, error) from error
    return layer or layers[0], list(fields)


def refuse_others(file: Path, geometries: np.ndarray) -> None:
    """Raises UserError for lines and points."""
    shapely = require("shapely", file)
    kinds = shapely.get_type_id(geometries)
    others = (kinds >= 0) & ~np.isin(kinds, POLYGONS)
    if others.any():
        name = geometries[others][0].geom_type
        raise UserError(
            f"{file} has {int(others.sum())} features that are not polygons ({name}) "
            "and cover no pixels. Give them a width (in QGIS: Buffer), or remove them."
        )


def _damaged(file: Path, error: object) -> UserError:
    text = " ".join(str(error).split())[:200]
    return UserError(
        f"{file} cannot be read as a map of features ({text}). Copy or export it again."
    )


def _text(value: Any) -> str:
    """The text of a field; "" for none. 3 and 3.0 are "3"."""
    if value is None or value != value:
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    return str(value).strip()
