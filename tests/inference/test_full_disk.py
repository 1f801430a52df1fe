"""GDAL does not always tell of a full disk: maps and polygons are read back."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from geotiffs import geotiff, noise, rasterio

from kerasseg import UserError
from kerasseg.image_format import RGB
from kerasseg.inference import maps, outlines
from kerasseg.taxonomy import Taxonomy

TAXONOMY = Taxonomy(("dark", "light"), ((0, 0, 0), (9, 9, 9)))


def segment(image, each=None):
    return (image[..., 0] > 100).astype(np.uint8)


def test_a_map_that_is_not_whole(tmp_path, monkeypatch):
    source = geotiff(tmp_path / "a.tif", noise(40, 40), photometric="rgb")
    network = maps.Network(segment, (32, 32), TAXONOMY, RGB)
    count = itertools.count()
    monkeypatch.setattr(maps, "crc32", lambda _: next(count))
    with pytest.raises(OSError, match="does not hold what was written"):
        maps.predict(source, tmp_path / "o.tif", network)
    assert [file.name for file in tmp_path.iterdir()] == ["a.tif"]


@pytest.mark.parametrize("told", [True, False])
def test_polygons_that_are_not_whole(tmp_path, monkeypatch, told):
    raw = pytest.importorskip("pyogrio.raw")
    errors = pytest.importorskip("pyogrio.errors")
    whole = raw.write

    def full(file, encoded, fields, *words, **options):
        if told:
            raise errors.FeatureError("Could not add feature to layer at index 0")
        whole(file, encoded[:-1], [field[:-1] for field in fields], *words, **options)

    monkeypatch.setattr(raw, "write", full)
    ids = (noise(40, 40)[..., :1] > 100).astype(np.uint8)
    label = geotiff(tmp_path / "ids.tif", ids)
    with pytest.raises(UserError, match=r"o\.gpkg cannot be written \("):
        outlines.write(label, tmp_path / "o.gpkg", TAXONOMY)
    assert [file.name for file in tmp_path.iterdir()] == ["ids.tif"]


def test_a_map_that_cannot_be_read_back(tmp_path, monkeypatch):
    source = geotiff(tmp_path / "a.tif", noise(40, 40), photometric="rgb")
    network = maps.Network(segment, (32, 32), TAXONOMY, RGB)
    whole = rasterio.open

    def cut(file, *words, **options):
        if Path(file).name.startswith(".") and not words:
            Path(file).write_bytes(Path(file).read_bytes()[:40])
        return whole(file, *words, **options)

    monkeypatch.setattr(rasterio, "open", cut)
    with pytest.raises(OSError, match="does not hold what was written"):
        maps.predict(source, tmp_path / "o.tif", network)
    assert [file.name for file in tmp_path.iterdir()] == ["a.tif"]
