"""A file that counts as plain and whole, TensorFlow decodes as PIL does."""

import io
import random

import numpy as np
import pytest
import tensorflow as tf
from data.test_fuzz import mutated
from PIL import Image

from kerasseg import UserError
from kerasseg.data.format.example import decode_image
from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.pictures.image import read_image
from kerasseg.data.sample import Sample
from kerasseg.data.writing.check import check, check_encoded, is_plain
from kerasseg.taxonomy import Taxonomy

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def encoded(kind: str, mode: str = "RGB", **options) -> bytes:
    y, x = np.mgrid[:67, :91]
    pixels = np.stack([x * 3, y * 5, (x + y) * 7], -1).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


PLAIN = {
    "quality.jpg": encoded("JPEG", quality=95, subsampling=0),
    "halved.jpg": encoded("JPEG", optimize=True, quality=30),
    "gray.jpg": encoded("JPEG", "L"),
    "restarts.jpg": encoded("JPEG", restart_marker_blocks=2),
    "rgb.png": encoded("PNG"),
    "gray.png": encoded("PNG", "L"),
}
UNUSUAL = {
    "progressive.jpg": encoded("JPEG", progressive=True),
    "cmyk.jpg": encoded("JPEG", "CMYK"),
    "transparent.png": encoded("PNG", transparency=(1, 2, 3)),
    "a.gif": encoded("GIF"),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_files(name):
    whole = PLAIN[name]
    assert is_plain(whole)
    assert not any(is_plain(whole[:end]) for end in range(len(whole) - 1))


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_files(name):
    assert not is_plain(UNUSUAL[name])


@pytest.mark.parametrize("count", [300, pytest.param(20_000, marks=pytest.mark.slow)])
def test_damaged_files(count):
    rng, plain = random.Random(0), 0
    for _ in range(count):
        name = rng.choice(list(PLAIN))
        try:
            image, kept = read_image(EmbeddedFile(name, mutated(PLAIN[name], rng)))
        except ValueError:
            continue
        if kept and is_plain(kept):
            np.testing.assert_array_equal(decode_image(kept), image)
            plain += 1
    assert plain > count / 10


def test_only_other_pixels_and_unusual_files_are_decoded_again(monkeypatch):
    asked = []

    def decode(*arguments, **options):
        asked.append(arguments)
        return right(*arguments, **options)

    right = tf.io.decode_jpeg
    monkeypatch.setattr(tf.io, "decode_jpeg", decode)

    def check(file: str, change=lambda image: image):
        image, kept = read_image(EmbeddedFile(file, (PLAIN | UNUSUAL)[file]))
        label = np.zeros(image.shape[:2], np.uint8)
        check_encoded(Sample("s", change(image), label, encoded=kept), "train")

    check("quality.jpg")
    check("rgb.png")
    assert not asked
    check("progressive.jpg")
    check("quality.jpg", np.copy)
    assert len(asked) == 2
    with pytest.raises(ValueError, match="decode to other pixels"):
        check("quality.jpg", np.flipud)


def test_decoded_pixels_cannot_be_changed_unseen():
    image, _ = read_image(EmbeddedFile("a.jpg", PLAIN["gray.jpg"]))
    with pytest.raises(ValueError, match="read-only"):
        image[0] = 0


def test_a_sample_of_a_thousand_million_pixels_is_refused():
    """The arrays are views of one number."""
    label = np.broadcast_to(np.uint8(0), (32_000, 32_000))
    image = np.broadcast_to(np.uint8(0), (32_000, 32_000, 3))
    with pytest.raises(UserError, match="32000 x 32000"):
        check(
            Sample("a", image, label),
            "train",
            Taxonomy(("a", "b"), ((0, 0, 0), (1, 1, 1))),
        )
