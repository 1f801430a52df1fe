"""TIFF: any layout of any writer gives back the numbers that were written."""

import io

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.pictures.image import ReadOptions, header, pages_of, read
from kerasseg.files import exif

TYPES = ("uint8", "uint16", "int16", "float32", "int8", "float16")


def numbers(shape, kind, seed=0):
    values = np.random.default_rng(seed).integers(0, 256, (*shape, 8), np.uint8)
    found = values.view(kind)[..., 0]
    return np.where(np.isfinite(found), found, 1).astype(kind)


def written(pixels, **options):
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, **options)
    return EmbeddedFile("a.tif", out.getvalue())


@st.composite
def layouts(draw):
    bands = draw(st.integers(1, 6))
    kind = draw(st.sampled_from(TYPES))
    colours = bands >= 3 and kind in ("uint8", "uint16") and draw(st.booleans())
    size = draw(st.sampled_from([(16, 16), (33, 20), (1, 7), (40, 1)]))
    options = {
        "photometric": "rgb" if colours else "minisblack",
        "planarconfig": draw(st.sampled_from(["contig", "separate"])),
        "compression": draw(st.sampled_from([None, "zlib", "lzw", "zstd"])),
        "byteorder": draw(st.sampled_from("<>")),
        "bigtiff": draw(st.booleans()),
        "metadata": None,
    }
    if draw(st.booleans()):
        options["tile"] = (16, 32)
    if options["compression"] and kind in ("uint8", "uint16", "int16"):
        options["predictor"] = draw(st.booleans())
    return numbers((*size, bands), kind), options, draw(st.integers(1, 8))


@settings(deadline=None, max_examples=40)
@given(layouts())
def test_what_was_written_is_read(layout):
    pixels, options, turn = layout
    stored = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    if pixels.shape[-1] > 1 and options["planarconfig"] == "separate":
        stored = np.moveaxis(pixels, -1, 0)
    if pixels.shape[-1] == 1:
        options = options | {"planarconfig": None}
    else:
        extra = pixels.shape[-1] - (3 if options["photometric"] == "rgb" else 1)
        options = options | {"extrasamples": ["unspecified"] * extra}
    file = written(stored, extratags=[(274, 3, 1, turn, True)], **options)
    picture = read(file)
    right = exif.turned(pixels, turn)
    np.testing.assert_array_equal(picture.pixels, right)
    kept = {"int8": "int16", "float16": "float32"}.get(pixels.dtype.name)
    assert picture.pixels.dtype.name == (kept or pixels.dtype.name)
    found = header(file)
    assert (found.height, found.width, len(found.bands)) == right.shape
    assert (found.turn, picture.turn) == (turn, turn)


