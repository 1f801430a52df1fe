"""Bytes to pixels in a graph, against OpenCV."""

import io

import cv2
import jpeg_png
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kerasseg.data.format.encode import serialise
from kerasseg.data.format.example import decode_image, parse
from kerasseg.data.sample import Sample
from kerasseg.export.saved_model import encoded


@tf.function(input_signature=[tf.TensorSpec((), tf.string)])
def upright(data):
    return encoded.upright(data, 7)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("order", "<>")
def test_all_orientations_as_opencv_turns_them(kind, order):
    """0 and 9 are no orientations: the picture stays."""
    for orientation in range(10):
        data = jpeg_png.encoded(jpeg_png.noise(20, 30), kind, orientation, order)
        expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        np.testing.assert_array_equal(upright(data).numpy(), expected[..., ::-1])


def test_pixels_are_those_of_the_records():
    data, label = jpeg_png.encoded(jpeg_png.noise(33, 47)), np.zeros((33, 47), np.uint8)
    image = np.asarray(Image.open(io.BytesIO(data)))
    stored = serialise(Sample(image=image, label=label, id="a", encoded=data))
    np.testing.assert_array_equal(upright(data), parse(stored)["image"])


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("L", "JPEG"), ("CMYK", "JPEG"), ("L", "PNG"), ("P", "PNG"), ("RGBA", "PNG")],
)
def test_other_kinds_are_rgb(mode, kind):
    image = Image.fromarray(jpeg_png.noise(20, 30)).convert(mode)
    out = io.BytesIO()
    image.save(out, kind)
    pixels = upright(out.getvalue()).numpy()
    np.testing.assert_array_equal(pixels, decode_image(out.getvalue()))
    assert pixels.shape == (20, 30, 3)
    if kind == "PNG" and mode != "RGBA":
        np.testing.assert_array_equal(pixels, np.asarray(image.convert("RGB")))


def test_progressive_jpeg():
    data = jpeg_png.encoded(jpeg_png.noise(20, 30), progressive=True, orientation=8)
    assert upright(data).shape == (30, 20, 3)


def test_exif_after_another_application_segment():
    data = jpeg_png.encoded(jpeg_png.noise(20, 30), orientation=6)
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x/>"
    segment = b"\xff\xe1" + (len(xmp) + 2).to_bytes(2, "big") + xmp
    data = data[:2] + segment + b"\xff" + data[2:]  # and a fill byte
    assert upright(data).shape == (30, 20, 3)


@pytest.mark.parametrize("name", jpeg_png.bad())
def test_what_cannot_be_read_is_named(name):
    data, says = jpeg_png.bad()[name]
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        upright(data)
    assert f"image_bytes[7] {says}" in caught.value.message


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=8), st.booleans())
@settings(deadline=None, max_examples=25)
def test_damaged_bytes_give_pixels_or_an_error_of_ours(place, spoil, png):
    data = jpeg_png.encoded(
        jpeg_png.noise(20, 30), "PNG" if png else "JPEG", orientation=6
    )
    place %= len(data)
    data = data[:place] + spoil + data[place + len(spoil) :]
    try:
        assert upright(data).shape[-1] == 3
    except tf.errors.InvalidArgumentError as error:
        assert "image_bytes[7] " in error.message


def test_a_large_header_costs_no_memory():
    import resource

    data = jpeg_png.bad()["100 megapixels"][0]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(3):
        with pytest.raises(tf.errors.InvalidArgumentError):
            upright(data)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB
