"""DSTL in miniature: 16-bit TIFF bands, WKT with holes, overlapping classes."""

import csv

import numpy as np
import pytest
from pictures import load, refuses

from kerasseg.data.datasets import adapter, dstl

tifffile = pytest.importorskip("tifffile")
pytest.importorskip("shapely")

H, W = 19, 39
EXTENT = (W * W / (W + 1) / 1000, -H * H / (H + 1) / 1000)
"""Xmax and Ymin that make one pixel 0.001 units, as on the competition's page."""


def ring(left, top, right, bottom):
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    return "(" + ", ".join(f"{x / 1000} {-y / 1000}" for x, y in corners) + ")"


def wkt(*polygons):
    """Each polygon is its rings: the outline, then holes."""
    if not polygons:
        return "MULTIPOLYGON EMPTY"
    return f"MULTIPOLYGON ({', '.join('(' + ', '.join(p) + ')' for p in polygons)})"


def make(root, polygons, names=("6010_1_2",)):
    rng = np.random.default_rng(0)
    (root / "three_band").mkdir(exist_ok=True)
    (root / "sixteen_band").mkdir(exist_ok=True)
    raw = {}
    for name in names:
        raw[name] = rng.integers(1, 2048, (3, H, W)).astype(np.uint16)
        tifffile.imwrite(
            root / f"three_band/{name}.tif", raw[name], photometric="minisblack"
        )
        tifffile.imwrite(
            root / f"sixteen_band/{name}_M.tif",
            np.concatenate([raw[name], raw[name] // 2, raw[name][:2] * 3]),
            photometric="minisblack",
        )
    with (root / "grid_sizes.csv").open("w", newline="") as opened:
        rows = [[n, *EXTENT] for n in [*names, "6999_9_9"]]
        csv.writer(opened).writerows([["", "Xmax", "Ymin"], *rows])
    with (root / "train_wkt_v4.csv").open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["ImageId", "ClassType", "MultipolygonWKT"])
        for name in names:
            for kind in range(1, 11):
                writer.writerow([name, kind, polygons.get(kind, wkt())])
    return raw


def test_dstl_overlaps_holes_and_islands(tmp_path):
    make(
        tmp_path,
        {
            1: wkt([ring(12, 4, 15, 6)]),  # a building on the road
            3: wkt([ring(0, 5, 38, 8)]),
            # Crops with a hole, and in the hole an island: two polygons.
            6: wkt([ring(2, 1, 30, 17), ring(8, 9, 20, 15)], [ring(10, 11, 12, 12)]),
        },
    )
    taxonomy, splits = load("dstl", tmp_path, val_share=0)
    assert taxonomy.names[:4] == ("background", "building", "structure", "road")
    (sample,) = splits["train"]
    assert (sample.id, sample.sequence) == ("6010_1_2", "6010")
    expected = np.zeros((H, W), int)
    expected[1:18, 2:31] = 6
    expected[10:15, 9:20] = 0  # the outline of a hole belongs to the polygon
    expected[11:13, 10:13] = 6
    expected[5:9, :39] = 3
    expected[4:7, 12:16] = 1
    np.testing.assert_array_equal(sample.label, expected)


def test_dstl_every_class_has_its_place_in_the_order(tmp_path):
    assert sorted(dstl.ORDER) == list(range(1, 11))
    make(tmp_path, dict.fromkeys(range(1, 11), wkt([ring(0, 0, 5, 5)])))
    (sample,) = load("dstl", tmp_path, val_share=0)[1]["train"]
    assert np.unique(sample.label).tolist() == [0, dstl.ORDER[-1]]


def test_dstl_bands_to_eight_bits(tmp_path):
    raw = make(tmp_path, {})["6010_1_2"].astype(float)
    (sample,) = load("dstl", tmp_path, val_share=0)[1]["train"]
    for band in range(3):
        low, high = np.percentile(raw[band], (2, 98))
        expected = np.clip((raw[band] - low) / (high - low) * 255, 0, 255)
        assert np.abs(sample.image[..., band] - expected).max() <= 0.51
    options = {
        "val_share": 0,
        "image": "M",
        "bands": (4, 2, 1),
        "percentiles": (0, 100),
    }
    (sample,) = load("dstl", tmp_path, **options)[1]["train"]
    green = (raw[2] - raw[2].min()) / (raw[2].max() - raw[2].min()) * 255
    assert np.abs(sample.image[..., 1] - green).max() <= 0.51
    refuses(
        r"_M.tif has 8 bands, --bands asks for",
        "dstl",
        tmp_path,
        val_share=0,
        image="M",
        bands=(0, 1, 8),
    )


def test_dstl_places_are_not_parted(tmp_path):
    names = [f"{place}_{i}_{i}" for place in range(6010, 6015) for i in range(3)]
    make(tmp_path, {}, names)
    _, splits = load("dstl", tmp_path)
    places = {s: {sample.sequence for sample in splits[s]} for s in splits}
    assert {s: len(p) for s, p in places.items()} == {"train": 4, "val": 1}
    assert not places["train"] & places["val"]


def test_dstl_faults(tmp_path):
    refuses(r"grid_sizes.csv does not exist", "dstl", tmp_path)
    make(tmp_path, {1: "MULTIPOLYGON (((0 0"})
    refuses(
        r"ClassType 1 of 6010_1_2 is not readable WKT", "dstl", tmp_path, val_share=0
    )
    (tmp_path / "three_band/6010_1_2.tif").write_bytes(b"II*")
    refuses(r"6010_1_2.tif cannot be read", "dstl", tmp_path, val_share=0)
    refuses(
        "--percentiles are two rising numbers", "dstl", tmp_path, percentiles=(98, 2)
    )
    refuses(r"names 6010_1_2, but .*_A.tif does not exist", "dstl", tmp_path, image="A")
    grid = tmp_path / "grid_sizes.csv"
    grid.write_text("\n".join(grid.read_text().splitlines()[:1]))
    refuses(r"grid_sizes.csv has no line for 6010_1_2", "dstl", tmp_path)
    (tmp_path / "train_wkt_v4.csv").write_text("ImageId,ClassType\n6010_1_2,1\n")
    refuses(r"train_wkt_v4.csv: expected 3 fields", "dstl", tmp_path)
    (tmp_path / "train_wkt_v4.csv").write_text(
        "I,C,M\n6010_1_2,11,MULTIPOLYGON EMPTY\n"
    )
    refuses(r"ClassType is 1 to 10, got '11'", "dstl", tmp_path)


def test_dstl_all_bands_on_one_grid_in_their_own_numbers(tmp_path):
    raw = make(tmp_path, {1: wkt([ring(12, 4, 15, 6)])})["6010_1_2"]
    m = np.repeat(np.arange(100, 900, 100, np.uint16), 5 * 10).reshape(8, 5, 10)
    a = np.repeat(np.arange(3, 11, dtype=np.uint16), 1 * 2).reshape(8, 1, 2)
    for kind, bands in ("M", m), ("A", a):
        file = tmp_path / f"sixteen_band/6010_1_2_{kind}.tif"
        tifffile.imwrite(file, bands, photometric="minisblack")
    options = {"val_share": 0, "image": "all"}
    splits = adapter("dstl")(tmp_path, **options)[1]
    said = splits["train"].image_format
    assert said.channels == 19 and said.type == "uint16"
    assert said.bands[:4] == ("red", "green", "blue", "m_coastal")
    (sample,) = splits["train"]
    assert sample.image.dtype == np.uint16 and sample.image.shape == (H, W, 19)
    np.testing.assert_array_equal(sample.image[..., :3], np.moveaxis(raw, 0, -1))
    assert (sample.image[..., 3:11] == m[:, 0, 0]).all()
    assert (sample.image[..., 11:] == a[:, 0, 0]).all()
    assert sample.label[5, 13] == 1
    (sample,) = adapter("dstl")(tmp_path, **options, grid="M")[1]["train"]
    assert sample.image.shape == (5, 10, 19) and sample.label.shape == (5, 10)
    assert (sample.image[..., 3:11] == m[:, 0, 0]).all()
    assert sample.image[..., 0].mean() == pytest.approx(raw[0].mean(), rel=0.1)
    tifffile.imwrite(file, a[:4], photometric="minisblack")
    refuses(
        r"6010_1_2_A.tif has 4 bands of uint16, expected 8", "dstl", tmp_path, **options
    )
