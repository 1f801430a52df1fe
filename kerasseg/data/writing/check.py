"""Checks a Sample before it is written: its arrays fit, its encoded bytes decode."""

from __future__ import annotations

import io
import math
import re
import zlib

import numpy as np

from kerasseg import UserError
from kerasseg.console import start_tensorflow
from kerasseg.data.format.encode import is_picture_file
from kerasseg.data.reading.pictures.picture_formats import unlimited
from kerasseg.data.sample import Decoded, Sample
from kerasseg.files.exif import PNG
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.taxonomy import IGNORE, Taxonomy

MOST_PIXELS = 2**28
"""Of one sample, 16,384 x 16,384: all of it is decoded to train on a part of it."""


def check(
    sample: Sample,
    split: str,
    taxonomy: Taxonomy,
    image_format: ImageFormat = RGB,
) -> np.ndarray:
    """Counts the pixels of each id of the sample's label: int64 (256,), of labels of
    16 bits (65536,). Where classes overlap, those of each class, and at 255 those that
    are ignored for all.

    split: the name of the sample's split, for the message.
    image_format: bands and type of all images of the set.

    Raises UserError that names the sample where its arrays do not have the types and
    shapes that `Sample` gives, its image holds no numbers (NaN, infinity), or a label
    id is neither a class nor ignore.
    """

    def wrong(text: str) -> UserError:
        return UserError(f"Sample '{sample.id}' of split '{split}': {text}")

    image, label = sample.image, sample.label
    if reason := _wrong_image(image, image_format, volume=sample.volume is not None):
        raise wrong(reason)
    size = image.shape[:-1]
    kind, planes = np.dtype(taxonomy.label_type), taxonomy.planes
    axes = "D, H, W" if sample.volume else "H, W"
    fits = label.dtype == kind and label.ndim == len(size) + len(planes)
    if planes and not (fits and label.shape[-1:] == planes):
        raise wrong(
            f"label must be uint8 ({axes}, {planes[0]}) of 0, 1 and 255 = ignore, for "
            f"the classes of this set overlap; it is {_type_of(label)}."
        )
    if not fits:
        raise wrong(f"label must be {kind} ({axes}) class ids, is {_type_of(label)}.")
    if label.shape[: len(size)] != size:
        given = _pixels(label.shape[: len(size)])
        raise wrong(
            f"label has {given}, the image {_pixels(size)}. Give the label that "
            "belongs to this image, or bring both to one size."
        )
    if math.prod(size) > MOST_PIXELS:
        raise wrong(
            f"an image of {_pixels(size)} is too large to be one sample; at most "
            f"{MOST_PIXELS:,} pixels are. Cut it into tiles: --cut HEIGHT WIDTH."
        )
    if planes:
        counts, reason = _pixels_of_planes(label)
    else:
        counts, reason = _pixels_of_ids(label, taxonomy)
    if reason:
        raise wrong(reason)
    valid, instance = sample.valid, sample.instance
    if valid is not None and (valid.dtype != bool or valid.shape != size):
        raise wrong(f"valid must be bool {size} like the image, is {_type_of(valid)}.")
    if instance is not None and (instance.dtype != np.uint16 or instance.shape != size):
        raise wrong(
            f"instance must be uint16 {size} like the image, is {_type_of(instance)}."
        )
    return counts


def _pixels_of_ids(label: np.ndarray, taxonomy: Taxonomy) -> tuple[np.ndarray, str]:
    """Pixels of each id, and what is wrong with them."""
    classes, ignore = taxonomy.num_classes, taxonomy.ignore
    counts = np.bincount(label.ravel(), minlength=ignore + 1)
    outside = np.flatnonzero(counts[classes:ignore])
    if not outside.size:
        return counts, ""
    return counts, (
        f"label holds id {outside[0] + classes}, but there are {classes} classes: ids "
        f"are 0 to {classes - 1}, or {ignore} = ignore. Correct the mask, or the list "
        "of classes."
    )


def counts_of_planes(label: np.ndarray) -> np.ndarray:
    """int64 (256,): pixels of each class of (H, W, K), at 255 those ignored for all."""
    counts = np.zeros(IGNORE + 1, np.int64)
    axes = tuple(range(label.ndim - 1))
    counts[: label.shape[-1]] = np.count_nonzero(label == 1, axis=axes)
    counts[IGNORE] = np.count_nonzero((label == IGNORE).all(axis=-1))
    return counts


def _pixels_of_planes(label: np.ndarray) -> tuple[np.ndarray, str]:
    """Pixels of each class, and what is wrong with them."""
    counts = counts_of_planes(label)
    other = label[(label > 1) & (label != IGNORE)]
    if not other.size:
        return counts, ""
    return counts, (
        f"label holds {other[0]}, but where classes overlap each class is 0, 1 or "
        f"{IGNORE} = ignore. Correct the mask."
    )


def _wrong_image(image: np.ndarray, image_format: ImageFormat, volume: bool) -> str:
    kind, bands = image_format.type, image_format.channels
    if image.dtype != kind or image.ndim != 3 + volume or image.shape[-1] != bands:
        expected = f"{kind} ({'D, ' * volume}H, W, {bands})"
        if image_format.is_rgb8 and not volume:
            return f"image must be {expected} RGB, is {_type_of(image)}."
        return (
            f"image must be {expected}, for the set has {image_format}; it is "
            f"{_type_of(image)}. Bring all images to the same bands and type."
        )
    if kind == "float32" and not np.isfinite(image).all():
        return (
            "image holds NaN or infinity. Say with `valid` where nothing was measured."
        )
    return ""


