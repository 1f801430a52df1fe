"""Class maps of GeoTIFFs with more than 255 classes."""

import numpy as np
import pytest

from kerasseg.image_format import RGB
from kerasseg.inference import maps, outlines
from kerasseg.taxonomy import Taxonomy

rasterio = pytest.importorskip("rasterio")


def test_a_map_of_300_classes(tmp_path):
    bands = np.full((3, 40, 48), 210, np.uint8)  # class 255
    bands[:, :, 24:] = 211  # class 256
    bands[:, :8, :8] = 0  # nodata
    place = rasterio.Affine(1, 0, 5e5, 0, -1, 5e6)
    size = {"height": 40, "width": 48, "count": 3, "dtype": "uint8"}
    options = size | {"crs": "EPSG:32633", "transform": place, "nodata": 0}
    with rasterio.open(tmp_path / "map.tif", "w", driver="GTiff", **options) as file:
        file.write(bands)

    def segment(pixels):
        return pixels[..., 0].astype(np.uint16) + 45

    taxonomy = Taxonomy.numbered(300)
    network = maps.Network(segment, (32, 32), taxonomy, RGB, 0)
    maps.predict(tmp_path / "map.tif", tmp_path / "ids.tif", network)
    with rasterio.open(tmp_path / "ids.tif") as file:
        ids, kind, nodata = file.read(1), file.dtypes[0], file.nodata
        colours = file.colormap(1)
    assert (kind, nodata) == ("uint16", 65535)
    assert colours[255][:3] == taxonomy.colours[255]
    expected = np.where(bands[0] == 0, 65535, bands[0].astype(int) + 45)
    np.testing.assert_array_equal(ids, expected)
    pytest.importorskip("pyogrio")
    said = outlines.write(tmp_path / "ids.tif", tmp_path / "o.gpkg", taxonomy)
    assert said.startswith("2 polygons")
