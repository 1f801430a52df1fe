"""The one format of a set of files, and pictures as a network of it takes them."""

import io

import numpy as np
import pytest
from PIL import Image

from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.pictures.fitted import agree, fitted, format_of
from kerasseg.data.reading.pictures.image import Picture, ReadOptions
from kerasseg.image_format import GRAY, RGB, ImageFormat


def png(mode, name):
    out = io.BytesIO()
    Image.new(mode, (4, 3)).save(out, "PNG")
    return EmbeddedFile(name, out.getvalue())


def npy(array, name):
    out = io.BytesIO()
    np.save(out, array)
    return EmbeddedFile(name, out.getvalue())


def picture(shape, kind, bands, **options):
    values = np.arange(np.prod(shape)).reshape(shape).astype(kind)
    return Picture(values, bands, **options)


def test_sets_of_pictures():
    gray, colour = png("L", "g.png"), png("RGB", "c.png")
    assert format_of([gray, gray]) == (GRAY, ())
    assert format_of([colour]) == (RGB, ())
    mixed, notes = format_of([gray, colour, gray])
    assert mixed == RGB and notes == ("2 gray images become RGB, as the others are",)
    _, notes = format_of([png("RGBA", "a.png"), colour])
    assert "1 image with an alpha channel, which is left out" in notes[0]
    both = png("RGBA", "a.png")
    found, _ = format_of([both], ReadOptions(alpha="band"))
    assert found.bands == ("red", "green", "blue", "alpha")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (png("RGB", "one.png"), npy(np.zeros((3, 4, 3), np.uint16), "other.npy")),
        (png("L", "one.png"), npy(np.zeros((3, 4), np.float32), "other.npy")),
        (npy(np.zeros((3, 4, 5), "u1"), "one.npy"), png("RGB", "other.png")),
    ],
)
def test_mixed_sets_are_refused_with_both_names(one, other):
    with pytest.raises(ValueError, match=r"one\..*has .*other\..*has .*apart"):
        format_of([one, one, other])


def test_gray_becomes_rgb_by_copying():
    gray = picture((2, 3, 1), "uint8", ("gray",))
    pixels = fitted(gray, RGB, "a.png")
    np.testing.assert_array_equal(pixels, np.repeat(gray.pixels, 3, -1))
    assert fitted(gray, GRAY, "a.png") is gray.pixels


def test_invalid_pixels_are_0_in_all_bands():
    valid = np.array([[True, False, True], [True, True, False]])
    given = picture((2, 3, 2), "float32", ("band_1", "band_2"), valid=valid)
    given.pixels[0, 1] = np.nan
    found = ImageFormat.of(("band_1", "band_2"), "float32")
    pixels = fitted(given, found, "a")
    assert not pixels[~valid].any()
    np.testing.assert_array_equal(pixels[valid], given.pixels[valid])
    # A file that states none has the nodata value of the training images.
    given = picture((2, 3, 2), "int16", ("band_1", "band_2"))
    given.pixels[1, 1] = -9999
    found = ImageFormat.of(("band_1", "band_2"), "int16", nodata=-9999)
    assert fitted(given, found, "a")[1, 1].tolist() == [0, 0]
    assert given.pixels[1, 1, 0] == -9999


def test_bands_go_by_name():
    stored = picture((2, 3, 3), "uint16", ("blue", "green", "red"))
    found = ImageFormat.of(("red", "green", "blue"), "uint16")
    np.testing.assert_array_equal(fitted(stored, found, "a"), stored.pixels[..., ::-1])
    nameless = picture((2, 3, 3), "uint16", ("band_1", "band_2", "band_3"))
    assert fitted(nameless, found, "a") is nameless.pixels
    assert agree(("red", "band_2"), ("band_1", "green"))
    assert not agree(("red", "band_2"), ("blue", "green"))


@pytest.mark.parametrize(
    ("given", "wanted", "hint"),
    [
        (("uint16", ("gray",)), RGB, r"1 band \(gray\) of uint16; the network takes 3"),
        (("uint8", ("red", "green", "blue")), GRAY, "Save it as gray"),
        (
            ("uint8", ("red", "green", "blue")),
            ImageFormat.of(("red", "green", "blue", "nir")),
            "with these bands",
        ),
        (
            ("uint16", ("gray",)),
            ImageFormat.of(("gray",), "float32"),
            "Save it as float32",
        ),
        (("uint16", ("gray",)), RGB, "Save it with these bands and as uint8"),
    ],
)
def test_other_pictures_are_refused_with_a_cure(given, wanted, hint):
    kind, bands = given
    with pytest.raises(ValueError, match=rf"x\.png has .*{hint}"):
        fitted(picture((2, 3, len(bands)), kind, bands), wanted, "x.png")
