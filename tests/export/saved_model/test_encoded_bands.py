"""PNG and JPEG of other channels and depths: decoded exactly, or refused by name."""

import cv2
import jpeg_png
import numpy as np
import pytest
import tensorflow as tf

from kerasseg.export.saved_model import encoded
from kerasseg.image_format import GRAY, RGB, ImageFormat

COLOURS = ("red", "green", "blue")
GRAY16 = ImageFormat.of(("gray",), "uint16")
RGB16 = ImageFormat.of(COLOURS, "uint16")
RGBN8 = ImageFormat.of((*COLOURS, "nir"))
RGBN16 = ImageFormat.of((*COLOURS, "nir"), "uint16")
FALSE_COLOURS = ImageFormat.of(("nir", "red", "green"))


def noise(image_format, height=20, width=30):
    """Levels that need the low byte too."""
    high = 256 if image_format.type == "uint8" else 4096
    shape = (height, width, image_format.channels)
    return np.random.default_rng(1).integers(0, high, shape).astype(image_format.type)


def file_of(pixels, suffix=".png"):
    """As OpenCV writes it."""
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[pixels.shape[-1]]
    return cv2.imencode(suffix, pixels[..., order])[1].tobytes()


@pytest.mark.parametrize("one", [GRAY, GRAY16, RGB16, RGBN8, RGBN16, FALSE_COLOURS])
def test_a_png_of_opencv_gives_its_own_numbers(one):
    pixels = noise(one)
    given = encoded.upright(file_of(pixels), 0, image_format=one)
    assert given.dtype == one.type
    np.testing.assert_array_equal(given, pixels)


@pytest.mark.parametrize("one", [GRAY, FALSE_COLOURS])
def test_jpeg_fits_one_and_three_channels_of_8_bits(one):
    data = file_of(noise(one), ".jpg")
    how = cv2.IMREAD_UNCHANGED
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), how).reshape(20, 30, -1)
    given = encoded.upright(data, 0, image_format=one)
    np.testing.assert_array_equal(given, expected[..., ::-1])


def test_sixteen_bits_are_turned_upright():
    """Orientation 6: the camera was turned, row 0 of the file is the right side."""
    pixels = noise(GRAY16)
    plain = file_of(pixels)
    exif = jpeg_png.encoded(jpeg_png.noise(4, 4), "PNG", orientation=6)
    at = exif.index(b"eXIf") - 4
    chunk = exif[at : at + 12 + int.from_bytes(exif[at : at + 4], "big")]
    end_of_header = 8 + 25
    data = plain[:end_of_header] + chunk + plain[end_of_header:]
    given = encoded.upright(data, 0, image_format=GRAY16)
    np.testing.assert_array_equal(given, np.rot90(pixels, -1))


@pytest.mark.parametrize(
    ("taken", "sent", "suffix", "says"),
    [
        (RGB, RGB16, ".png", "has 16 bits a channel, not 8"),
        (RGB, GRAY16, ".png", "has 16 bits a channel, not 8"),
        (
            GRAY16,
            GRAY,
            ".png",
            "PNG with 1 channel of 8 bits, not a PNG with 1 channel",
        ),
        (GRAY16, RGB16, ".png", "PNG with 3 channels of 16 bits, not a PNG with 1"),
        (
            GRAY,
            FALSE_COLOURS,
            ".jpg",
            "is a JPEG with 3 channels of 8 bits, not a JPEG",
        ),
        (RGBN8, FALSE_COLOURS, ".png", "with 3 channels of 8 bits, not a PNG with 4"),
        (
            RGBN8,
            FALSE_COLOURS,
            ".jpg",
            "is a JPEG with 3 channels of 8 bits, not a PNG",
        ),
        (RGBN16, RGBN8, ".png", "of 8 bits, not a PNG with 4 channels of 16 bits"),
        (RGB16, RGBN16, ".png", "with 4 channels of 16 bits, not a PNG with 3"),
    ],
)
def test_another_picture_is_refused_with_what_is_expected(taken, sent, suffix, says):
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        encoded.upright(file_of(noise(sent), suffix), 3, image_format=taken)
    assert "image_bytes[3] " in caught.value.message
    assert says in caught.value.message
    assert sum("image_bytes" in line for line in caught.value.message.split("\n")) == 1


def test_a_palette_is_not_three_bands():
    from io import BytesIO

    from PIL import Image

    out = BytesIO()
    Image.fromarray(jpeg_png.noise(20, 30)).convert("P").save(out, "PNG")
    with pytest.raises(tf.errors.InvalidArgumentError, match="PNG with a palette"):
        encoded.upright(out.getvalue(), 0, image_format=FALSE_COLOURS)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_gray_of_few_bits_spans_8(bits):
    """A PNG by hand: two rows of one byte each."""
    import struct
    import zlib

    def chunk(name, body):
        check = struct.pack(">I", zlib.crc32(name + body))
        return struct.pack(">I", len(body)) + name + body + check

    width = 8 // bits
    header = struct.pack(">IIBBBBB", width, 2, bits, 0, 0, 0, 0)
    body = zlib.compress(b"\0\x1b\0\xff")
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body)
    data += chunk(b"IEND", b"")
    given = encoded.upright(data, 0, image_format=GRAY).numpy()[..., 0]
    levels = [(0x1B >> (8 - bits * (n + 1))) % 2**bits for n in range(width)]
    step = 255 // (2**bits - 1)
    assert given.tolist() == [[step * level for level in levels], [255] * width]
