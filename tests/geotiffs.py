"""Small GeoTIFFs for the tests, at one place in UTM zone 33."""

import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio", reason="rasterio is missing: kerasseg[geo]")

CRS = "EPSG:32633"
WEST, NORTH, PIXEL = 500_000.0, 5_000_000.0, 10.0
TRANSFORM = rasterio.Affine(PIXEL, 0, WEST, 0, -PIXEL, NORTH)


def place(columns=0, rows=0, scale=1):
    """The transform of a raster that begins at a pixel of `TRANSFORM`, with larger
    pixels."""
    side = PIXEL * scale
    west, north = WEST + columns * PIXEL, NORTH - rows * PIXEL
    return rasterio.Affine(side, 0, west, 0, -side, north)


def geotiff(path, pixels, transform=TRANSFORM, crs=CRS, **options):
    """Writes (H, W) or (H, W, C) pixels as a GeoTIFF; returns its path."""
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    height, width, count = pixels.shape
    colours = options.pop("colours", None)
    mask = options.pop("mask", None)
    size = {"height": height, "width": width, "count": count}
    kind = {"dtype": pixels.dtype.name, "crs": crs, "transform": transform}
    options = {"photometric": "minisblack", **size, **kind, **options}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        with rasterio.open(path, "w", driver="GTiff", **options) as file:
            if colours:
                file.write_colormap(1, colours)
            file.write(np.moveaxis(pixels, -1, 0))
            if mask is not None:
                file.write_mask(mask)
    return path


def noise(height, width, bands=3, kind="uint8"):
    """(H, W, C) numbers above 0 of a fixed seed."""
    drawn = np.random.default_rng(height).integers(1, 200, (height, width, bands))
    return drawn.astype(kind)