def check_encoded(sample: Sample, split: str, image_format: ImageFormat = RGB) -> None:
    """Checks that `sample.encoded`, where there is one, decodes to `sample.image`.

    A plain file that `read_image` decoded to this very array needs no second look; any
    other is decoded by TensorFlow, as it will be in training.

    Raises UserError that names the sample where it does not.
    """
    encoded = sample.encoded
    if not encoded:
        return
    if isinstance(encoded, Decoded) and encoded.pixels is sample.image:
        if is_plain(encoded) and _has_bands(encoded, image_format):
            return
    if not is_picture_file(image_format):
        reason = f"are not kept for {image_format}. Leave them out."
    else:
        reason = _wrong_size(sample) or _wrong_pixels(sample, image_format)
    if reason:
        raise UserError(
            f"Sample '{sample.id}' of split '{split}': its encoded bytes {reason}"
        )


def _wrong_size(sample: Sample) -> str:
    try:
        width, height = unlimited(io.BytesIO(sample.encoded)).size
    except Exception as error:  # PIL raises many kinds
        return f"are not an image ({error})."
    size = sample.image.shape[:2]
    if (height, width) == size:
        return ""
    return (
        f"have {_pixels((height, width))}, the image {_pixels(size)}. Leave them out "
        "if the image was resized or turned."
    )


def _wrong_pixels(sample: Sample, image_format: ImageFormat) -> str:
    start_tensorflow()
    import tensorflow as tf

    from kerasseg.data.format.example import decode_image

    try:
        pixels = decode_image(sample.encoded, image_format).numpy()
    except tf.errors.OpError as error:
        reason = f"cannot be decoded ({error.message.splitlines()[0][:200]})"
    else:
        if np.array_equal(pixels, sample.image):
            return ""
        reason = "decode to other pixels than those of `image`"
    return f"{reason}. The file is damaged or unusual: save the image again, as PNG."


def _type_of(array: np.ndarray) -> str:
    return f"{array.dtype} {array.shape}"


def _pixels(size: tuple[int, ...]) -> str:
    if len(size) == 3:
        return f"{size[0]} x {size[1]} x {size[2]} voxels (depth x height x width)"
    return f"{size[0]} x {size[1]} pixels (height x width)"


# ---- Files that all decoders read alike --------------------------------------------
#
# PIL, which reads the files of a source, accepts some damaged ones that TensorFlow
# refuses in training, and knows kinds that TensorFlow does not. The structure alone
# tells, without decoding a second time, that a file is none of these.

START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
BASELINE = {0xC0, 0xC1}
"""Markers of JPEG frames that are coded in sequence by Huffman's method."""
TABLES = {0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)}
"""Markers of Huffman and quantisation tables, restart interval, comments, APPn."""
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7]", re.DOTALL)
"""A marker that ends the coded pixels of a scan, so not a restart (D0 to D7)."""
CHUNKS = {
    *(b"IHDR", b"IDAT", b"IEND", b"tEXt", b"zTXt", b"iTXt", b"tIME", b"pHYs"),
    *(b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"eXIf"),
}
"""PNG chunks that do not change the pixels: not tRNS (transparency), acTL (films)."""


COLOUR_TYPES = {1: 0, 3: 2, 4: 6}
"""Of PNG by the number of bands."""


def _has_bands(encoded: bytes, image_format: ImageFormat) -> bool:
    """Whether a plain file has this many bands and bits, so that no decoder has a
    choice. Of 8-bit RGB all decoders are alike in what they make of others, too."""
    if image_format.is_rgb8:
        return True
    bits, bands = 8 * np.dtype(image_format.type).itemsize, image_format.channels
    if encoded.startswith(PNG):
        return (encoded[24], encoded[25]) == (bits, COLOUR_TYPES.get(bands))
    mode = unlimited(io.BytesIO(encoded)).mode  # of a JPEG; from its header alone
    return (bits, mode) == (8, {1: "L", 3: "RGB"}.get(bands))


def is_plain(encoded: bytes) -> bool:
    """Whether these are a whole PNG, or a whole baseline JPEG of one scan and 8 bits.

    All decoders give the same pixels of such a file.
    """
    try:
        if encoded.startswith(PNG):
            return _is_whole_png(encoded)
        return encoded.startswith(b"\xff\xd8") and _is_baseline_jpeg(encoded)
    except IndexError:  # it ends too early
        return False


def _is_baseline_jpeg(encoded: bytes) -> bool:
    place, components = 2, 0
    while encoded[place] == 0xFF:
        marker = encoded[place + 1]
        start = place + 4
        place += 2 + int.from_bytes(encoded[place + 2 : start])
        if marker in BASELINE:
            bits, components = encoded[start], encoded[start + 5]
            if bits != 8 or components not in (1, 3):
                return False
        elif marker == START_OF_SCAN:
            end = MARKER.search(encoded, place)
            whole = end is not None and end[0] == bytes([0xFF, END_OF_IMAGE])
            return whole and encoded[start] == components
        elif marker not in TABLES:
            return False
    return False


def _is_whole_png(encoded: bytes) -> bool:
    place = len(PNG)
    while place < len(encoded):
        end = place + 8 + int.from_bytes(encoded[place : place + 4])
        kind = encoded[place + 4 : place + 8]
        check = int.from_bytes(encoded[end : end + 4])
        whole = zlib.crc32(memoryview(encoded)[place + 4 : end]) == check
        if not whole or kind not in CHUNKS:
            return False
        place = end + 4
        if kind == b"IEND":
            return place == len(encoded)
    return False
