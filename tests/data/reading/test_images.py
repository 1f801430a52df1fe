"""Image and mask files: pixels as TensorFlow will decode them, masks as stored."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasseg.data.reading.masks.mask import read_mask
from kerasseg.data.reading.pictures.image import read_image, size_of


def picture(seed=0, size=(3, 4)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)


def encode(pixels, kind, mode=None, **options):
    image = Image.fromarray(pixels)
    buffer = io.BytesIO()
    (image.convert(mode) if mode else image).save(buffer, kind, **options)
    return buffer.getvalue()


SMOOTH = np.asarray(Image.fromarray(picture(0, (5, 6))).resize((61, 47)))
FILES = {
    "a.jpg": (encode(SMOOTH, "JPEG"), True),
    "420.jpg": (encode(SMOOTH, "JPEG", quality=60, subsampling=2), True),
    "progressive.jpg": (encode(SMOOTH, "JPEG", progressive=True), True),
    "gray.jpg": (encode(SMOOTH, "JPEG", "L"), True),
    "a.png": (encode(SMOOTH, "PNG"), True),
    "gray.png": (encode(SMOOTH, "PNG", "L"), True),
    "alpha.png": (encode(SMOOTH, "PNG", "RGBA"), False),
    "palette.png": (encode(SMOOTH, "PNG", "P"), False),
    "cmyk.jpg": (encode(SMOOTH, "JPEG", "CMYK"), False),
    "a.bmp": (encode(SMOOTH, "BMP"), False),
    "a.tif": (encode(SMOOTH, "TIFF"), False),
}


@pytest.mark.parametrize("name", FILES)
def test_kept_bytes_decode_to_the_pixels(tmp_path, name):
    stored, kept = FILES[name]
    (tmp_path / name).write_bytes(stored)
    image, encoded = read_image(tmp_path / name)
    assert (image.shape, image.dtype) == ((47, 61, 3), np.uint8)
    assert encoded == (stored if kept else b"")
    assert size_of(tmp_path / name) == (47, 61)
    if kept:
        decoded = tf.io.decode_jpeg(encoded, 3, dct_method="INTEGER_ACCURATE")
        np.testing.assert_array_equal(image, decoded)
    elif not name.startswith(("cmyk", "palette")):
        np.testing.assert_array_equal(image, SMOOTH)


def test_sixteen_bit_gray_is_refused_for_ordinary_pictures(tmp_path):
    gray = np.array([[0, 255, 256, 65535]], np.uint16)
    Image.fromarray(gray).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"a.png has 1 band \(gray\) of uint16"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_photos_are_set_upright(tmp_path, orientation):
    tag = Image.Exif()
    tag[0x0112] = orientation
    Image.fromarray(SMOOTH).save(tmp_path / "a.jpg", exif=tag)
    stored = np.asarray(Image.open(tmp_path / "a.jpg"))
    image, encoded = read_image(tmp_path / "a.jpg")
    quarter = orientation >= 5
    expected = stored.transpose(1, 0, 2) if quarter else stored
    # EXIF 2.3, table 6: which side of the stored picture is the upper, which the left.
    flip_rows = orientation in (3, 4, 7, 8)
    flip_columns = orientation in (2, 3, 6, 7)
    expected = expected[::-1] if flip_rows else expected
    expected = expected[:, ::-1] if flip_columns else expected
    np.testing.assert_array_equal(image, expected)
    assert bool(encoded) == (orientation == 1)
    assert size_of(tmp_path / "a.jpg") == image.shape[:2]


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_a_file_cut_short_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(FILES[name][0][:-40])
    with pytest.raises(ValueError, match=f"{name} cannot be read as an image"):
        read_image(tmp_path / name)
    (tmp_path / name).write_bytes(b"<html>not found</html>")
    with pytest.raises(ValueError, match=f"{name} cannot be read as an image"):
        read_mask(tmp_path / name)
    with pytest.raises(ValueError, match=f"{name} cannot be read as an image"):
        size_of(tmp_path / name)


def test_palette_files_give_indices(tmp_path):
    for bits in 2, 8:
        ids = np.array([[0, 1, 2, 3], [3, 2, 1, 0]], np.uint8)
        colours = [[9, 0, 0], [0, 9, 0], [0, 0, 9], [9, 9, 9]]
        image = Image.fromarray(ids)
        image.putpalette(np.array(colours, np.uint8).tobytes())
        image.save(tmp_path / "a.png", bits=bits)
        pixels, palette = read_mask(tmp_path / "a.png")
        np.testing.assert_array_equal(pixels, ids)
        np.testing.assert_array_equal(palette[:4], colours)
