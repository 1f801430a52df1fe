"""TFRecord files that DeepLab or the TensorFlow Model Garden wrote, as they are.

Features image/encoded and image/segmentation/class/encoded (deeplab/datasets/
build_data.py; official/vision, segmentation_input.py), which are also ours. Labels that
are PNG of a palette hold its indices. Shards may be compressed by GZIP or ZLIB.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Annotated

import numpy as np
from PIL import Image

from kerasseg import UserError
from kerasseg.console import start_tensorflow
from kerasseg.console.flags import Number
from kerasseg.data.reading.legends.legend import read_legend
from kerasseg.data.reading.sequential_reader import SequentialReader
from kerasseg.data.sample import Sample, Samples
from kerasseg.files.exif import PNG
from kerasseg.taxonomy import IGNORE, Taxonomy

SHARD = re.compile(r"(?P<split>.+?)-\d+-of-\d+")
IMAGES = {".jpg", ".jpeg", ".png"}
GZIP, ZLIB = b"\x1f\x8b", b"\x78"
"""First bytes of compressed files (RFC 1952 and 1950)."""
GRAY, GRAY_WITH_ALPHA = 0, 4
"""Colour types of PNG."""


def load(
    src: Path, /, *, legend: str = "", ignore: Annotated[int, Number(0, 255)] = IGNORE
) -> tuple[Taxonomy, dict[str, Samples]]:
    """Records of DeepLab and Model Garden: train-00000-of-00010.tfrecord, ...

    What comes before the numbers of a shard is the split. Images keep their bytes.
    Without a legend, classes are numbered and all labels are read once to count them.

    Tried on miniatures of this layout only, not on the real files.

    Args:
        src: Folder of the TFRecord files.
        legend: File of class names, one a line in the order of their ids.
        ignore: Id that counts nowhere: 255, and 0 in DeepLab's ADE20K. Other ids stay.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    if not 0 <= ignore <= IGNORE:
        raise UserError(f"--ignore is an id of 0 to {IGNORE}, got {ignore}.")
    splits: dict[str, list[tuple[Path, int]]] = {}
    compressed: dict[Path, str] = {}
    for file in sorted(src.glob("*-of-*")):
        if match := SHARD.match(file.name):
            count, compression = _count(file)
            entries = [(file, number) for number in range(count)]
            splits.setdefault(match["split"], []).extend(entries)
            compressed |= {file: compression} if compression else {}
    if not splits:
        raise UserError(
            f"{src} holds no shards such as train-00000-of-00010.tfrecord. Name the "
            "folder that build_voc2012_data.py or its like wrote."
        )
    start_tensorflow()
    open_ = partial(_open, compressed=compressed)
    read = partial(_read, records=SequentialReader(open_), ignore=ignore)
    samples = {split: Samples(entries, read) for split, entries in splits.items()}
    taxonomy = (
        read_legend(Path(legend)).by_position().taxonomy()
        if legend
        else _survey(samples)
    )
    return taxonomy, samples


def _count(file: Path) -> tuple[int, str]:
    """Records of a shard, and its compression: "", "GZIP" or "ZLIB".

    A record is its length in 8 bytes, CRC 4, data, CRC 4. Only in a plain shard do the
    lengths lead to its end; its first bytes may be those of any compression.
    """
    size, offset, number = file.stat().st_size, 0, 0
    with file.open("rb") as opened:
        head = opened.read(2)
        while offset < size:
            opened.seek(offset)
            offset += int.from_bytes(opened.read(8), "little") + 16
            number += 1
    if offset == size:
        return number, ""
    compression = ""
    if head == GZIP:
        compression = "GZIP"
    elif head[:1] == ZLIB and int.from_bytes(head, "big") % 31 == 0:
        compression = "ZLIB"
    return _count_compressed(file, compression), compression


def _count_compressed(file: Path, compression: str) -> int:
    start_tensorflow()
    import tensorflow as tf

    try:
        if compression:
            return sum(1 for _ in _open(file, {file: compression}))
    except tf.errors.OpError:
        pass
    raise UserError(f"{file} is cut, or no TFRecord file. Copy it again.")


def _open(file: Path, compressed: Mapping[Path, str]) -> Iterable:
    import tensorflow as tf

    return tf.data.TFRecordDataset(str(file), compressed.get(file, ""))


def _read(entry: tuple[Path, int], records: SequentialReader, ignore: int) -> Sample:
    import tensorflow as tf

    from kerasseg.data.format.example import deserialise

    file, number = entry
    try:
        serialised = records(file, number)
        sample = deserialise(serialised, instances=False)
    except tf.errors.OpError as error:
        raise UserError(
            f"{file}, record {number}: {error.message.splitlines()[0]} Copy the file "
            "again, or check that it holds image/encoded and "
            "image/segmentation/class/encoded."
        ) from error
    if reason := _lost(sample.encoded):
        raise UserError(
            f"{file}, record {number}: its image is a PNG {reason} Save it as PNG of 8 "
            "bits, or read the images themselves with prepare folder."
        )
    name = PurePosixPath(sample.id.replace("\\", "/"))
    name = name.with_suffix("") if name.suffix.lower() in IMAGES else name
    label = _indices(serialised.numpy(), f"{file}, record {number}", sample.label)
    label = np.where(label == ignore, np.uint8(IGNORE), label)
    return Sample(
        name.name or f"{file.name}-{number}",
        sample.image,
        label,
        encoded=sample.encoded,
        sequence=sample.sequence,
    )


def _lost(encoded: bytes) -> str:
    """What of a PNG is more than RGB of 8 bits, so that decoding would drop it; ""."""
    if not encoded.startswith(PNG):
        return ""
    bits, colours = encoded[24], encoded[25]
    if bits == 16:
        return "of 16 bits, whose low bytes would be lost."
    if colours & 4 and np.asarray(Image.open(io.BytesIO(encoded)))[..., -1].min() < 255:
        return "with an alpha channel that hides pixels, which would be lost."
    return ""


def _indices(serialised: bytes, place: str, gray: np.ndarray) -> np.ndarray:
    """The label (H, W): `gray` as it was decoded, or the indices of a palette, which
    that takes for its colours."""
    import tensorflow as tf

    from kerasseg.data.format.encode import LABEL

    features = tf.train.Example.FromString(serialised).features.feature
    encoded = features[LABEL].bytes_list.value[0]
    if not encoded.startswith(PNG) or encoded[25] in (GRAY, GRAY_WITH_ALPHA):
        return gray
    picture = Image.open(io.BytesIO(encoded))
    if picture.mode != "P":
        raise UserError(
            f"{place}: its label holds colours, not class ids. Read the label images "
            "themselves with prepare folder."
        )
    return np.asarray(picture)


def _survey(splits: dict[str, Samples]) -> Taxonomy:
    used = {int(i) for s in splits.values() for x in s for i in np.unique(x.label)}
    return Taxonomy.numbered(max(used - {IGNORE}, default=0) + 1)
