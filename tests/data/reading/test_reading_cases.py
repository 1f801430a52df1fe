"""Small files as users report them: the pixels that other libraries read from them.

The right pixels come from tifffile, Pillow, OpenCV and imagecodecs, called by hand.
"""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from kerasseg.data.reading.pictures.fitted import fitted, format_of
from kerasseg.data.reading.pictures.image import (
    ReadOptions,
    header,
    pages_of,
    read,
    read_image,
)
from kerasseg.image_format import GRAY, RGB, ImageFormat

DATA = Path(os.environ.get("KERASSEG_DATA", "")) / "cases" / "data"
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="KERASSEG_DATA does not name ../shared/data"
)
COLOURS = ("red", "green", "blue")


def numbered(count):
    return tuple(f"band_{number}" for number in range(1, count + 1))


def by_tifffile(file):
    pixels = tifffile.imread(file)
    return pixels if pixels.ndim == 3 else pixels[..., None]


def by_planes(file):
    return np.moveaxis(tifffile.imread(file), 0, -1)


def by_pillow(mode):
    def right(file):
        pixels = np.asarray(Image.open(file).convert(mode))
        return pixels if pixels.ndim == 3 else pixels[..., None]

    return right


def by_opencv(file):
    pixels = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    return pixels[..., None] if pixels.ndim == 2 else pixels[..., ::-1]


def rgb_of_tiff(file):
    return by_tifffile(file)[..., :3]


def white_is_0(file):
    return 255 * (~by_tifffile(file)).astype(np.uint8)


def lab(file):
    """Pillow reads CIELAB of 8 bits itself."""
    return np.asarray(Image.open(file).convert("RGB"))


FORMATS = {
    # file: (the right pixels, bands, type)
    "a.avif": (by_pillow("RGB"), COLOURS, "uint8"),
    "a.bmp": (by_pillow("RGB"), COLOURS, "uint8"),
    "a.gif": (by_pillow("RGB"), COLOURS, "uint8"),
    "a.jp2": (by_opencv, COLOURS, "uint8"),
    "a.webp": (by_pillow("RGB"), COLOURS, "uint8"),
    "b2_black.tif": (by_tifffile, numbered(2), "uint8"),
    "b4_assoc.tif": (rgb_of_tiff, COLOURS, "uint8"),
    "b4_black.tif": (by_tifffile, numbered(4), "uint8"),
    "b4_black_planar.tif": (by_planes, numbered(4), "uint8"),
    "b4_u16.tif": (by_tifffile, (*COLOURS, "band_4"), "uint16"),
    "b4_unass.tif": (rgb_of_tiff, COLOURS, "uint8"),
    "b4_unspec.tif": (by_tifffile, (*COLOURS, "band_4"), "uint8"),
    "b8.tif": (by_tifffile, numbered(8), "uint8"),
    "b8_planar.tif": (by_planes, numbered(8), "uint8"),
    "b8_rgb.tif": (by_tifffile, (*COLOURS, *numbered(8)[3:]), "uint8"),
    "b8_u16.tif": (by_tifffile, numbered(8), "uint16"),
    "broken_ext.png": (by_pillow("RGB"), COLOURS, "uint8"),
    "cmyk.jpg": (by_pillow("RGB"), COLOURS, "uint8"),
    "cmyk.tif": (by_pillow("RGB"), COLOURS, "uint8"),
    "ct_int16.tif": (by_tifffile, ("gray",), "int16"),
    "float01.tif": (by_tifffile, ("gray",), "float32"),
    "float255.tif": (by_tifffile, ("gray",), "float32"),
    "g12.png": (by_opencv, ("gray",), "uint16"),
    "g12.tif": (by_tifffile, ("gray",), "uint16"),
    "g16.png": (by_opencv, ("gray",), "uint16"),
    "g16.tif": (by_tifffile, ("gray",), "uint16"),
    "g16_be.tif": (by_tifffile, ("gray",), "uint16"),
    "g800.png": (by_opencv, ("gray",), "uint16"),
    "i32.tif": (by_tifffile, ("gray",), "float32"),
    "jpeg_in.tif": (by_tifffile, COLOURS, "uint8"),
    "l.png": (by_pillow("L"), ("gray",), "uint8"),
    "la.png": (lambda file: by_pillow("LA")(file)[..., :1], ("gray",), "uint8"),
    "lab.tif": (lab, COLOURS, "uint8"),
    "lzw.tif": (by_tifffile, COLOURS, "uint8"),
    "one.png": (by_pillow("L"), ("gray",), "uint8"),
    "one.tif": (by_pillow("L"), ("gray",), "uint8"),
    "one_white0.tif": (white_is_0, ("gray",), "uint8"),
    "pal.png": (by_pillow("RGB"), COLOURS, "uint8"),
    "plain.png": (by_pillow("RGB"), COLOURS, "uint8"),
    "prog.jpg": (by_pillow("RGB"), COLOURS, "uint8"),
    "rgb16.png": (by_opencv, COLOURS, "uint16"),
    "rgb16.tif": (by_tifffile, COLOURS, "uint16"),
    "rgb16_planar.tif": (by_planes, COLOURS, "uint16"),
    "rgb8_planar.tif": (by_planes, COLOURS, "uint8"),
    "rgba_hidden.png": (
        lambda file: by_pillow("RGBA")(file)[..., :3],
        *(COLOURS, "uint8"),
    ),
    "u32.tif": (by_tifffile, ("gray",), "float32"),
}
STACKS = {"stack5.tif": (5, COLOURS), "stack5_gray.tif": (5, ("gray",))}


