import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasseg.data.resize import resize_image, resize_label
from kerasseg.inference.litert import stretched


@given(st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=20, deadline=None)
def test_the_same_size_is_the_same_picture(height, width):
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    assert (resize_image(image, (height, width)).numpy() == image).all()
    assert (resize_label(image[..., 0], (height, width)).numpy() == image[..., 0]).all()


def test_halving_a_label_takes_the_pixel_at_half_pixel_centres():
    label = np.arange(16, dtype=np.uint8).reshape(4, 4)
    assert resize_label(label, (2, 2)).numpy().tolist() == [[5, 7], [13, 15]]


def test_doubling_is_half_pixel_bilinear_and_rounded():
    # By hand: outputs at -0.25 (clamped), 0.25, 0.75, 1.25 (clamped) of the input grid,
    # so 0, 25.75, 77.25 and 103, rounded.
    image = np.array([[[0] * 3, [103] * 3]], np.uint8)
    assert resize_image(image, (1, 4)).numpy()[0, :, 0].tolist() == [0, 26, 77, 103]


def test_shrinking_averages_over_the_pixels_it_drops():
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, ::2] = 200
    small = resize_image(image, (8, 8)).numpy()
    # At the left and right edge half of the triangle filter is cut off.
    assert (small[:, 1:-1] == 100).all()
    assert np.abs(small.astype(int) - 100).max() <= 5


@pytest.mark.parametrize("type", ["uint16", "int16", "float32"])
def test_any_type_stays_and_devices_see_the_same(type, rng):
    for bands, size, target in (1, (9, 14), (9, 14)), (5, (31, 8), (7, 33)):
        image = (rng.standard_normal((*size, bands)) * 2e4).astype(type)
        got = resize_image(image, target).numpy()
        assert got.dtype == type and got.shape == (*target, bands)
        assert got.min() >= image.min() and got.max() <= image.max()
        if size == target:
            np.testing.assert_array_equal(got, image)
        np.testing.assert_array_equal(stretched(image, *target), got)


def test_whole_numbers_are_rounded_and_floats_are_not():
    # By hand, as above: 0, 0.25, 0.75 and 1 of the way from one to the other.
    for type, pair, expected in (
        ("uint16", (65533, 65535), [65533, 65534, 65534, 65535]),  # .5 to the even one
        ("int16", (-32768, 32767), [-32768, -16384, 16383, 32767]),
        ("float32", (-1.5, 0.5), [-1.5, -1.0, 0.0, 0.5]),
    ):
        image = np.array(pair, type).reshape(1, 2, 1)
        assert resize_image(image, (1, 4)).numpy().ravel().tolist() == expected
