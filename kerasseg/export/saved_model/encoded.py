"""JPEG and PNG bytes -> upright pixels, inside the graph of a SavedModel.

Requests may hold anything. So no picture is decoded before its header was read: one of
too many pixels costs no memory. A picture that cannot be read is an INVALID_ARGUMENT
that says which one of the request it is, and why.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from kerasseg.data.format.example import decode_image
from kerasseg.files.exif import JPEG, ORIENTATION, PNG, SEGMENTS

MAX_PIXELS = 16_777_216
"""4096 x 4096: with 11 classes the logits of one such picture are 0.7 GB."""

PAD = 32
"""Zeros after the bytes, so that reading a field never runs over the end."""


def upright(
    encoded: tf.Tensor, index: tf.Tensor | int, max_pixels: int = MAX_PIXELS
) -> tf.Tensor:
    """Bytes -> uint8 (H, W, 3) RGB as a viewer shows it, or an error with `index`.

    A camera's EXIF orientation (tag 0x0112: APP1 segment of a JPEG, eXIf chunk of a PNG
    before its pixels) is obeyed: the picture is turned or mirrored upright. Without the
    tag, with value 1, or with a tag that is damaged, pixels stay as they are stored.

    The graph raises tf.errors.InvalidArgumentError where the bytes are not a JPEG or
    PNG, are damaged, or have more than `max_pixels` pixels.
    """
    height, width, orientation, wrong = header(encoded)
    too_large = height * width > max_pixels
    size = tf.strings.format("has {} x {} pixels (width x height)", (width, height))
    size = tf.strings.join([size, f", more than the {max_pixels} allowed"])
    wrong = tf.where((wrong == "") & too_large, size, wrong)
    with tf.control_dependencies([_refuse(wrong, index)]):
        pixels = _decode_or_empty(encoded, max_pixels)
    damaged = "cannot be decoded: it is damaged or cut short"
    wrong = tf.where(tf.size(pixels) > 0, "", damaged)
    with tf.control_dependencies([_refuse(wrong, index)]):
        return turned(pixels, orientation)


def header(encoded: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """(height, width, EXIF orientation 1..8, what is wrong or "") of encoded bytes.

    int64 scalars and a string. Only what lies before the pixels is read.
    """
    data = tf.io.decode_raw(encoded, tf.uint8)
    data = tf.concat([data, tf.zeros((PAD,), tf.uint8)], 0)
    is_jpeg = tf.strings.substr(encoded, 0, len(JPEG)) == JPEG
    is_png = tf.strings.substr(encoded, 0, len(PNG)) == PNG
    zero = tf.zeros((), tf.int64)
    height, width, exif = tf.case(
        [
            (is_jpeg, lambda: _jpeg_header(data)),
            (is_png, lambda: _png_header(data)),
        ],
        default=lambda: (zero, zero, zero),
    )
    known = is_jpeg | is_png
    wrong = tf.where(known, "", "is neither JPEG nor PNG")
    wrong = tf.where(known & (height * width == 0), "has a damaged header", wrong)
    return height, width, _orientation(data, exif), wrong


def turned(pixels: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Pixels (H, W, 3) -> upright (H', W', 3); orientation: EXIF's 1..8."""
    pixels = tf.cond(
        orientation >= 5, lambda: tf.transpose(pixels, (1, 0, 2)), lambda: pixels
    )
    # After the transposition of 5..8, the same two mirrors make all eight.
    left_right = tf.reduce_any(orientation == [2, 3, 6, 7])
    up_down = tf.reduce_any(orientation == [3, 4, 7, 8])
    pixels = tf.cond(left_right, lambda: tf.reverse(pixels, [1]), lambda: pixels)
    return tf.cond(up_down, lambda: tf.reverse(pixels, [0]), lambda: pixels)


