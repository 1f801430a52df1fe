"""JPEG and PNG bytes -> upright pixels, inside the graph of a SavedModel.

Requests may hold anything. So no picture is decoded before its header was read: one of
too many pixels costs no memory. A picture that cannot be read is an INVALID_ARGUMENT
that says which one of the request it is, and why. So is one of other channels or
another depth than the network's: TensorFlow's decoders would bend it without a word.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from kerasseg.data.format.example import decode_image
from kerasseg.files.exif import JPEG, ORIENTATION, PNG, SEGMENTS
from kerasseg.image_format import RGB, ImageFormat

MAX_PIXELS = 16_777_216
"""4096 x 4096: with 11 classes the logits of one such picture are 0.7 GB."""

PAD = 32
"""Zeros after the bytes, so that reading a field never runs over the end."""


class Header(NamedTuple):
    """What stands before the pixels; int64 scalars, and a string.

    depth: bits of a channel, 0 of a damaged JPEG. channels: of a palette 0.
    orientation: EXIF's, 1..8. wrong: what makes it unreadable, or "".
    """

    height: tf.Tensor
    width: tf.Tensor
    orientation: tf.Tensor
    depth: tf.Tensor
    channels: tf.Tensor
    is_jpeg: tf.Tensor
    wrong: tf.Tensor


def upright(
    encoded: tf.Tensor,
    index: tf.Tensor | int,
    max_pixels: int = MAX_PIXELS,
    image_format: ImageFormat = RGB,
) -> tf.Tensor:
    """Bytes -> (H, W, C) as a viewer shows it, or an error with `index`.

    image_format: what the network takes, see `data.format.encode.is_picture_file`. For
        RGB of 8 bits every picture of 8 bits or less is made RGB. Any other format
        takes its own number of channels and its own depth only (gray of 1, 2 and 4 bits
        is of 8): a PNG, or for 1 and 3 channels of 8 bits a JPEG.

    A camera's EXIF orientation (tag 0x0112: APP1 segment of a JPEG, eXIf chunk of a PNG
    before its pixels) is obeyed: the picture is turned or mirrored upright. Without the
    tag, with value 1, or with a tag that is damaged, pixels stay as they are stored.

    The graph raises tf.errors.InvalidArgumentError where the bytes are not a JPEG or
    PNG, are damaged, have more than `max_pixels` pixels, or do not fit the format.
    """
    found = header(encoded)
    too_large = found.height * found.width > max_pixels
    size = tf.strings.format(
        "has {} x {} pixels (width x height)", (found.width, found.height)
    )
    size = tf.strings.join([size, f", more than the {max_pixels} allowed"])
    wrong = tf.where((found.wrong == "") & too_large, size, found.wrong)
    wrong = tf.where(wrong == "", _unlike(found, image_format), wrong)
    with tf.control_dependencies([_refuse(wrong, index)]):
        pixels = _decode_or_empty(encoded, max_pixels, image_format)
    damaged = "cannot be decoded: it is damaged or cut short"
    wrong = tf.where(tf.size(pixels) > 0, "", damaged)
    with tf.control_dependencies([_refuse(wrong, index)]):
        return turned(pixels, found.orientation)


def header(encoded: tf.Tensor) -> Header:
    """What encoded bytes say of themselves, before the pixels; no more is read."""
    data = tf.io.decode_raw(encoded, tf.uint8)
    data = tf.concat([data, tf.zeros((PAD,), tf.uint8)], 0)
    is_jpeg = tf.strings.substr(encoded, 0, len(JPEG)) == JPEG
    is_png = tf.strings.substr(encoded, 0, len(PNG)) == PNG
    zero = tf.zeros((), tf.int64)
    height, width, exif, depth, channels = tf.case(
        [
            (is_jpeg, lambda: _jpeg_header(data)),
            (is_png, lambda: _png_header(data)),
        ],
        default=lambda: (zero,) * 5,
    )
    known = is_jpeg | is_png
    wrong = tf.where(known, "", "is neither JPEG nor PNG")
    wrong = tf.where(known & (height * width == 0), "has a damaged header", wrong)
    orientation = _orientation(data, exif)
    return Header(height, width, orientation, depth, channels, is_jpeg, wrong)


def _unlike(found: Header, image_format: ImageFormat):
    """What is not as the network takes it, or ""."""
    bits, channels = (8 if image_format.type == "uint8" else 16), image_format.channels
    if image_format.is_rgb8:
        # Without this the decoder would give the high bytes.
        deep = tf.strings.format("has {} bits a channel, not 8", found.depth)
        return tf.where(found.depth > 8, deep, "")
    depth = tf.where(found.depth > 8, found.depth, 8 * tf.sign(found.depth))
    fits = (depth == bits) & (found.channels == channels)
    if channels == 4:
        fits &= ~found.is_jpeg
    kind = tf.where(found.is_jpeg, "JPEG", "PNG")
    counts = ["a palette", "1 channel", *(f"{n} channels" for n in (2, 3, 4))]
    count = tf.gather(tf.constant(counts), tf.minimum(found.channels, 4))
    of = tf.strings.as_string(depth)
    given = tf.strings.join(["is a ", kind, " with ", count, " of ", of, " bits"])
    return tf.where(
        fits, "", tf.strings.join([given, f", not {_wanted(image_format)}"])
    )


def _wanted(image_format: ImageFormat) -> str:
    """For messages: "a PNG with 4 channels of 16 bits (red, green, blue, nir)"."""
    eight, count = image_format.type == "uint8", image_format.channels
    kinds = "a JPEG or PNG" if eight and count != 4 else "a PNG"
    channels = "1 channel" if count == 1 else f"{count} channels"
    bands = ", ".join(image_format.bands)
    return f"{kinds} with {channels} of {8 if eight else 16} bits ({bands})"


def turned(pixels: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Pixels (H, W, C) -> upright (H', W', C); orientation: EXIF's 1..8."""
    pixels = tf.cond(
        orientation >= 5, lambda: tf.transpose(pixels, (1, 0, 2)), lambda: pixels
    )
    # After the transposition of 5..8, the same two mirrors make all eight.
    left_right = tf.reduce_any(orientation == [2, 3, 6, 7])
    up_down = tf.reduce_any(orientation == [3, 4, 7, 8])
    pixels = tf.cond(left_right, lambda: tf.reverse(pixels, [1]), lambda: pixels)
    return tf.cond(up_down, lambda: tf.reverse(pixels, [0]), lambda: pixels)


