"""Any bands as pictures: which bands, how they are stretched, what is refused."""

import numpy as np
import pytest

from kerasseg import UserError
from kerasseg.drawing.bands import displaying, shown
from kerasseg.image_format import GRAY, RGB, BandStatistics, ImageFormat

FOUR = ImageFormat.of(("blue", "green", "red", "nir"), "uint16")


def test_pictures_keep_their_values(rng):
    image = rng.integers(0, 256, (5, 6, 3)).astype("uint8")
    assert shown(image) is image
    gray = shown(image[..., :1], GRAY)
    assert np.array_equal(gray, np.repeat(image[..., :1], 3, -1))
    moved = shown(image.astype("float32") + 0.4, RGB)
    assert moved.dtype == np.uint8 and np.array_equal(moved, image)
    red = shown(image, displaying("red", RGB))
    assert np.array_equal(red, np.repeat(image[..., :1], 3, -1))


def test_bands_are_stretched_by_the_percentiles_of_the_records():
    band = [BandStatistics(0, 9e3, 0, 1, 100 * i, 100 * i + 510) for i in range(4)]
    image_format = FOUR.with_statistics(tuple(band))
    image = np.tile(np.uint16([0, 100, 202, 810]), (2, 2, 1))
    # red is band 2: (202 - 200) / 2; green (100 - 100) / 2; blue 0.
    assert shown(image, image_format)[0, 0].tolist() == [1, 0, 0]
    assert shown(image, displaying("nir", image_format))[0, 0].tolist() == [255] * 3
    assert shown(image + np.uint16(51), image_format)[0, 0].tolist() == [26, 26, 26]


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32", "uint8"])
def test_without_statistics_by_the_picture_s_own_without_nodata(dtype):
    image_format = ImageFormat.of(("a", "b"), dtype)
    ramp = np.linspace(50, 120, 64 * 64).reshape(64, 64)
    image = np.stack([ramp, ramp], -1).astype(dtype)
    image[:30] = 0
    got = shown(image, image_format)
    assert got.shape == (64, 64, 3) and not got[:30].any()
    assert got[30, 0, 0] < 4 and got[-1, -1, 0] == 255
    assert 120 < got[47, 0, 0] < 136


def test_not_finite_constant_and_empty_images_are_drawn():
    image_format = ImageFormat.of(("dem",), "float32")
    image = np.full((4, 4, 1), 812.5, "float32")
    assert np.all(abs(shown(image, image_format).astype(int) - 128) < 2)
    image[0, 0] = np.nan
    image[1, 1] = np.inf
    got = shown(image, image_format)
    assert got[0, 0, 0] == 0 and got[1, 1, 0] == 255
    assert shown(np.zeros((2, 3, 1), "float32"), image_format).shape == (2, 3, 3)


def test_bands_are_chosen_by_name_or_by_number_from_1():
    assert FOUR.display == (2, 1, 0)
    assert displaying("", FOUR) is FOUR
    assert displaying("NIR, red,green", FOUR).display == (3, 2, 1)
    assert displaying("4,3,2", FOUR).display == (3, 2, 1)
    assert displaying("nir", FOUR).display == (3, 3, 3)
    named = ImageFormat.of(("8", "4", "3"), "uint16")
    assert displaying("4,3,8", named).display == (1, 2, 0)
    for wrong, message in (
        ("red,nir", "one band, or three"),
        ("0", "no band '0'.*from 1 to 4"),
        ("5", "no band '5'"),
        ("swir,red,green", r"no band 'swir'. The images have 4 bands \(blue"),
    ):
        with pytest.raises(UserError, match=message):
            displaying(wrong, FOUR)
    with pytest.raises(UserError, match=r"\(H, W, 4\).*got \(5, 5, 3\)"):
        shown(np.zeros((5, 5, 3), "uint16"), FOUR)
