"""What a network is given: 0 where nothing was measured, on devices as in the graph."""

import numpy as np
import pytest
import tensorflow as tf

from kerasseg import UserError
from kerasseg.image_format import GRAY, RGB, ImageFormat
from kerasseg.inference import class_maps
from kerasseg.inference.pixels import checked

FLOATS = ImageFormat.of(("a", "b"), "float32", nodata=-9999.0)
FAR = ImageFormat.of(("a", "b"), "float32", nodata=-3.4028234663852886e38)
WHOLE = ImageFormat.of(("a", "b"), "int16", nodata=-32768)


@pytest.mark.parametrize(
    ("given", "one", "expected"),
    [
        ([1.5, 2.0], FLOATS, [1.5, 2.0]),
        ([np.nan, 2.0], FLOATS, [0, 0]),
        ([1.0, np.inf], FLOATS, [0, 0]),
        ([-9999.0, -9999.0], FLOATS, [0, 0]),
        ([-9999.0, 2.0], FLOATS, [-9999.0, 2.0]),  # GDAL's rule: in all bands
        ([np.float32(FAR.nodata)] * 2, FAR, [0, 0]),
        ([-32768, -32768], WHOLE, [0, 0]),
        ([-32768, 5], WHOLE, [-32768, 5]),
        ([7, 8], WHOLE, [7, 8]),
    ],
)
def test_invalid_pixels_are_0_in_all_bands(given, one, expected):
    image = np.array(given, one.type).reshape(1, 1, 2)
    found = checked(image, one)
    assert found.dtype == one.type
    assert found.ravel().tolist() == expected
    graph = class_maps.zeroed(tf.constant(image, tf.float32), one)
    assert graph.numpy().ravel().tolist() == expected


@pytest.mark.parametrize(
    ("shape", "kind", "one"),
    [
        ((4, 5, 3), "uint16", RGB),
        ((4, 5), "uint8", GRAY),
        ((4, 5, 3), "uint8", GRAY),
        ((4, 5, 2), "uint16", WHOLE),
        ((1, 4, 5, 2), "float32", FLOATS),
    ],
)
def test_other_bands_and_types_are_refused_in_one_line(shape, kind, one):
    with pytest.raises(UserError) as caught:
        checked(np.zeros(shape, kind), one)
    words = str(caught.value)
    assert f"of {one.type} with the bands {one.bands[0]}" in words
    assert f"got {shape} of {kind}" in words
    assert "\n" not in words


@pytest.mark.parametrize("one", [FLOATS, WHOLE, GRAY, ImageFormat.of(("a",), "uint16")])
def test_a_resize_keeps_to_numbers_of_the_type(one):
    """Halved: means of 2 x 2 pixels and, antialiased, of their neighbours."""
    low, high = (-100, 100) if one.type in ("int16", "float32") else (0, 200)
    shape = (8, 10, one.channels)
    image = np.random.default_rng(0).uniform(low, high, shape).astype(one.type)
    found = class_maps.stretched(image, (4, 5), one).numpy()
    assert (found.dtype, found.shape) == (np.float32, (4, 5, one.channels))
    if one.type != "float32":
        np.testing.assert_array_equal(found, np.round(found))
    floats = class_maps.stretched(image.astype(np.float32), (4, 5), one)
    np.testing.assert_array_equal(floats, found)