def _decode_or_empty(encoded, max_pixels: int, image_format: ImageFormat):
    """The pixels (H, W, C); (0, 0, C) for bytes that cannot be decoded."""

    def checked(encoded):
        # Both readers of the header must agree that it is small enough.
        is_jpeg = tf.strings.substr(encoded, 0, len(JPEG)) == JPEG
        size = tf.cond(
            is_jpeg,
            lambda: tf.cast(tf.image.extract_jpeg_shape(encoded), tf.int64),
            lambda: tf.zeros((3,), tf.int64),
        )
        small = tf.debugging.Assert(size[0] * size[1] <= max_pixels, [size])
        with tf.control_dependencies([small]):
            return decode_image(encoded, image_format)

    # An operation that fails ends the whole graph without saying for which picture.
    # Only tf.data can go on after one.
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    decoded = tf.data.Dataset.from_tensors(encoded).map(checked).ignore_errors()
    nothing = tf.zeros((0, 0, image_format.channels), image_format.type)
    empty = tf.data.Dataset.from_tensors(nothing)
    first = decoded.concatenate(empty).take(1).with_options(options)
    return first.get_single_element()


def _refuse(wrong, index):
    """An assertion that names the picture and what is wrong, if `wrong` is not ""."""
    message = tf.strings.join(["image_bytes[", tf.strings.as_string(index), "] "])
    return tf.debugging.Assert(wrong == "", [tf.strings.join([message, wrong])])


def _jpeg_header(data):
    """(height, width, position of the EXIF block or 0, depth, channels) of a JPEG.

    Walks from segment to segment up to the frame header (SOF), see ITU-T T.81, B.1 and
    B.2.2.
    """

    def walk(place, frame, exif, going, count):
        head = _bytes(data, place, 10)
        marker, length = head[1], head[2] * 256 + head[3]
        valid = head[0] == 0xFF
        is_frame = (marker >= 0xC0) & (marker <= 0xCF)
        is_frame &= (marker != 0xC4) & (marker != 0xC8) & (marker != 0xCC)
        alone = (marker == 0x01) | ((marker >= 0xD0) & (marker <= 0xD7))
        ends = (marker == 0xDA) | (marker == 0xD9)
        letters = tf.constant([0x45, 0x78, 0x69, 0x66, 0, 0], tf.int64)  # "Exif\0\0"
        found = (marker == 0xE1) & (exif == 0) & tf.reduce_all(head[4:] == letters)
        exif = tf.where(valid & found, place + 10, exif)
        frame = tf.where(valid & is_frame, head[4:], frame)
        step = tf.where(alone, tf.constant(2, tf.int64), 2 + length)
        step = tf.where(marker == 0xFF, tf.constant(1, tf.int64), step)  # fill byte
        return place + step, frame, exif, valid & ~is_frame & ~ends, count + 1

    # Depth, two bytes of height, two of width, channels.
    frame, exif = _walked(data, walk, 2, 6)
    height, width = frame[1] * 256 + frame[2], frame[3] * 256 + frame[4]
    return height, width, exif, frame[0], frame[5]


