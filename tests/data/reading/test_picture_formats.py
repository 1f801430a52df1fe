"""PNG, JPEG, WebP, GIF, BMP, PNM, JPEG 2000, AVIF, HEIC: pixels as they were saved."""

import io
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.pictures.image import (
    ReadOptions,
    header,
    pages_of,
    read,
    read_image,
    size_of,
)
from kerasseg.files import exif

RANDOM = np.random.default_rng(0)
COLOURS = RANDOM.integers(0, 256, (15, 20, 4), np.uint8)
DEEP = RANDOM.integers(0, 65536, (15, 20, 4)).astype(np.uint16)
SIX = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
"""An EXIF block that says orientation 6."""


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return EmbeddedFile(f"a.{kind.lower()}", out.getvalue())


def chunk(name, data):
    crc = struct.pack(">I", zlib.crc32(name + data))
    return struct.pack(">I", len(data)) + name + data + crc


def png16(pixels, colour_type, *chunks):
    """A PNG of 16 bits, written by hand after its specification."""
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    start = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    parts = [chunk(b"IHDR", start), *chunks, chunk(b"IDAT", zlib.compress(rows))]
    end = chunk(b"IEND", b"")
    return EmbeddedFile("a.png", b"\x89PNG\r\n\x1a\n" + b"".join(parts) + end)


ALPHA = ("LA", "RGBA")
WRITES = [
    (mode, kind)
    for kind in ("PNG", "BMP", "WEBP", "GIF", "PPM", "TIFF")
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA")
    if not (mode in ALPHA and kind in ("GIF", "PPM", "BMP"))
    and (mode, kind) not in (("P", "PPM"), ("RGB", "GIF"))
]
"""What Pillow writes without a change."""


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(WRITES), st.sampled_from([(1, 1), (15, 20), (3, 1)]))
def test_what_was_saved_is_read(written, size):
    mode, kind = written
    pixels = COLOURS[: size[0], : size[1], : 4 if mode in ALPHA else 3]
    image = Image.fromarray(pixels).convert(mode)
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    file = saved(image, kind, **options)
    right = np.asarray(image.convert("RGBA"))
    picture, head = read(file), header(file)
    np.testing.assert_array_equal(
        np.broadcast_to(picture.pixels, right[..., :3].shape), right[..., :3]
    )
    assert (head.height, head.width, len(head.bands)) == picture.pixels.shape
    assert picture.bands == head.bands in (("gray",), ("red", "green", "blue"))
    transparent = bool((right[..., 3] < 255).any())
    assert bool(picture.notes) == transparent
    if transparent:
        banded = read(file, ReadOptions(alpha="band")).pixels
        np.testing.assert_array_equal(banded[..., -1], right[..., 3])
        valid = read(file, ReadOptions(alpha="valid")).valid
        expected = right[..., 3] > 0
        assert (valid is None and expected.all()) or (valid == expected).all()


