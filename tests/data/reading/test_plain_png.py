"""The quick way for usual PNGs gives what Pillow gives, or leaves the file to it."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
from PIL import Image

from kerasseg import UserError
from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.masks.mask_decoders import decode
from kerasseg.data.reading.pictures import image, picture_formats, plain_png

RANDOM = np.random.default_rng(0)
COLOURS = RANDOM.integers(0, 256, (5, 7, 4), dtype=np.uint8)


def png(picture: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", **options)
    return file.getvalue()


def turned(turn: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = turn
    return png(Image.fromarray(COLOURS[..., :3]), exif=exif)


RGB = png(Image.fromarray(COLOURS[..., :3]))
PALETTE = Image.fromarray(COLOURS[..., :3]).quantize(4)
FILES = {
    "RGB": RGB,
    "gray": png(Image.fromarray(COLOURS[..., 0])),
    "one bit": png(Image.fromarray(COLOURS[..., 0] > 99)),
    "gray and alpha": png(Image.fromarray(COLOURS[..., :2], "LA")),
    "RGBA": png(Image.fromarray(COLOURS)),
    "palette": png(PALETTE),
    "palette of 2 bits": png(PALETTE, bits=2),
    "a transparent colour": png(
        Image.fromarray(COLOURS[..., :3]), transparency=(1, 2, 3)
    ),
    "a transparent index": png(PALETTE, transparency=1),
    "animation": png(
        Image.fromarray(COLOURS[..., :3]),
        save_all=True,
        append_images=[Image.fromarray(COLOURS[..., 1:])],
    ),
    "a long text before the pixels": RGB[:33]
    + (9000).to_bytes(4, "big")
    + (text := b"tEXtComment\0" + b"a" * 8992)
    + zlib.crc32(text).to_bytes(4, "big")
    + RGB[33:],
    **{f"turned {n}": turned(n) for n in range(1, 9)},
}


@pytest.mark.parametrize("name", FILES)
def test_headers_and_pixels_are_those_of_pillow(name, monkeypatch):
    file = EmbeddedFile(name, FILES[name])
    quick = image.header(file), decode(file) if name != "animation" else None
    pixels = None if name == "animation" else image.read(file)
    monkeypatch.setattr(plain_png, "header", lambda start: None)
    monkeypatch.setattr(plain_png, "pixels", lambda encoded, largest: None)
    assert quick[0] == image.header(file) == picture_formats.header(file)
    if pixels is None:
        return
    mask, right = decode(file), image.read(file)
    for one, other in (
        (quick[1].pixels, mask.pixels),
        (quick[1].palette, mask.palette),
        (quick[1].alpha, mask.alpha),
        (pixels.pixels, right.pixels),
    ):
        np.testing.assert_array_equal(one, other)
    assert pixels.encoded == right.encoded
    assert (pixels.bands, pixels.turn, pixels.notes) == (
        right.bands,
        right.turn,
        right.notes,
    )


def test_the_usual_ones_take_the_quick_way():
    for name in ("RGB", "gray", "turned 6", "a long text before the pixels"):
        assert plain_png.pixels(FILES[name], 35) is not None, name
        assert plain_png.pixels(FILES[name], 34) is None, name


@pytest.mark.parametrize("length", range(0, len(RGB) - 20, 7))
def test_files_that_are_cut_short_are_named(length):  # but for the last checksum
    with pytest.raises(UserError, match=r"cut\.png"):
        image.read(EmbeddedFile("cut.png", RGB[:length]))


def test_a_file_is_opened_once(tmp_path, monkeypatch):
    file = tmp_path / "a.png"
    file.write_bytes(RGB)
    opened = []
    real = type(file).open

    def counting(self, *args, **options):
        opened.append(self)
        return real(self, *args, **options)

    monkeypatch.setattr(type(file), "open", counting)
    image.read(file)
    assert len(opened) == 1
