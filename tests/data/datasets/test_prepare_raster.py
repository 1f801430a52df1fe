"""prepare raster: pieces of maps, their labels, and splits that do not leak."""

from functools import partial

import numpy as np
import pytest
from geotiffs import CRS, NORTH, PIXEL, WEST, geotiff, noise, place
from PIL import Image

from kerasseg import UserError, prepare
from kerasseg.data.datasets.raster import load
from kerasseg.data.reading.maps import regions
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.taxonomy import IGNORE

pyogrio = pytest.importorskip("pyogrio", reason="pyogrio is missing: kerasseg[geo]")
shapely = pytest.importorskip("shapely", reason="shapely is missing: kerasseg[geo]")
warp = pytest.importorskip("rasterio.warp")

CUT = (16, 16)
cut_load = partial(load, cut=CUT, gap=4)
GEO = "EPSG:4326"


def ids(height=70, width=90):
    """Three classes in stripes."""
    rows, columns = np.indices((height, width))
    return ((rows + columns) // 9 % 3).astype(np.uint8)


def all_of(splits):
    """Whole images put together again: (pixels, labels, how often) by the split."""
    for split, samples in splits.items():
        for entry in samples.entries:
            top, left, height, width = entry.window
            sample = samples.read(entry)
            assert sample.image.shape[:2] == sample.label.shape == CUT
            yield split, entry, sample, np.s_[top : top + height, left : left + width]


@pytest.fixture
def pair(tmp_path):
    pixels = noise(70, 90, 4)
    pixels[:32, :32] = 0  # two by two pieces of nodata
    pixels[40, 50:60] = 0
    return (
        geotiff(tmp_path / "a.tif", pixels, nodata=0, tiled=True, blockxsize=16,
                blockysize=16),
        geotiff(tmp_path / "labels.tif", ids()),
        pixels,
    )  # fmt: skip


def test_pieces_are_the_windows_of_the_raster(pair):
    image, label, pixels = pair
    taxonomy, splits = cut_load(image, label)
    assert taxonomy.num_classes == 3 and set(splits) == {"train", "val"}
    seen = np.zeros((70, 90), int)
    for split, entry, sample, inside in all_of(splits):
        top, left, height, width = entry.window
        assert sample.id == f"a-{top}-{left}"
        part = sample.image[:height, :width]
        np.testing.assert_array_equal(part, pixels[inside])
        label = sample.label[:height, :width]
        known = label != IGNORE
        np.testing.assert_array_equal(label[known], ids()[inside][known])
        assert (sample.label[height:] == IGNORE).all()
        assert not (known & (part == 0).all(-1)).any()
        if split == "val":
            assert (known == (part != 0).any(-1)).all()
        seen[inside] += 1
    assert seen.max() == 1 and not seen[:32, :32].any() and seen[32:].all()
    line = splits["train"].source["raster"]["line"]
    assert "30 pieces of 16 x 16 pixels; left out: 4 pieces of nodata alone" in line
    assert "labels of train less than 4 pixels from val are ignored" in line
    assert splits["train"].image_format.nodata == 0


@pytest.mark.parametrize("gap", [0, 1, 7, 20])
def test_no_labelled_pixel_of_train_is_near_val(tmp_path, gap):
    # A second raster lies over a part of the first, shifted by 5 pixels.
    (tmp_path / "i").mkdir()
    geotiff(tmp_path / "i/a.tif", noise(120, 130))
    geotiff(tmp_path / "i/b.tif", noise(90, 100), place(37, 21))
    label = geotiff(tmp_path / "l.tif", ids(120, 140))
    _, splits = load(tmp_path / "i", label, cut=CUT, gap=gap)
    of = {"train": np.zeros((120, 140), bool), "val": np.zeros((120, 140), bool)}
    for split, entry, sample, _ in all_of(splits):
        top, left, height, width = entry.window
        if entry.image.file.name == "b.tif":
            top, left = top + 21, left + 37
        known = sample.label[:height, :width][: 120 - top, : 140 - left] != IGNORE
        of[split][top : top + height, left : left + width] |= known
    assert of["train"].any() and of["val"].any()
    near = of["val"].copy()
    for row, column in np.argwhere(of["val"]):
        near[
            max(0, row - gap) : row + gap + 1, max(0, column - gap) : column + gap + 1
        ] = True
    assert not (near & of["train"]).any()


def test_val_is_about_its_share_and_made_of_blocks():
    places = [
        regions.Place("", (x, -y - 1.0, x + 1.0, -y), (1 / 16, 1 / 16))
        for y in range(30)
        for x in range(30)
    ]
    names = regions.blocks(places, CUT, 0.2)
    assert len(set(names)) == 25  # of 6 x 6 pieces: 900 * 0.2 / 4 = 45 > 36
    val = regions.val_blocks(names, 0.2)
    assert 0.16 <= sum(name in val for name in names) / 900 <= 0.24
    assert regions.val_blocks(names, 0.2) == val and not regions.val_blocks(names, 0)
    with pytest.raises(UserError, match="1 pieces in one block"):
        regions.val_blocks(["0_0_0"], 0.2)


def test_folders_are_splits_and_names_are_matched(tmp_path):
    for name, split in (("1", "train"), ("2", "train"), ("12", "val")):
        (tmp_path / "i" / split).mkdir(parents=True, exist_ok=True)
        (tmp_path / "l").mkdir(exist_ok=True)
        where = place(1000 * int(name))
        geotiff(tmp_path / f"i/{split}/area_{name}_rgb.tif", noise(20, 30), where)
        geotiff(tmp_path / f"l/area_{name}_mask.tif", ids(20, 30), where)
    _, splits = cut_load(tmp_path / "i", tmp_path / "l")
    found = {s: {e.label.file.name for e in x.entries} for s, x in splits.items()}
    train = {"area_1_mask.tif", "area_2_mask.tif"}
    assert found == {"train": train, "val": {"area_12_mask.tif"}}
    assert splits["val"].entries[0].id == "val_area_12_rgb-0-0"
    (tmp_path / "l/area_2_mask.tif").unlink()
    with pytest.raises(UserError, match=r"rgb\.tif has no label of its name"):
        cut_load(tmp_path / "i", tmp_path / "l")
    with pytest.raises(UserError, match=r"i holds the images alone\. Name"):
        cut_load(tmp_path / "i", tmp_path / "i")


def test_two_pieces_are_too_few_for_the_gap(tmp_path):
    image = geotiff(tmp_path / "a.tif", noise(20, 23))
    label = geotiff(tmp_path / "b.tif", ids(20, 23))
    with pytest.raises(UserError, match="smaller --cut or --gap"):
        cut_load(image, label, cut=(20, 20), gap=8)


def test_masks_have_the_flags_of_folders(tmp_path):
    image = geotiff(tmp_path / "a.tif", noise(40, 40))
    two = (ids(40, 40) > 0).astype(np.uint8) * 255
    label = geotiff(tmp_path / "l.tif", two)
    with pytest.raises(UserError, match="say --binary"):
        cut_load(image, label)
    taxonomy, splits = cut_load(image, label, masks=MaskFlags(binary=True))
    assert taxonomy.names == ("background", "foreground")
    for _, _, sample, inside in all_of(splits):
        known = sample.label != IGNORE
        want = np.pad(two // 255, ((0, 8), (0, 8)))[inside]
        height, width = want.shape
        seen, known = sample.label[:height, :width], known[:height, :width]
        np.testing.assert_array_equal(seen[known], want[known])
    wide = geotiff(tmp_path / "w.tif", ids(40, 40).astype(np.int16) - 1, nodata=-1)
    taxonomy, splits = cut_load(image, wide)
    assert taxonomy.num_classes == 2
    colours = {0: (0, 0, 0, 255), 1: (255, 0, 0, 255), 2: (0, 9, 0, 255)}
    options = {"colours": colours, "photometric": "palette"}
    label = geotiff(tmp_path / "p.tif", ids(40, 40), **options)
    taxonomy, _ = cut_load(image, label)
    assert taxonomy.colours == ((0, 0, 0), (255, 0, 0), (0, 9, 0))
    with pytest.raises(UserError, match="--attribute is not for rasters"):
        cut_load(image, label, attribute="kind")
    far = geotiff(tmp_path / "far.tif", ids(), place(5000))
    with pytest.raises(UserError, match=r"a label from .*far\.tif. Check that"):
        cut_load(image, far)


# --- polygons -------------------------------------------------------------------------

BOXES = shapely.box(
    *np.array([(2, 3, 30, 25), (20, 20, 60, 50), (40, 5, 80, 45)], float).T
)


def features(path, polygons=BOXES, kinds=("wood", "road", "void"), crs=CRS):
    """A file of polygons in pixels of the raster, brought to `crs`."""

    def placed(corners):
        x, y = WEST + PIXEL * corners[:, 0], NORTH - PIXEL * corners[:, 1]
        if crs and crs != CRS:
            x, y = warp.transform(CRS, crs, x, y)
        return np.column_stack([x, y])

    fields = [np.array(kinds)] if kinds else []
    pyogrio.raw.write(
        path,
        shapely.to_wkb(shapely.transform(polygons, placed)),
        fields,
        ["kind"][: len(fields)],
        geometry_type=polygons[0].geom_type,
        crs=crs,
    )
    return path


@pytest.mark.parametrize(
    ("name", "crs"), [("f.gpkg", CRS), ("f.geojson", GEO), ("f.shp", "EPSG:32634")]
)
def test_polygons_are_burned_in_their_order(tmp_path, pair, name, crs):
    image, _, pixels = pair
    file = features(tmp_path / name, crs=crs)
    taxonomy, splits = load(image, file, attribute="kind", cut=CUT, gap=0)
    assert taxonomy.names == ("background", "road", "wood")
    want = np.zeros((70, 90), np.uint8)  # by hand: whole boxes of pixels
    want[3:25, 2:30], want[20:50, 20:60], want[5:45, 40:80] = 2, 1, IGNORE
    want[(pixels == 0).all(-1)] = IGNORE
    for _, entry, sample, inside in all_of(splits):
        label = np.where(sample.valid if sample.valid is not None else True,
                         sample.label, IGNORE)  # fmt: skip
        height, width = entry.window[2:]
        np.testing.assert_array_equal(label[:height, :width], want[inside])
    line = splits["train"].source["masks"]["line"]
    assert "ignored: void" in line and "where no feature is: background" in line


def test_files_without_features_are_background(tmp_path):
    (tmp_path / "i").mkdir()
    (tmp_path / "f").mkdir()
    geotiff(tmp_path / "i/rgb_1.tif", noise(70, 90))
    geotiff(tmp_path / "i/rgb_2.tif", noise(40, 40), place(900))
    features(tmp_path / "f/wood_1.geojson", crs=GEO)
    empty = '{"type": "FeatureCollection", "features": []}'
    (tmp_path / "f/wood_2.geojson").write_text(empty)
    _, splits = load(
        tmp_path / "i", tmp_path / "f", attribute="kind", cut=CUT, val_share=0
    )
    found = [s for s in splits["train"] if s.id.startswith("rgb_2")]
    assert len(found) == 9 and {i for s in found for i in s.label.flat} == {0, IGNORE}
    said = splits["train"].source["masks"]["line"]
    assert "1 files hold no feature, such as wood_2.geojson" in said
    with pytest.raises(UserError, match="hold no feature"):
        cut_load(tmp_path / "i/rgb_2.tif", tmp_path / "f/wood_2.geojson")


def test_labels_may_be_png(tmp_path):
    image = geotiff(tmp_path / "a.tif", noise(40, 40))
    Image.fromarray(ids(40, 40)).save(tmp_path / "a.png")
    _, splits = load(image, tmp_path / "a.png", cut=(64, 64), val_share=0)
    (sample,) = splits["train"]
    np.testing.assert_array_equal(sample.label[:40, :40], ids(40, 40))
    assert "pixel by pixel" in splits["train"].source["raster"]["line"]


def test_numbers_legends_and_one_class(tmp_path, pair):
    image, _, _ = pair
    numbers = features(tmp_path / "n.gpkg", kinds=(7, 12, 7))
    taxonomy, _ = cut_load(image, numbers, attribute="kind")
    assert taxonomy.names == ("background", "class_7", "class_12")
    (tmp_path / "legend.txt").write_text("7: wood\n12: road\n0: other\n")
    masks = MaskFlags(legend=str(tmp_path / "legend.txt"))
    options = {"attribute": "kind", "masks": masks, "uncovered": "ignore"}
    taxonomy, splits = cut_load(image, numbers, **options)
    assert taxonomy.names == ("other", "wood", "road")
    labels = {i for _, _, sample, _ in all_of(splits) for i in np.unique(sample.label)}
    assert labels == {1, 2, IGNORE}
    taxonomy, _ = cut_load(image, numbers, masks=MaskFlags(binary=True))
    assert taxonomy.names == ("background", "foreground")
    plain = features(tmp_path / "plain.gpkg", kinds=())
    taxonomy, _ = cut_load(image, plain)
    assert taxonomy.names == ("background", "foreground")


def test_refusals_of_polygons(tmp_path, pair):
    image, _, _ = pair
    file = features(tmp_path / "f.gpkg")
    for match, options in (
        ("has the fields kind: say --attribute FIELD", {}),
        ("has no field 'name'; it has kind", {"attribute": "name"}),
        ("has the layers f, not 'g'", {"attribute": "kind", "layer": "g"}),
        (
            "polygons take --legend and --binary alone",
            {"masks": MaskFlags(ignore=(3,))},
        ),
    ):
        with pytest.raises(UserError, match=match):
            cut_load(image, file, **options)
    lines = features(tmp_path / "lines.gpkg", shapely.boundary(BOXES))
    with pytest.raises(UserError, match=r"3 features that are not polygons \(LineStr"):
        cut_load(image, lines, attribute="kind")
    far = features(tmp_path / "far.gpkg", shapely.transform(BOXES, lambda c: c + 5000))
    with pytest.raises(UserError, match="No feature lies on an image"):
        cut_load(image, far, attribute="kind")
    text = features(tmp_path / "own.geojson", crs=CRS).read_text()
    start, end = text.index('"crs"'), text.index('"features"')
    (tmp_path / "own.geojson").write_text(text[:start] + text[end:])
    with pytest.raises(UserError, match=r"its coordinates reach .* ogr2ogr -a_srs"):
        cut_load(image, tmp_path / "own.geojson", attribute="kind")
    (tmp_path / "no.gpkg").write_bytes(b"nothing")
    with pytest.raises(UserError, match="cannot be read as a map of features"):
        cut_load(image, tmp_path / "no.gpkg", attribute="kind")


def test_the_command_gives_the_cut_and_refuses_a_size(pair):
    image, label, _ = pair
    words = ["raster", str(image), str(label), "out", "--cut", "16", "16"]
    sources, _ = prepare._parse([*words, "--gap", "2", "--val-share", "0"])
    _, splits = sources[0][1]()
    assert set(splits) == {"train"} and len(splits["train"]) == 26
    sources, _ = prepare._parse([*words, "--folds", "3"])
    _, splits = sources[0][1]()
    assert set(splits) == {"train", "val"}
    sources, _ = prepare._parse([*words, "--size", "8", "8"])
    with pytest.raises(UserError, match="--size does not go with raster"):
        sources[0][1]()