def _png_header(data):
    """The same of a PNG: the size is in IHDR, EXIF in a chunk before IDAT.

    See the PNG specification, 5.3 and 11.2.1.
    """
    head = _bytes(data, tf.constant(16, tf.int64), 10)
    is_header = tf.reduce_all(
        _bytes(data, tf.constant(12, tf.int64), 4) == _text("IHDR")
    )
    # A side has 31 bits, so that the product fits 64.
    zero = tf.zeros((), tf.int64)
    height = tf.where(is_header, _big_endian(head[4:8]) % 2**31, zero)
    width = tf.where(is_header, _big_endian(head[:4]) % 2**31, zero)
    # Colour types 0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGB and alpha.
    channels = tf.constant([1, 0, 3, 0, 2, 0, 4], tf.int64)
    channels = tf.gather(channels, tf.clip_by_value(head[9], 0, 6))

    def walk(place, nothing, exif, going, count):
        head = _bytes(data, place, 8)
        length, name = _big_endian(head[:4]), head[4:]
        found = tf.reduce_all(name == _text("eXIf"))
        exif = tf.where(found, place + 8, exif)
        going = ~found & ~tf.reduce_all(name == _text("IDAT"))
        return place + 12 + length, nothing, exif, going, count + 1

    return height, width, _walked(data, walk, 8, 0)[1], head[8], channels


def _walked(data, walk, start: int, numbers: int):
    """Repeats `walk` from byte `start` until it says so, the bytes end, or it has seen
    as many segments as are allowed: the `numbers` that it found, and the place of the
    EXIF block."""
    end = tf.size(data, tf.int64) - PAD
    zero = tf.zeros((), tf.int64)
    found = tf.zeros((numbers,), tf.int64)
    state = (tf.constant(start, tf.int64), found, zero, True, zero)

    def going(place, found, exif, on, count):
        return on & (place < end) & (count < SEGMENTS)

    _, found, exif, _, _ = tf.while_loop(going, walk, state)
    return found, exif


def _orientation(data, start):
    """The orientation in the TIFF block at byte `start`; 1 where there is none.

    Exif 2.32, 4.6: the byte order, 42, the offset of the first directory; a directory
    is a count and entries of 12 bytes: tag, type, count, value.
    """
    little = tf.reduce_all(_bytes(data, start, 2) == _text("II"))

    def number(places, size: int):
        parts = tf.stack([_bytes_at(data, places + i) for i in range(size)], -1)
        return tf.where(little, _big_endian(parts[..., ::-1]), _big_endian(parts))

    directory = start + number(start + 4, 4)
    entries = tf.minimum(number(directory, 2), 256)
    places = directory + 2 + 12 * tf.range(entries, dtype=tf.int64)
    matches = number(places, 2) == ORIENTATION
    # Where there are no entries, the largest is the smallest int64: not valid.
    value = tf.reduce_max(tf.where(matches, number(places + 8, 2), 0))
    valid = (start > 0) & (number(start + 2, 2) == 42) & (value >= 1) & (value <= 8)
    return tf.where(valid, value, tf.ones((), tf.int64))


def _bytes_at(data, places):
    """The bytes at these positions; beyond the ends, the first or the last byte."""
    return tf.cast(
        tf.gather(data, tf.clip_by_value(places, 0, tf.size(data, tf.int64) - 1)),
        tf.int64,
    )


def _bytes(data, place, count: int):
    return _bytes_at(data, place + tf.range(count, dtype=tf.int64))


def _big_endian(parts) -> Any:
    """(..., n) bytes, the highest first -> (...) numbers."""
    total = tf.zeros(tf.shape(parts)[:-1], tf.int64)
    for part in tf.unstack(parts, axis=-1):
        total = total * 256 + part
    return total


def _text(word: str):
    return tf.constant(list(word.encode()), tf.int64)