@pytest.mark.parametrize("kind", ["associated", "unassociated"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_alpha_is_never_multiplied(kind, dtype):
    pixels = numbers((8, 9, 4), dtype)
    pixels[:2, ..., 3] = 0
    file = written(
        pixels, photometric="rgb", extrasamples=["assocalpha" if kind[0] == "a" else 2]
    )
    dropped = read(file)
    np.testing.assert_array_equal(dropped.pixels, pixels[..., :3])
    assert "alpha is left out" in dropped.notes[0] and header(file).alpha
    np.testing.assert_array_equal(read(file, ReadOptions(alpha="band")).pixels, pixels)
    valid = read(file, ReadOptions(alpha="valid"))
    np.testing.assert_array_equal(valid.valid, pixels[..., 3] != 0)
    pixels[..., 3] = np.iinfo(dtype).max
    opaque = written(pixels, photometric="rgb", extrasamples=[2])
    assert read(opaque).notes == ()


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 12, 16])
@pytest.mark.parametrize("white", [False, True])
def test_bits_and_white_by_hand(bits, white):
    most = 2**bits - 1
    kind = bool if bits == 1 else np.uint8 if bits <= 8 else np.uint16
    pixels = np.arange(32).reshape(2, 16) % (most + 1)
    pixels[1, -1] = most
    file = written(
        pixels.astype(kind),
        photometric="miniswhite" if white else "minisblack",
        bitspersample=bits if bits > 1 else None,
        metadata=None,
    )
    right = most - pixels if white else pixels
    right = right * (255 // most) if bits < 8 else right
    np.testing.assert_array_equal(read(file).pixels[..., 0], right)


def test_colours_of_print_and_of_palettes_are_those_of_pillow(tmp_path):
    smooth = Image.fromarray(numbers((6, 7, 3), "uint8")).resize((20, 15))
    for mode in ("CMYK", "P", "PA", "LAB", "1", "L", "LA"):
        image = smooth.convert("P").convert(mode) if mode == "PA" else None
        if mode == "LAB":
            image = Image.frombytes("LAB", (20, 15), numbers((15, 20, 3), "uint8"))
        image = image or smooth.convert(mode)
        image.save(tmp_path / "a.tif")
        wanted = "L" if mode in ("1", "L", "LA") else "RGB"
        right = np.asarray(image.convert(wanted)).reshape(15, 20, -1)
        np.testing.assert_array_equal(read(tmp_path / "a.tif").pixels, right, mode)


def test_pages_smaller_copies_and_masks():
    pixels = numbers((20, 30, 3), "uint8")
    mask = np.ones((20, 30), bool)
    mask[:4] = False
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as tiff:
        tiff.write(pixels, photometric="rgb", metadata=None)
        tiff.write(mask, photometric="mask", subfiletype=4, metadata=None)
        tiff.write(pixels[::2, ::2], photometric="rgb", subfiletype=1, metadata=None)
    picture = read(EmbeddedFile("a.tif", out.getvalue()))
    np.testing.assert_array_equal(picture.pixels, pixels)
    np.testing.assert_array_equal(picture.valid, mask)
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as tiff:
        tiff.write(pixels, photometric="rgb", metadata=None)
        tiff.write(pixels[::2, ::2], photometric="rgb", metadata=None)
    with pytest.raises(ValueError, match=r"a.tif holds 2 images that differ"):
        read(EmbeddedFile("a.tif", out.getvalue()))


def test_channels_that_metadata_name_are_bands():
    stack = numbers((3, 20, 30), "uint16")
    named = {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP", "Cy5"]}}
    file = written(stack, ome=True, photometric="minisblack", metadata=named)
    picture = read(file)
    np.testing.assert_array_equal(picture.pixels, np.moveaxis(stack, 0, -1))
    assert picture.bands == header(file).bands == ("DAPI", "GFP", "Cy5")
    file = written(stack, imagej=True, metadata={"axes": "CYX"})
    assert read(file).bands == ("band_1", "band_2", "band_3")
    file = written(stack, imagej=True, metadata={"axes": "ZYX"})
    assert len(pages_of(file)) == 3
    with pytest.raises(ValueError, match="has 3 pages"):
        read(file)


@pytest.mark.parametrize(
    ("pixels", "options", "hint"),
    [
        (np.ones((4, 4), "complex64"), {}, "complex64"),
        (np.ones((4, 4), "float32"), {"photometric": "miniswhite"}, "MINISWHITE"),
        (np.ones((4, 4, 4), "uint16"), {"photometric": "separated"}, "SEPARATED"),
        (np.full((4, 4), 2**31 + 1, "uint32"), {}, "2147483649.*float32"),
        (np.ones((4, 4), "uint16"), {"photometric": 32803}, "raw"),
    ],
)
def test_what_would_change_is_refused(pixels, options, hint):
    with pytest.raises(ValueError, match=rf"a\.tif .*{hint}"):
        read(written(pixels, **options))


def test_integers_of_32_bits_are_exact_or_refused():
    pixels = np.array([[0, 5, 2**24, -(2**24)]], "int32")
    picture = read(written(pixels))
    assert picture.pixels.dtype == np.float32
    np.testing.assert_array_equal(picture.pixels[..., 0], pixels)
    doubles = read(written(np.array([[0.1, np.nan, 3.0]])))
    assert doubles.notes == ("float64 is rounded to float32",)
    np.testing.assert_array_equal(doubles.valid, [[True, False, True]])


@pytest.mark.parametrize("kind", [None, "zlib", "lzw", "zstd", "jpeg"])
def test_a_file_cut_short_is_refused_and_nothing_is_printed(kind, capfd):
    pixels = np.tile(numbers((1, 40, 3), "uint8"), (50, 1, 1))
    whole = written(pixels, compression=kind, rowsperstrip=20, metadata=None).content
    for length in (9, 300, len(whole) // 2, len(whole) - 40):
        with pytest.raises(ValueError, match=r"a\.tif cannot be read"):
            read(EmbeddedFile("a.tif", whole[:length]))
    assert capfd.readouterr() == ("", "")


def test_files_of_gdal(tmp_path):
    """Nodata, names, colours, masks and places, written by rasterio."""
    rasterio = pytest.importorskip("rasterio")
    file = tmp_path / "a.tif"
    place = rasterio.transform.from_origin(500_000, 4_600_000, 10, 20)

    def write(pixels, mask=None, names=(), colours=(), **options):
        height, width, count = pixels.shape
        with (
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
            rasterio.open(
                *(file, "w", "GTiff", width, height, count),
                crs="EPSG:32633",
                transform=place,
                dtype=pixels.dtype,
                **options,
            ) as opened,
        ):
            if colours:
                opened.colorinterp = [rasterio.enums.ColorInterp[c] for c in colours]
            opened.write(np.moveaxis(pixels, -1, 0))
            if names:
                opened.descriptions = names
            if mask is not None:
                opened.write_mask(mask)
        with rasterio.open(file) as opened:
            return np.moveaxis(opened.read(), 0, -1), opened.dataset_mask() > 0

    pixels = numbers((20, 30, 4), "uint16")
    pixels[:3] = 0
    pixels[5, 5, :2] = 0
    for options in (
        {"compress": "lzw", "predictor": 2, "tiled": True, "blockxsize": 16},
        {"compress": "zstd", "interleave": "band"},
        {"compress": "lerc"},
        {"BIGTIFF": "YES"},
    ):
        blocks = {"blockysize": 16} if "tiled" in options else {}
        right, valid = write(pixels, nodata=0, **options, **blocks)
        picture = read(file)
        np.testing.assert_array_equal(picture.pixels, right)
        np.testing.assert_array_equal(picture.valid, valid)
        assert picture.nodata == header(file).nodata == 0
        assert picture.place["crs"] == "EPSG:32633"
        assert picture.place["transform"] == tuple(place)[:6]
    write(pixels, names=("B02", "B03", "B04", "B08"))
    assert read(file).bands == header(file).bands == ("B02", "B03", "B04", "B08")
    write(pixels, colours=("blue", "green", "red", "undefined"))
    assert read(file).bands == ("blue", "green", "red", "band_4")
    mask = np.ones((20, 30), bool)
    mask[:, 7] = False
    eight = pixels[..., :3].astype(np.uint8)
    right, valid = write(eight, mask=mask, photometric="rgb")
    picture = read(file)
    np.testing.assert_array_equal(picture.pixels, right)
    np.testing.assert_array_equal(picture.valid, valid)
    assert picture.encoded == b""
    floats = numbers((20, 30, 2), "float32")
    floats[:4] = lowest = float(np.finfo(np.float32).min)
    floats[9, 9, 0] = np.nan
    write(floats, nodata=lowest)
    valid = np.ones((20, 30), bool)
    valid[:4], valid[9, 9] = False, False
    np.testing.assert_array_equal(read(file).valid, valid)
    right, _ = write(eight[..., :1] & 15, nbits=4)
    np.testing.assert_array_equal(read(file).pixels, right * 17)
