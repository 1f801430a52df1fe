"""Windows of rasters hold what whole pictures hold; labels lie where images lie."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from geotiffs import NORTH, PIXEL, WEST, geotiff, noise, place, rasterio

from kerasseg import UserError
from kerasseg.data.reading.maps import raster_labels
from kerasseg.data.reading.maps.raster import Raster, palette_of
from kerasseg.data.reading.pictures import image
from kerasseg.data.reading.pictures.picture import ReadOptions

WINDOW = (5, 3, 20, 17)


def same_as_the_whole(path, options=image.DEFAULT, window=WINDOW):
    top, left, height, width = window
    inside = np.s_[top : top + height, left : left + width]
    whole, part = image.read(path, options), Raster.of(path, options).picture(window)
    np.testing.assert_array_equal(part.pixels, whole.pixels[inside])
    assert part.pixels.dtype == whole.pixels.dtype and part.bands == whole.bands
    valid = (
        np.ones(whole.pixels.shape[:2], bool) if whole.valid is None else whole.valid
    )
    mine = np.ones((height, width), bool) if part.valid is None else part.valid
    np.testing.assert_array_equal(mine, valid[inside])
    return part


@pytest.mark.parametrize("kind", ["uint8", "int8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("interleave", ["pixel", "band"])
def test_windows_are_parts_of_the_picture(tmp_path, kind, interleave):
    pixels = noise(40, 33, 5, kind if kind != "int8" else "int16").clip(1, 100)
    pixels[8:12, 4:9] = 0
    path = tmp_path / "a.tif"
    options = {"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "deflate"}
    geotiff(path, pixels.astype(kind), nodata=0, interleave=interleave, **options)
    part = same_as_the_whole(path)
    assert part.valid is not None and not part.valid[4, 3]
    one = Raster.of(path)
    assert one.placed and one.may_be_invalid
    assert pickle.loads(pickle.dumps(one)) == one


def test_nan_alpha_masks_and_palettes(tmp_path):
    floats = noise(40, 33, 2, "float32")
    floats[7, 6, 1] = np.nan
    same_as_the_whole(geotiff(tmp_path / "nan.tif", floats))
    four = noise(40, 33, 4)
    four[10:13, 5:9, 3] = 0
    path = geotiff(tmp_path / "alpha.tif", four, photometric="rgb", alpha="yes")
    for alpha in ("drop", "band", "valid"):
        same_as_the_whole(path, ReadOptions(alpha))
    same_as_the_whole(path, ReadOptions("band", bands=(3, 0)))
    assert not Raster.of(path).may_be_invalid
    mask = np.full((40, 33), 255, np.uint8)
    mask[6:9, 4:6] = 0
    path = geotiff(tmp_path / "mask.tif", noise(40, 33), photometric="rgb", mask=mask)
    assert same_as_the_whole(path).valid.sum() == 20 * 17 - 6
    colours = {1: (9, 8, 7, 255), 2: (200, 0, 4, 255)}
    path = tmp_path / "palette.tif"
    indices = noise(40, 33, 1) % 2 + 1
    geotiff(path, indices, colours=colours, photometric="palette")
    same_as_the_whole(path)
    assert palette_of(path)[2].tolist() == [200, 0, 4]


def test_palettes_of_16_bits_and_pages_that_are_channels(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    indices = noise(40, 33, 1, "uint16")[..., 0] * 300  # beyond 255
    colours = np.random.default_rng(0).integers(256, 65536, (3, 65536), np.uint16)
    path = tmp_path / "palette.tif"
    tifffile.imwrite(path, indices, photometric="palette", colormap=colours)
    part = same_as_the_whole(path)
    top, left, *_ = WINDOW
    np.testing.assert_array_equal(
        part.pixels[0, 0], colours[:, indices[top, left]] >> 8
    )
    path = tmp_path / "channels.tif"
    tifffile.imwrite(
        path, np.ones((3, 40, 33), "uint16"), imagej=True, metadata={"axes": "CYX"}
    )
    with pytest.raises(UserError, match="several pages"):
        Raster.of(path)


def test_other_kinds_of_files_have_the_names_that_gdal_gives(tmp_path):
    path = geotiff(tmp_path / "a.tif", noise(40, 33, 2), nodata=7)
    with rasterio.open(path, "r+") as file:
        file.descriptions = "vv", "vh"
    with rasterio.open(path) as file:
        shutil = pytest.importorskip("rasterio.shutil")
        shutil.copy(file, tmp_path / "a.vrt", driver="VRT")
    virtual, one = Raster.of(tmp_path / "a.vrt"), Raster.of(path)
    assert virtual.header == one.header and one.header.bands == ("vv", "vh")
    both = virtual.picture(WINDOW), one.picture(WINDOW)
    np.testing.assert_array_equal(both[0].pixels, both[1].pixels)


@pytest.mark.parametrize("name", ["rgbn.tif", "rgbn_suba.tif", "LE07*.tif"])
def test_real_rasters(name):
    data = Path(os.environ.get("KERASSEG_DATA", ""))
    if not os.environ.get("KERASSEG_DATA"):
        pytest.skip("KERASSEG_DATA does not say where data/landsat lies")
    same_as_the_whole(next((data / "landsat").glob(name)))


def test_refusals(tmp_path):
    (tmp_path / "no.tif").write_bytes(b"II*\0 and nothing")
    with pytest.raises(UserError, match=r"no\.tif cannot be read"):
        Raster.of(tmp_path / "no.tif")
    with pytest.raises(UserError, match=r"gone\.tif does not exist"):
        Raster.of(tmp_path / "gone.tif")
    path = geotiff(tmp_path / "cmyk.tif", noise(8, 8, 4), photometric="cmyk")
    with pytest.raises(UserError, match="CMYK or CIELAB"):
        Raster.of(path)
    path = geotiff(tmp_path / "a.tif", noise(40, 33))
    path.write_bytes(path.read_bytes()[:1500])  # GDAL finds what is lost, or tifffile
    with pytest.raises(UserError, match=r"a\.tif cannot be read"):
        Raster.of(path).picture(WINDOW)


def test_gdal_does_not_speak_and_a_missing_rasterio_is_named(tmp_path):
    geotiff(
        tmp_path / "a.tif",
        noise(40, 33),
        crs=None,
        transform=rasterio.Affine.identity(),
    )
    program = (
        "import sys; from pathlib import Path;"
        "from kerasseg.data.reading.maps.raster import Raster;"
        "a = Path(sys.argv[1]) / 'a.tif'; Raster.of(a).picture((0, 0, 4, 4));"
        "sys.modules['rasterio'] = None\n"
        "try: Raster.of(a)\n"
        "except Exception as error: print(error)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, tmp_path], capture_output=True, text=True
    )
    assert run.stderr == "" and run.returncode == 0
    assert run.stdout.count("\n") == 1 and "pip install 'kerasseg[geo]'" in run.stdout


# --- labels ---------------------------------------------------------------------------


def label_under(image, label, window=WINDOW):
    found = raster_labels.part(label, image, window)
    return np.where(found.outside, -1, found.stored.pixels.astype(int))


def test_labels_on_other_grids_are_taken_at_the_centres(tmp_path):
    img = Raster.of(geotiff(tmp_path / "i.tif", noise(40, 33)))
    ids = noise(40, 33, 1)[..., 0]
    inside = np.s_[5:25, 3:20]
    same = Raster.of(geotiff(tmp_path / "same.tif", ids))
    np.testing.assert_array_equal(label_under(img, same), ids[inside])
    assert raster_labels.check(same, img) == ""
    # Two pixels to the left and one up: row r of the image is row r + 1 of the label.
    moved = Raster.of(geotiff(tmp_path / "moved.tif", ids, place(-2, -1)))
    np.testing.assert_array_equal(label_under(img, moved), ids[6:26, 5:22])
    # Pixels of twice the size, and of half the size.
    coarse = Raster.of(geotiff(tmp_path / "coarse.tif", ids, place(scale=2)))
    want = np.repeat(np.repeat(ids, 2, 0), 2, 1)
    np.testing.assert_array_equal(label_under(img, coarse), want[inside])
    assert "pixels of 2 image pixels" in raster_labels.check(coarse, img)
    fine = Raster.of(geotiff(tmp_path / "fine.tif", ids, place(scale=0.5)))
    rows, columns = 2 * np.arange(5, 25) + 1, 2 * np.arange(3, 20) + 1
    want = np.full((20, 17), -1)
    seen = np.ix_(rows < 40, columns < 33)
    want[seen] = ids[np.ix_(rows[rows < 40], columns[columns < 33])]
    np.testing.assert_array_equal(label_under(img, fine), want)


def test_turned_grids(tmp_path):
    """A label turned by 90 degrees: its rows are the columns of the image."""
    img = Raster.of(geotiff(tmp_path / "i.tif", noise(40, 33)))
    ids = noise(40, 33, 1)[..., 0]
    quarter = rasterio.Affine(0, PIXEL, WEST, -PIXEL, 0, NORTH)
    turned = Raster.of(geotiff(tmp_path / "l.tif", ids.T, quarter))
    np.testing.assert_array_equal(label_under(img, turned), ids[5:25, 3:20])


def test_labels_elsewhere_are_refused_with_the_command(tmp_path):
    img = Raster.of(geotiff(tmp_path / "i.tif", noise(40, 33)))
    other = Raster.of(geotiff(tmp_path / "l.tif", noise(40, 33, 1), crs="EPSG:32634"))
    want = (
        r"gdalwarp -r near -t_srs EPSG:32633 -te 500000 4999600 500330 5000000 -ts 33"
    )
    with pytest.raises(UserError, match=want):
        raster_labels.check(other, img)
    none = {"crs": None, "transform": rasterio.Affine.identity()}
    plain = Raster.of(geotiff(tmp_path / "p.tif", noise(40, 33, 1), **none))
    assert "pixel by pixel" in raster_labels.check(plain, img)
    np.testing.assert_array_equal(
        label_under(img, plain), noise(40, 33, 1)[5:25, 3:20, 0]
    )
    small = Raster.of(geotiff(tmp_path / "s.tif", noise(20, 33, 1), **none))
    with pytest.raises(UserError, match="does not say where it lies"):
        raster_labels.check(small, img)
