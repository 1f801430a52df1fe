"""What a stored record says of itself, held against what `dataset.json` says of it.

A wrong type would not fail: decoders turn 16 bits to 8, and drop a fourth band, without
a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from kerasseg.data.format.encode import INSTANCE, LABEL, PLANES
from kerasseg.files.exif import PNG
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.taxonomy import Taxonomy, label_type


class Header(NamedTuple):
    """What can be told of a record without decoding it; 0 or "" where it is not told.

    size: height and width, pixels. type: of the image's numbers. planes: number of
    classes that overlap. bits: of the label's numbers, where it is a PNG.
    """

    size: tuple[int, int]
    channels: int
    type: str
    planes: int
    bits: int
    instances: bool


def header(serialised: bytes) -> Header:
    """Raises ValueError where this is no `tf.train.Example`."""
    try:
        feature = tf.train.Example.FromString(serialised).features.feature
    except Exception as error:  # of the protobuf library, whichever is there
        raise ValueError("no tf.train.Example") from error

    def number(key: str) -> int:
        return sum(feature[key].int64_list.value[:1])

    def text(key: str) -> bytes:
        return b"".join(feature[key].bytes_list.value[:1])

    label = text(LABEL)
    return Header(
        (number("image/height"), number("image/width")),
        number("image/channels"),
        text("image/type").decode(errors="replace"),
        number(PLANES),
        label[24] if label.startswith(PNG) and len(label) > 24 else 0,
        bool(text(INSTANCE)),
    )


def differences(
    found: Header, known: Any, taxonomy: Taxonomy, images: ImageFormat
) -> Iterator[str]:
    """What does not agree, in words. known: the `SplitDescription`.

    Records of other writers say less; what they do not say is not compared.
    """
    if not found.channels:
        return
    said = found.type or (RGB.type if found.channels == RGB.channels else "")
    if found.channels != images.channels or (said and said != images.type):
        stored = f"{said or 'some type'} of {found.channels} bands"
        yield f"its image is {stored}, not {images.type} of {images.channels}"
    for pixels, expected, what in zip(
        found.size, (known.height, known.width), ("height", "width"), strict=True
    ):
        if pixels and expected is not None and pixels != expected:
            yield f"its {what} is {pixels}, not {expected}"
    planes = 0 if taxonomy.exclusive else taxonomy.num_classes
    if found.planes != planes:
        yield f"its label has {found.planes} classes that overlap, not {planes}"
    bits = 8 * np.dtype(label_type(taxonomy.num_classes)).itemsize
    if not planes and found.bits and found.bits != bits:
        yield f"its label has {found.bits} bits, not {bits}"
    if found.instances != known.instances:
        have = "object ids" if found.instances else "no object ids"
        yield f"it has {have}, 'instances' is {str(known.instances).lower()}"
