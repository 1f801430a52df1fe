"""Class maps of GeoTIFFs: at the same place, as one pass over all of it, in strips."""

import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from geotiffs import TRANSFORM, geotiff, noise, place, rasterio

from kerasseg import UserError, predict
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.inference import inputs, maps, outlines
from kerasseg.taxonomy import IGNORE, Taxonomy

TAXONOMY = Taxonomy(("water", "wood", "field"), ((0, 0, 255), (0, 99, 0), (9, 9, 9)))


def segment(image, each=None):
    """Classes by the mean of 7 x 7 pixels, zero beyond the border, as convolutions."""
    gray = image.mean(-1, dtype=np.float32)
    mean = cv2.blur(gray, (7, 7), borderType=cv2.BORDER_CONSTANT)
    return np.digitize(mean, [90, 105]).astype(np.uint8)


def network(size=(64, 64), image_format=RGB, overlap=0):
    return maps.Network(segment, size, TAXONOMY, image_format, overlap)


def rgb(path, pixels, **options):
    return geotiff(path, pixels, photometric="rgb", **options)


def ids_of(path):
    with rasterio.open(path) as file:
        return file.read(1)


@pytest.mark.parametrize("size", [(64, 64), (64, 96), (96, 256)])
@pytest.mark.parametrize("shape", [(192, 256), (64, 480), (203, 77), (30, 300)])
def test_tiles_are_as_one_pass(tmp_path, shape, size):
    pixels = noise(*shape)
    source = rgb(tmp_path / "a.tif", pixels, nodata=0)
    quick, notes = maps.predict(source, tmp_path / "o.tif", network(size))
    high, wide = (
        max(tile, -(-length // 32) * 32) if length % 16 or length < tile else length
        for length, tile in zip(shape, size, strict=True)
    )
    grown = ((0, high - shape[0]), (0, wide - shape[1]), (0, 0))
    whole = segment(np.pad(pixels, grown, mode="reflect"))[: shape[0], : shape[1]]
    np.testing.assert_array_equal(ids_of(tmp_path / "o.tif"), whole)
    np.testing.assert_array_equal(quick.label, whole)
    np.testing.assert_array_equal(quick.pixels, pixels)
    assert notes == ()


def test_the_file_is_at_the_same_place_with_classes_and_colours(tmp_path):
    pixels = noise(90, 70)
    pixels[:20] = 0
    where = place(7, 9, 3)
    source = rgb(tmp_path / "a.tif", pixels, nodata=0, transform=where)
    maps.predict(source, tmp_path / "o.tif", network())
    with rasterio.open(source) as a, rasterio.open(tmp_path / "o.tif") as b:
        assert (a.crs, a.transform, a.bounds) == (b.crs, b.transform, b.bounds)
        assert (a.shape, b.count, b.dtypes) == (b.shape, 1, ("uint8",))
        assert b.nodata == IGNORE and b.profile["tiled"]
        assert b.compression.name == "deflate" and b.colorinterp[0].name == "palette"
        assert b.colormap(1)[1] == (0, 99, 0, 255) and b.colormap(1)[IGNORE][3] == 0
        assert b.tags(1) == {"class_0": "water", "class_1": "wood", "class_2": "field"}
        label = b.read(1)
    assert (label[:20] == IGNORE).all() and (label[20:] < 3).all()
    assert [file.name for file in tmp_path.glob("*o.tif*")] == ["o.tif"]


def test_ground_control_points_are_kept(tmp_path):
    points = [
        rasterio.control.GroundControlPoint(row, column, column * 2.0, row * 3.0, 0.0)
        for row, column in ((0, 0), (0, 80), (70, 0))
    ]
    rgb(tmp_path / "a.tif", noise(90, 80), transform=None, gcps=points)
    assert maps.is_map(tmp_path / "a.tif")
    maps.predict(tmp_path / "a.tif", tmp_path / "o.tif", network())
    with rasterio.open(tmp_path / "o.tif") as file:
        found, crs = file.gcps
    assert len(found) == 3 and crs == rasterio.crs.CRS.from_epsg(32633)


def test_quick_looks_are_every_nth_pixel(tmp_path, monkeypatch):
    monkeypatch.setattr(maps, "QUICK_LOOK", 60)
    pixels = noise(203, 301)
    source = rgb(tmp_path / "a.tif", pixels)
    quick, _ = maps.predict(source, tmp_path / "o.tif", network(overlap=10))
    np.testing.assert_array_equal(quick.pixels, pixels[::6, ::6])
    np.testing.assert_array_equal(quick.label, ids_of(tmp_path / "o.tif")[::6, ::6])


def test_what_the_network_does_not_take_is_refused(tmp_path):
    source = geotiff(tmp_path / "a.tif", noise(90, 80, 4, "uint16"))
    with pytest.raises(UserError, match=r"4 bands .* of uint16; the network takes 3"):
        maps.predict(source, tmp_path / "o.tif", network())
    assert not list(tmp_path.glob("*o.tif"))
    four = ImageFormat.of(("red", "green", "blue", "nir"), "uint16")
    maps.predict(source, tmp_path / "o.tif", network(image_format=four))


def test_alpha_and_bands_are_those_of_the_training(tmp_path):
    pixels = noise(40, 33, 4)
    pixels[:9, :8, 3] = 0
    source = rgb(tmp_path / "a.tif", pixels, alpha="yes")
    valid = network(image_format=ImageFormat(alpha="valid"))
    maps.predict(source, tmp_path / "o.tif", valid)
    outside = ids_of(tmp_path / "o.tif") == IGNORE
    assert outside[:9, :8].all() and outside.sum() == 72
    plain = geotiff(tmp_path / "b.tif", pixels)
    two = ImageFormat(("band_4", "band_1"), display=(0, 1, 1), chosen=(3, 0))
    quick, _ = maps.predict(plain, tmp_path / "o.tif", network(image_format=two))
    np.testing.assert_array_equal(quick.pixels, pixels[..., [3, 0]])


def test_what_is_a_map(tmp_path, monkeypatch):
    nowhere = {"crs": None, "transform": rasterio.Affine.identity()}
    plain = rgb(tmp_path / "plain.tif", noise(40, 50), **nowhere)
    assert not maps.is_map(plain) and not maps.is_map(0)
    assert maps.is_map(rgb(tmp_path / "a.tif", noise(40, 50)))
    (tmp_path / "damaged.tif").write_bytes(b"II*\0")
    assert not maps.is_map(tmp_path / "damaged.tif")
    monkeypatch.setattr(maps, "LARGE", 40 * 50 - 1)
    assert maps.is_map(plain)
    maps.predict(plain, tmp_path / "o.tif", network((32, 32)))
    (tmp_path / "plain.tfw").write_text("2\n0\n0\n-2\n500\n900\n")
    monkeypatch.undo()
    assert maps.is_map(plain)
    (tmp_path / "mosaic.vrt").write_text("<VRTDataset/>")
    assert tmp_path / "mosaic.vrt" in inputs.inputs_of([str(tmp_path)], Path()).sources


def test_seams_on_a_real_map(tmp_path):
    """As one pass but for the last rows and columns: 403 x 515 is no size of networks,
    and the map is mirrored there."""
    if not os.environ.get("KERASSEG_DATA"):
        pytest.skip("KERASSEG_DATA does not say where data/landsat lies")
    source = Path(os.environ["KERASSEG_DATA"]) / "landsat/rgbn.tif"
    bands = ImageFormat.of(("red", "green", "blue", "band_4"))
    maps.predict(source, tmp_path / "o.tif", network((128, 128), bands))
    with rasterio.open(source) as file, rasterio.open(tmp_path / "o.tif") as result:
        whole = segment(np.moveaxis(file.read(), 0, -1))
        assert (file.crs, file.bounds) == (result.crs, result.bounds)
        wrong = result.read(1) != whole
    assert not wrong[:-3, :-3].any()


@pytest.fixture
def command(monkeypatch, tmp_path):
    """The command, with the network of this file instead of a run's."""
    monkeypatch.setattr(predict, "_network", lambda asked: network())
    monkeypatch.chdir(tmp_path)
    return lambda *words: predict.main.__wrapped__([*map(str, words), "--run", "x"])


def test_predict_takes_maps_beside_pictures(tmp_path, command, capsys):
    pytest.importorskip("pyogrio")
    (tmp_path / "in").mkdir()
    rgb(tmp_path / "in/a.tif", noise(150, 90))
    cv2.imwrite(str(tmp_path / "in/b.png"), noise(40, 50))
    command("in", "--out", "out", "--vectors", "gpkg")
    names = {"a_label.tif", "a_label.gpkg", "a_overlay.jpg", "b_label.png"}
    found = {file.name for file in (tmp_path / "out").iterdir()}
    more = {"b_overlay.jpg", "contact_sheet.jpg", "predicted.jsonl"}
    more.add("overlay_legend.png")
    assert found == names | more
    said = capsys.readouterr().out
    assert "polygons in out/a_label.gpkg, areas below 16 pixels joined" in said
    assert said.endswith("2 predicted into out\n")
    command("in", "--out", "out", "--vectors", "gpkg")  # again, over its own
    (tmp_path / "in/a_label.gpkg").write_bytes(b"my own")
    with pytest.raises(UserError, match=r"in/a_label\.gpkg is there .* is yours"):
        command("in/a.tif", "--out", "in", "--vectors", "gpkg")
    with pytest.raises(UserError, match="Say --vectors gpkg"):
        command("in/a.tif", "in/a.tif", "--vectors", "one.gpkg")
    with pytest.raises(UserError, match="--crf is for pictures"):
        command("in/a.tif", "--crf")


def test_a_missing_rasterio_is_one_line(tmp_path, command, monkeypatch):
    rgb(tmp_path / "a.tif", noise(150, 90))
    monkeypatch.setitem(sys.modules, "rasterio", None)
    with pytest.raises(UserError, match=r"left out: a\.tif .*kerasseg\[geo\]"):
        command("a.tif")


def test_overlapping_classes_have_a_band_each(tmp_path):
    """Water and wood overlap between the two levels; fields are the third band."""
    taxonomy = Taxonomy(TAXONOMY.names, TAXONOMY.colours, exclusive=False)

    def planes(image, each=None):
        return (image > 120).astype(np.uint8)

    pixels = noise(90, 150)
    pixels[:20] = 0
    source = rgb(tmp_path / "a.tif", pixels, nodata=0)
    given = maps.Network(planes, (64, 64), taxonomy, RGB)
    quick, _ = maps.predict(source, tmp_path / "o.tif", given)
    expected = planes(pixels)
    expected[:20] = IGNORE
    with rasterio.open(tmp_path / "o.tif") as file:
        assert file.descriptions == TAXONOMY.names
        assert file.nodata == IGNORE
        np.testing.assert_array_equal(np.moveaxis(file.read(), 0, -1), expected)
    np.testing.assert_array_equal(quick.label, expected)
    pyogrio = pytest.importorskip("pyogrio")
    outlines.write(tmp_path / "o.tif", tmp_path / "o.gpkg", taxonomy)
    _, _, polygons, fields = pyogrio.raw.read(tmp_path / "o.gpkg")
    shapely = pytest.importorskip("shapely")
    areas = shapely.area(shapely.from_wkb(polygons))
    scale = abs(TRANSFORM[0] * TRANSFORM[4])
    for class_id in range(3):
        of_class = areas[fields[0] == class_id].sum() / scale
        assert of_class == pytest.approx((expected[..., class_id] == 1).sum())


# --- polygons -------------------------------------------------------------------------


@pytest.fixture
def class_map(tmp_path):
    source = rgb(tmp_path / "a.tif", noise(150, 90), nodata=0)
    maps.predict(source, tmp_path / "o.tif", network())
    return tmp_path / "o.tif"


@pytest.mark.parametrize("rows", [5, 64, 1000])
def test_bands_give_the_polygons_of_the_whole(class_map, rows, monkeypatch):
    shapely = pytest.importorskip("shapely", reason="shapely is missing: kerasseg[geo]")
    features = pytest.importorskip("rasterio.features")
    monkeypatch.setattr(outlines, "ROWS", rows)
    with rasterio.open(class_map) as file:
        found = list(outlines.outlines(rasterio, file))
        whole = features.shapes(file.read(1), connectivity=4)
        expected = [(int(v), shapely.geometry.shape(s)) for s, v in whole]

    def texts(polygons):  # where a ring begins, and extra corners, do not matter
        return sorted((i, shapely.simplify(p, 0).normalize().wkt) for i, p in polygons)

    assert len(found) == len(expected) > 20
    for (i, one), (j, other) in zip(texts(found), texts(expected), strict=True):
        assert i == j and shapely.from_wkt(one).equals(shapely.from_wkt(other))


@pytest.mark.parametrize("ending", ["gpkg", "geojson", "shp"])
def test_polygons_are_written_and_burn_back(class_map, ending, monkeypatch):
    pyogrio = pytest.importorskip("pyogrio.raw")
    shapely = pytest.importorskip("shapely")
    features = pytest.importorskip("rasterio.features")
    warp = pytest.importorskip("rasterio.warp")
    monkeypatch.setattr(outlines, "AT_ONCE", 90)
    monkeypatch.setattr(outlines, "ROWS", 40)
    file = outlines.file_of(ending, class_map)
    said = outlines.write(class_map, file, TAXONOMY)
    meta, _, encoded, (ids, names) = pyogrio.read(file)
    assert said == f"{len(ids)} polygons in {file}"
    assert meta["crs"] == ("EPSG:4326" if ending == "geojson" else "EPSG:32633")
    assert {TAXONOMY.names[i] for i in ids} == set(names) and len(ids) > 20
    polygons = shapely.from_wkb(encoded)
    if ending == "geojson":
        polygons = shapely.transform(
            polygons,
            lambda c: np.column_stack(warp.transform("EPSG:4326", "EPSG:32633", *c.T)),
        )
    shapes = [(p, int(i)) for p, i in zip(polygons, ids, strict=True)]
    label = ids_of(class_map)
    options = {"fill": IGNORE, "transform": TRANSFORM, "dtype": "uint8"}
    np.testing.assert_array_equal(
        features.rasterize(shapes, label.shape, **options), label
    )
    left = {f.suffix for f in class_map.parent.glob("*o.*")} - {".tif"}
    assert left <= {f".{ending}", ".shx", ".dbf", ".prj", ".cpg"}


def test_small_areas_join_their_neighbours(class_map):
    pyogrio = pytest.importorskip("pyogrio.raw")
    shapely = pytest.importorskip("shapely")
    file = class_map.with_suffix(".gpkg")
    said = outlines.write(class_map, file, TAXONOMY, 16)
    areas = shapely.area(shapely.from_wkb(pyogrio.read(file)[2])) / 100
    assert areas.min() >= 16 and areas.sum() == 150 * 90
    assert "areas below 16 pixels joined to others (--sieve)" in said


def test_vectors_that_cannot_be_written_are_refused_first():
    for asked, count, match in (
        ("a.kml", 1, r"writes \.gpkg, \.geojson, \.shp, got 'a\.kml'"),
        ("a.gpkg", 0, "is for maps"),
        ("a.gpkg", 2, "Say --vectors gpkg to write one beside each class map"),
    ):
        with pytest.raises(UserError, match=match):
            outlines.check(asked, count)
    outlines.check("", 0)
    outlines.check("shp", 2)