@pytest.mark.parametrize(("colour_type", "count"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_png_of_16_bits(colour_type, count, capfd):
    pixels = DEEP[..., :count]
    colours = pixels[..., : 1 if count < 3 else 3]
    broken = chunk(b"iCCP", b"x\0\0" + zlib.compress(b"no profile" * 9))
    for chunks in ((), (chunk(b"gAMA", struct.pack(">I", 45455)),), (broken,)):
        file = png16(pixels, colour_type, *chunks)
        picture, head = read(file), header(file)
        np.testing.assert_array_equal(picture.pixels, colours)
        assert (head.type, head.alpha) == ("uint16", count in (2, 4))
        assert bool(picture.encoded) == (not head.alpha)
        kept = read(file, ReadOptions(alpha="band")).pixels
        np.testing.assert_array_equal(kept, pixels)
    turned = read(png16(pixels, colour_type, chunk(b"eXIf", SIX)))
    np.testing.assert_array_equal(turned.pixels, exif.turned(colours, 6))
    assert not turned.encoded
    assert capfd.readouterr() == ("", "")  # libpng complains of the broken profile
    with pytest.raises(ValueError, match=r"a\.png cannot be read"):
        read(EmbeddedFile("a.png", png16(pixels, colour_type).content[:-60]))


def test_numbers_of_pnm_stand_as_they_are():
    for most, kind in ((4095, ">u2"), (65535, ">u2"), (255, "u1"), (100, "u1")):
        pixels = (np.arange(24) % 100).reshape(2, 4, 3)
        for name, stored in ((b"P6", pixels), (b"P5", pixels[..., :1])):
            start = name + b" # by hand\n4 2\n%d\n" % most
            file = EmbeddedFile("a.pnm", start + stored.astype(kind).tobytes())
            picture = read(file)
            np.testing.assert_array_equal(picture.pixels, stored)
            assert header(file).type == picture.pixels.dtype.name


@pytest.mark.parametrize("count", [1, 3, 4])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_jpeg_2000(count, bits):
    pixels = (DEEP[..., :count] >> (16 - bits)).astype(
        "uint8" if bits == 8 else "uint16"
    )
    encoded = imagecodecs.jpeg2k_encode(
        pixels[..., 0] if count == 1 else pixels,
        level=0,
        bitspersample=bits,
        reversible=True,
    )
    file = EmbeddedFile("a.jp2", bytes(encoded))
    picture, head = read(file), header(file)
    np.testing.assert_array_equal(picture.pixels, pixels)
    assert (head.height, head.width, len(head.bands)) == pixels.shape
    assert (head.bands, head.type) == (picture.bands, pixels.dtype.name)
    with pytest.raises(ValueError, match=r"a\.jp2 cannot be read"):
        read(EmbeddedFile("a.jp2", file.content[: len(file.content) // 3]))


def test_jpeg_2000_of_negative_numbers_is_refused():
    pixels = DEEP[..., 0].astype(np.int16)
    encoded = imagecodecs.jpeg2k_encode(pixels, level=0, reversible=True)
    with pytest.raises(ValueError, match=r"a\.jp2 .*negative"):
        read(EmbeddedFile("a.jp2", bytes(encoded)))


def test_avif_of_10_bits():
    pixels = DEEP[..., :3] >> 6
    encoded = imagecodecs.avif_encode(
        pixels, level=100, bitspersample=10, pixelformat="444"
    )
    file = EmbeddedFile("a.avif", bytes(encoded))
    np.testing.assert_array_equal(read(file).pixels, pixels)
    assert header(file).type == "uint16"


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_animations_are_pages(kind):
    frames = [Image.fromarray(COLOURS[n : n + 8, :8, :3]) for n in range(3)]
    options = {"lossless": True} if kind == "WEBP" else {}
    if kind == "GIF":
        frames = [frame.convert("P") for frame in frames]
    file = saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    with pytest.raises(ValueError, match="has 3 pages"):
        read(file)
    for page, frame in zip(pages_of(file), frames, strict=True):
        right = np.asarray(frame.convert("RGB"))
        np.testing.assert_array_equal(read(page).pixels, right)
    assert str(pages_of(file)[1]).endswith("page 2")
    joined = read(file, ReadOptions(pages="bands", bands=(3, 0)))
    assert joined.bands == ("red_2", "red_1")
    with pytest.raises(ValueError, match=r"has 3 bands.*asks for 5"):
        read(pages_of(file)[0], ReadOptions(bands=(4,)))


def test_heic():
    heif = pytest.importorskip("pillow_heif")
    smooth = np.asarray(Image.fromarray(COLOURS[..., :3]).resize((64, 48)))
    for mode, pixels, kind in (
        ("RGB", smooth, "uint8"),
        ("L", smooth[..., :1], "uint8"),
        ("RGB;16", smooth.astype(np.uint16) * 257, "uint16"),
    ):
        content = np.ascontiguousarray(pixels).tobytes()
        image = heif.from_bytes(mode=mode, size=(64, 48), data=content)
        out = io.BytesIO()
        image.save(out, quality=-1, chroma=444)
        file = EmbeddedFile("a.jpg", out.getvalue())  # phones rename them so
        picture, head = read(file), header(file)
        assert picture.pixels.dtype.name == head.type == kind
        off = np.abs(picture.pixels.astype(int) - pixels).max()
        assert off <= (1 if kind == "uint8" else 257)  # YCbCr, and 12 bits of 16
        assert (head.height, head.width) == (48, 64)
        assert read_image(file)[0].shape == (48, 64, 3) if kind == "uint8" else True


def test_no_limit_of_pixels_for_files_of_ones_own(tmp_path):
    """14000 x 13000: Pillow calls it a decompression bomb. Header only; it is slow."""
    start = struct.pack(">IIBBBBB", 14_000, 13_000, 8, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", start) + chunk(b"IDAT", b"x")
    (tmp_path / "huge.png").write_bytes(content)
    assert size_of(tmp_path / "huge.png") == (13_000, 14_000)
    assert Image.MAX_IMAGE_PIXELS is not None  # the process's own limit stays
