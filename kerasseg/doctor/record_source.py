"""Lists the image and mask pairs the doctor examines: those of records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import DTypeLike

from kerasseg import UserError
from kerasseg.data.format import volume_features
from kerasseg.data.format.description import Description
from kerasseg.data.format.encode import is_picture_file
from kerasseg.data.format.splits import Shard
from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.masks.mask_decoders import Stored
from kerasseg.data.reading.pictures.image import read
from kerasseg.data.reading.pictures.picture import Picture, ReadOptions
from kerasseg.doctor.facts import Entry, Files
from kerasseg.doctor.finding import Finding, error
from kerasseg.doctor.images import ImageSet
from kerasseg.doctor.mask_ids import MaskFormat
from kerasseg.doctor.pair_source import Source
from kerasseg.image_format import ImageFormat
from kerasseg.taxonomy import Taxonomy
from kerasseg.volume_format import VolumeGeometry


class Record(NamedTuple):
    """What the doctor looks at of a serialised example.

    size: height and width; of a volume depth, height and width. geometry: of a volume,
    as it is stored; b"" of a picture.
    """

    image: bytes
    label: bytes
    name: str
    size: tuple[int, ...]
    geometry: bytes = b""


def of_records(path: Path) -> Source:
    """Records of `kerasseg.prepare`; what is damaged becomes a finding.

    Raises UserError where there are none, or their description cannot be read.
    """
    from kerasseg.data.format.description import describe

    description = describe(path)
    findings: list[Finding] = []
    return Source(
        path,
        MaskFormat(description.taxonomy, prepared=description.name),
        sum(split.samples for split in description.splits.values()),
        _stream(description, findings),
        findings,
        ImageSet(description.image_format),
    )


def _stream(
    description: Description, findings: list[Finding]
) -> Iterator[tuple[Entry, Callable[[], Files]]]:
    """All records in their order; a shard is left at its first damaged record."""
    import tensorflow as tf

    kinds = description.image_format, description.taxonomy
    for split, counts in description.splits.items():
        for shard in counts.shards:
            file = Path(description.path, shard.name)
            number = 0
            try:
                for number, serialised in enumerate(
                    tf.data.TFRecordDataset(str(file)), 1
                ):
                    record = _record(serialised.numpy())
                    name = f"{record.name} in {shard.name}"
                    read_again = partial(_read_again, file, number - 1, name, *kinds)
                    entry = Entry(split, record.name, name, name, read_again)
                    if description.volume:
                        entry = replace(entry, volume=_geometry(record))
                    yield entry, partial(_files, record, name, *kinds)
                reason = "it ends there" if number < shard.samples else ""
                if not reason:
                    _check(file, shard, description, findings)
            except tf.errors.OpError as broken:
                reason = broken.message.splitlines()[0]
            if reason:
                findings.append(
                    error(
                        "corrupt",
                        f"Shard {shard.name} is damaged at record {number} of "
                        f"{shard.samples}: {reason}.",
                        "Write the records again with python -m kerasseg.prepare.",
                    )
                )


def _check(
    file: Path, shard: Shard, description: Description, findings: list[Finding]
) -> None:
    """Notes a shard that can be read, but is another than `dataset.json` says."""
    from kerasseg.data.format.description import how_to_rewrite
    from kerasseg.data.records import check_shard

    try:
        check_shard(file, shard, description)
    except UserError as wrong:
        cure = how_to_rewrite(description)
        findings.append(error("corrupt", str(wrong).removesuffix(cure).strip(), cure))


def _record(serialised: Any) -> Record:
    import tensorflow as tf

    from kerasseg.data.format.encode import IMAGE, LABEL

    feature = tf.train.Example.FromString(serialised).features.feature
    image, label, name = (
        b"".join(feature[key].bytes_list.value[:1])
        for key in (IMAGE, LABEL, "image/filename")
    )
    height, width = (
        sum(feature[f"image/{side}"].int64_list.value[:1])
        for side in ("height", "width")
    )
    depth = feature[volume_features.DEPTH].int64_list.value[:1]
    geometry = b"".join(feature[volume_features.GEOMETRY].bytes_list.value[:1])
    return Record(image, label, name.decode(), (*depth, height, width), geometry)


def _geometry(record: Record) -> VolumeGeometry | None:
    """None where it is damaged, which reading the record will say."""
    try:
        return volume_features.geometry(record.geometry)
    except (ValueError, KeyError, TypeError):
        return None


def _files(
    record: Record, name: str, image_format: ImageFormat, taxonomy: Taxonomy
) -> Files:
    """Of a volume its slices one below the other: all counts and bands are the same.

    Raises UserError for numbers that cannot be unpacked.
    """
    if len(record.size) == 3:
        return _volume(record, name, image_format, taxonomy)
    if is_picture_file(image_format):
        image = EmbeddedFile(f"image {name}", record.image)
        label: EmbeddedFile | Stored = EmbeddedFile(f"mask {name}", record.label)
        if taxonomy.planes:
            label = _numbers(record, name, taxonomy)
        if image_format.is_rgb8:
            return Files(image, label)
        found = read(image, ReadOptions(alpha="band"))
        if found.pixels.shape[-1] == image_format.channels:
            found = replace(found, bands=image_format.bands, valid=None)
        return Files(found, label)
    shape = (*record.size, image_format.channels)
    pixels = _unpacked(record.image, image_format.type, shape, f"image {name}")
    label = _numbers(record, name, taxonomy)
    return Files(Picture(pixels, image_format.bands), label)


def _volume(
    record: Record, name: str, image_format: ImageFormat, taxonomy: Taxonomy
) -> Files:
    """Raises UserError for numbers that cannot be unpacked, or lie nowhere."""
    if _geometry(record) is None:
        raise UserError(f"image {name} does not say where its volume lies.")
    shape = (*record.size, image_format.channels)
    pixels = _unpacked(record.image, image_format.type, shape, f"image {name}")
    label = _numbers(record, name, taxonomy).pixels
    slices = (-1, record.size[-1])
    return Files(
        Picture(pixels.reshape(*slices, shape[-1]), image_format.bands),
        Stored(label.reshape(*slices, *taxonomy.planes)),
    )


def _slice(files: Files, size: tuple[int, ...], taxonomy: Taxonomy) -> Files:
    """The slice of a volume in which most classes are, and of these most of them."""
    image, mask = cast(Picture, files.image), cast(Stored, files.mask)
    label = mask.pixels.reshape(*size, *taxonomy.planes)
    shown = label.reshape(size[0], -1)

    def classes(number: int) -> tuple[int, int]:
        counts = np.bincount(shown[number], minlength=256)[1:-1]
        return int(np.count_nonzero(counts)), int(counts.sum())

    best = max(range(size[0]), key=classes)
    pixels = image.pixels.reshape(*size, -1)[best]
    return Files(replace(image, pixels=pixels), Stored(label[best]))


def _numbers(record: Record, name: str, taxonomy: Taxonomy) -> Stored:
    """The label of a record that holds it as numbers."""
    shape = *record.size, *taxonomy.planes
    return Stored(_unpacked(record.label, taxonomy.label_type, shape, f"mask {name}"))


def _unpacked(
    packed: bytes, type: DTypeLike, shape: tuple[int, ...], name: str
) -> np.ndarray:
    import imagecodecs

    try:
        plain = imagecodecs.zstd_decode(packed)
        numbers = np.frombuffer(plain, np.dtype(type).newbyteorder("<"))
        return numbers.astype(type, copy=False).reshape(shape)
    except Exception as damage:  # imagecodecs has errors of its own
        raise UserError(
            f"{name} cannot be unpacked ({damage}). Write the records again with "
            "python -m kerasseg.prepare."
        ) from damage


def _read_again(file: Path, number: int, name: str, *kinds: Any) -> Files:
    import tensorflow as tf

    dataset = tf.data.TFRecordDataset(str(file)).skip(number).take(1)
    record = _record(next(iter(dataset)).numpy())
    files = _files(record, name, *kinds)
    return files if len(record.size) == 2 else _slice(files, record.size, kinds[1])