def test_every_format(capfd):
    """Pixels bit for bit, bands, type; and not a word on the terminal."""
    found = {file.name for file in (DATA / "formats").iterdir()}
    assert found == set(FORMATS) | set(STACKS)
    for name, (right, bands, kind) in FORMATS.items():
        file = DATA / "formats" / name
        picture, head = read(file), header(file)
        np.testing.assert_array_equal(picture.pixels, right(file), err_msg=name)
        assert (picture.bands, picture.pixels.dtype.name) == (bands, kind), name
        assert (head.bands, head.type, head.pages) == (bands, kind, 1), name
        assert (head.height, head.width) == picture.pixels.shape[:2], name
        with_alpha = name in ("b4_assoc.tif", "b4_unass.tif", "la.png")
        assert head.alpha == (with_alpha or name == "rgba_hidden.png"), name
        assert any("alpha" in note for note in picture.notes) == head.alpha, name
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", STACKS)
def test_stacks_are_asked_about(name):
    file, (count, bands) = DATA / "formats" / name, STACKS[name]
    with pytest.raises(ValueError, match=f"{name} has 5 pages.*--pages samples"):
        read(file)
    with pytest.raises(ValueError, match=f"{name} has 5 pages.*--pages samples"):
        format_of([file])
    right = tifffile.imread(file).reshape(count, *header_size(file), -1)
    pages = [read(page) for page in pages_of(file)]
    assert [page.bands for page in pages] == [bands] * count
    np.testing.assert_array_equal([page.pixels for page in pages], right)
    options = ReadOptions(pages="bands")
    whole = read(file, options)
    np.testing.assert_array_equal(whole.pixels, np.concatenate([*right], -1))
    assert header(file, options).bands == whole.bands
    samples = format_of(pages_of(file), ReadOptions(pages="samples"))
    assert samples[0].bands == bands


def header_size(file):
    found = header(file)
    return found.height, found.width


SETS = {
    "img_avif": RGB,
    "img_gif": RGB,
    "img_webp": RGB,
    "png16_12bit": ImageFormat.of(("gray",), "uint16"),
    "tif16_reflectance800": ImageFormat.of(("gray",), "uint16"),
    "tif_4band_rgbn_alpha": RGB,
    "tif_8band_u16": ImageFormat.of(numbered(8), "uint16"),
    "tif_float01": ImageFormat.of(("gray",), "float32"),
    "tif_rgb16_planar": ImageFormat.of(COLOURS, "uint16"),
    "nuclei_12bit_in_16": ImageFormat.of(("gray",), "uint16"),
    "exif6_mask_stored": RGB,
    "name_spaces": RGB,
    "name_unicode": RGB,
}


@pytest.mark.parametrize("name", SETS)
def test_sets(name):
    files = sorted(
        file
        for file in (DATA / name).rglob("*")
        if file.is_file() and "images" in file.parts
    )
    found, notes = format_of(files)
    assert found == SETS[name]
    assert any("alpha" in note for note in notes) == (name == "tif_4band_rgbn_alpha")
    for file in files[:2]:
        pixels = fitted(read(file), found, file)
        assert (pixels.dtype, pixels.shape[-1]) == (found.type, found.channels)


def test_low_ranges_keep_their_levels():
    """Drawn from 172 levels; of 8 bits, 4 to 7 were left, or 2."""
    for name in ("png16_12bit", "tif16_reflectance800"):
        (file, *_) = sorted((DATA / name / "images").iterdir())
        assert len(np.unique(read(file).pixels)) > 150


def test_near_infrared_is_kept_where_it_is_asked_for():
    (file, *_) = sorted((DATA / "tif_4band_rgbn_alpha" / "images").iterdir())
    stored = tifffile.imread(file)
    options = ReadOptions(alpha="band")
    np.testing.assert_array_equal(read(file, options).pixels, stored)
    assert format_of([file], options)[0].bands == (*COLOURS, "alpha")
    valid = read(file, ReadOptions(alpha="valid"))
    np.testing.assert_array_equal(valid.pixels, stored[..., :3])


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("one_image_truncated", "truncated"),
        ("one_image_zero_bytes", "it is empty"),
        ("nifti_volumes", "NIfTI.*slices"),
    ],
)
def test_what_cannot_be_read_is_one_line_with_its_name(name, hint):
    wrong = {}
    for file in sorted((DATA / name / "images").iterdir()):
        try:
            read(file)
        except ValueError as error:
            wrong[file.name] = str(error)
    assert wrong
    for file, text in wrong.items():
        assert file in text and "\n" not in text
        with pytest.raises(ValueError, match=hint):
            read_image(DATA / name / "images" / file)


def test_sets_of_ordinary_pictures_refuse_others():
    for name in ("g12.png", "b8.tif", "float01.tif", "b2_black.tif"):
        with pytest.raises(ValueError, match=rf"{name} has .* ordinary picture"):
            read_image(DATA / "formats" / name)
    gray, kept = read_image(DATA / "formats" / "l.png")
    assert gray.shape[-1] == 3 and kept
    assert format_of([DATA / "formats" / "l.png"])[0] == GRAY