def _decode_or_empty(encoded, max_pixels: int):
    """The pixels uint8 (H, W, 3); (0, 0, 3) for bytes that cannot be decoded."""

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
            return decode_image(encoded)

    # An operation that fails ends the whole graph without saying for which picture.
    # Only tf.data can go on after one.
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    decoded = tf.data.Dataset.from_tensors(encoded).map(checked).ignore_errors()
    empty = tf.data.Dataset.from_tensors(tf.zeros((0, 0, 3), tf.uint8))
    first = decoded.concatenate(empty).take(1).with_options(options)
    return first.get_single_element()


def _refuse(wrong, index):
    """An assertion that names the picture and what is wrong, if `wrong` is not ""."""
    message = tf.strings.join(["image_bytes[", tf.strings.as_string(index), "] "])
    return tf.debugging.Assert(wrong == "", [tf.strings.join([message, wrong])])


def _jpeg_header(data):
    """(height, width, position of the EXIF block or 0) of a JPEG.

    Walks from segment to segment up to the frame header (SOF), see ITU-T T.81, B.1 and
    B.2.2.
    """

    def walk(place, height, width, exif, going, count):
        head = _bytes(data, place, 10)
        marker, length = head[1], head[2] * 256 + head[3]
        valid = head[0] == 0xFF
        frame = (marker >= 0xC0) & (marker <= 0xCF)
        frame &= (marker != 0xC4) & (marker != 0xC8) & (marker != 0xCC)
        sized = valid & frame
        alone = (marker == 0x01) | ((marker >= 0xD0) & (marker <= 0xD7))
        ends = (marker == 0xDA) | (marker == 0xD9)
        letters = tf.constant([0x45, 0x78, 0x69, 0x66, 0, 0], tf.int64)  # "Exif\0\0"
        found = (marker == 0xE1) & (exif == 0) & tf.reduce_all(head[4:] == letters)
        exif = tf.where(valid & found, place + 10, exif)
        height = tf.where(sized, head[5] * 256 + head[6], height)
        width = tf.where(sized, head[7] * 256 + head[8], width)
        step = tf.where(alone, tf.constant(2, tf.int64), 2 + length)
        step = tf.where(marker == 0xFF, tf.constant(1, tf.int64), step)  # fill byte
        return place + step, height, width, exif, valid & ~frame & ~ends, count + 1

    return _walked(data, walk, 2)


def _png_header(data):
    """The same of a PNG: the size is in IHDR, EXIF in a chunk before IDAT.

    See the PNG specification, 5.3 and 11.2.1.
    """
    head = _bytes(data, tf.constant(16, tf.int64), 8)
    is_header = tf.reduce_all(
        _bytes(data, tf.constant(12, tf.int64), 4) == _text("IHDR")
    )
    # A side has 31 bits, so that the product fits 64.
    zero = tf.zeros((), tf.int64)
    height = tf.where(is_header, _big_endian(head[4:]) % 2**31, zero)
    width = tf.where(is_header, _big_endian(head[:4]) % 2**31, zero)

    def walk(place, high, wide, exif, going, count):
        head = _bytes(data, place, 8)
        length, name = _big_endian(head[:4]), head[4:]
        found = tf.reduce_all(name == _text("eXIf"))
        exif = tf.where(found, place + 8, exif)
        going = ~found & ~tf.reduce_all(name == _text("IDAT"))
        return place + 12 + length, high, wide, exif, going, count + 1

    return height, width, _walked(data, walk, 8)[2]


def _walked(data, walk, start: int):
    """Repeats `walk` from byte `start` until it says so, the bytes end, or it has seen
    as many segments as are allowed."""
    end = tf.size(data, tf.int64) - PAD
    zero = tf.zeros((), tf.int64)
    state = (tf.constant(start, tf.int64), zero, zero, zero, True, zero)

    def going(place, height, width, exif, on, count):
        return on & (place < end) & (count < SEGMENTS)

    _, height, width, exif, _, _ = tf.while_loop(going, walk, state)
    return height, width, exif


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
