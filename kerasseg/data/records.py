"""Records: sharded TFRecord files of encoded images and labels, and `dataset.json`.

The shards of a split follow one another: each holds a stretch of its samples.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import Any, TypeVar

import tensorflow as tf
from tqdm import tqdm

from kerasseg import UserError
from kerasseg.data.format import tfrecord
from kerasseg.data.format.description import FILE, Description, describe, how_to_rewrite
from kerasseg.data.format.example import FEATURES, deserialise, parse
from kerasseg.data.format.header import Header, differences, header
from kerasseg.data.format.splits import Shard
from kerasseg.data.sample import Sample
from kerasseg.data.writing.check import check
from kerasseg.data.writing.conversion import progress_options
from kerasseg.data.writing.remote_records import download_shards
from kerasseg.data.writing.shards import last_bytes
from kerasseg.data.writing.splits import write, write_splits
from kerasseg.data.writing.statistics import SplitStatistics
from kerasseg.files import remote
from kerasseg.files.sha256 import sha256_of

Seen = TypeVar("Seen")

COUNTS = (
    *("samples", "depth", "height", "width", "pixels", "images_with"),
    *("pixels_of_images_with", "ignored"),
)
"""What `dataset.json` says of a split and `verify` counts again."""

__all__ = [
    "FEATURES",
    "describe",
    "parse",
    "read",
    "shard_paths",
    "verify",
    "write",
    "write_splits",
]


def shard_paths(
    path: str | Path, split: str, description: Description | None = None
) -> list[Path]:
    """The TFRecord files of a split, in order.

    Those of records elsewhere (gs://...) are downloaded to the cache first.

    description: what `describe` gave before, so that both are of the same records where
        others are written meanwhile.

    Raises UserError if there is no such split, or a shard is missing, cut short, holds
    another number of samples, or is another than `dataset.json` says. It is quick: it
    looks at sizes, the lengths of records and the first record. Damage further inside
    shows when a record is read, each of which has its checksum.
    """
    known = description is not None
    description = description or describe(path)
    shards = description.split(split).shards
    if remote.is_remote(path):
        path = download_shards(path, description, [split])
    paths = [Path(path, shard.name) for shard in shards]
    for file, shard in zip(paths, shards, strict=True):
        if known and not file.is_file():
            if describe(description.path).shards() != description.shards():
                raise UserError(
                    f"The records {path} were written anew while they were read. Give "
                    "the same command again."
                )
        check_shard(file, shard, description)
    if paths:
        _check_header(paths[0], split, description)
    return paths


def check_shard(file: Path, shard: Shard, description: Description) -> None:
    """Raises UserError where a file is not that shard, as far as is told quickly."""
    if not file.is_file():
        raise UserError(f"Shard {file} is missing. {how_to_rewrite(description)}")
    if file.stat().st_size != shard.bytes:
        raise UserError(
            f"Shard {file} was cut short or changed: it has {file.stat().st_size} "
            f"bytes, {FILE} says {shard.bytes}. {how_to_rewrite(description)}"
        )
    if shard.last and last_bytes(file) != shard.last:
        raise UserError(
            f"Shard {file} is damaged at record {shard.samples - 1}, or another was "
            f"put in its place: its last bytes are not those in {FILE}. "
            f"{how_to_rewrite(description)}"
        )
    found = _looked_at(tfrecord.count, file, description)
    if found != shard.samples:
        raise UserError(
            f"Shard {file} holds {found} samples, {FILE} says {shard.samples}. "
            f"{how_to_rewrite(description)}"
        )


def _looked_at(
    look: Callable[[Path], Seen], file: Path, description: Description
) -> Seen:
    """What `look` finds in a shard; a UserError of it also says what to do."""
    status = file.stat()
    try:
        return _once(look, file, status.st_size, status.st_mtime_ns)
    except UserError as error:
        raise UserError(f"{error} {how_to_rewrite(description)}") from error


@functools.cache
def _once(look: Callable, file: Path, size: int, changed: int) -> Any:
    """Once for each state of a file: `shard_paths` is called often."""
    return look(file)


def _first_header(file: Path) -> Header:
    data = tfrecord.first(file)
    try:
        return header(data)
    except ValueError as error:
        raise UserError(f"Shard {file} is damaged at record 0: {error}.") from error


def _check_header(file: Path, split: str, description: Description) -> None:
    found = _looked_at(_first_header, file, description)
    known, images = description.split(split), description.image_format
    for reason in differences(found, known, description.taxonomy, images):
        raise UserError(
            f"{FILE} of {description.path} does not fit record 0 of {file.name} (split "
            f"'{split}'): {reason}. {how_to_rewrite(description)}"
        )


def read(
    path: str | Path, split: str, every: int = 1, only: Container[int] | None = None
) -> Iterator[Sample]:
    """Yields the samples of a split in the order in which they were written.

    every: of so many samples only the first is decoded and yielded. only: the numbers
    of those that are, from 0; None: all.

    Each has image (H, W, C) of the records' bands and type, label (H, W) or, where
    classes overlap, (H, W, K), see `Sample`, and, where the records have object ids,
    instance uint16 (H, W).

    Raises UserError as `shard_paths` does, and one that names the shard and the record
    where bytes are damaged.
    """
    description = describe(path)
    known = description.split(split)
    paths, numbers = shard_paths(path, split, description), itertools.count()
    for file, shard in zip(paths, known.shards, strict=True):
        serialised = iter(tf.data.TFRecordDataset(str(file)))
        for record in range(shard.samples):
            try:
                data = next(serialised)
                number = next(numbers)
                if number % every or (only is not None and number not in only):
                    continue
                sample = deserialise(
                    data,
                    known.instances,
                    description.image_format,
                    description.taxonomy.num_classes,
                    description.taxonomy.exclusive,
                    description.volume is not None,
                )
            except (tf.errors.OpError, StopIteration, UnicodeDecodeError) as error:
                reason = in_words(getattr(error, "message", "no such record"))
                raise UserError(
                    f"Shard {file} is damaged at record {record}: {reason}. "
                    f"{how_to_rewrite(description)}"
                ) from error
            yield sample


def in_words(message: str) -> str:
    """The first line of an error of TensorFlow, without the names of its nodes."""
    line = (message.splitlines() or [""])[0]
    return re.sub(r"\{\{.*?\}\}|\[Op:.*?\]|name: *$", "", line).strip()


def verify(path: str | Path, progress: bool = True) -> Description:
    """Checks the size and SHA-256 of each shard, decodes and checks each record, and
    counts anew what `dataset.json` says.

    Shards of records elsewhere (gs://...) are downloaded once more.

    progress: show a progress bar, where this is a terminal.

    Returns the description of the records. Raises UserError that names the first shard
    and record that is wrong.
    """
    description = describe(path)
    if remote.is_remote(path):
        download_shards(path, description, description.splits, refresh=True)
    for split, expected in description.splits.items():
        paths = shard_paths(path, split, description)
        for file, shard in zip(paths, expected.shards, strict=True):
            if sha256_of(file) != shard.sha256:
                raise UserError(
                    f"Shard {file} was changed: its SHA-256 is not the one in {FILE}; "
                    f"{_first_damaged(file)}. {how_to_rewrite(description)}"
                )
    for split in description.splits:
        _recount(description, split, progress)
    return description


def _recount(description: Description, split: str, progress: bool) -> None:
    """Counts a split again. Raises UserError for a wrong sample, and where the counts
    are not those of `dataset.json`."""
    known, taxonomy = description.split(split), description.taxonomy
    counted = SplitStatistics(
        split, image_format=description.image_format, ignore=taxonomy.ignore
    )
    samples = read(description.path, split)
    shown = progress_options(progress)
    for sample in tqdm(samples, f"verify {split}", known.samples, **shown):
        pixels = check(sample, split, taxonomy, description.image_format)
        counted.add(sample, pixels)
    found = counted.describe(list(known.shards), taxonomy.num_classes, [])
    for key in COUNTS:
        if getattr(found, key) != getattr(known, key):
            raise UserError(
                f"{FILE} of {description.path} is wrong: splits.{split}.{key} is "
                f"{_listed(getattr(known, key))}, the samples give "
                f"{_listed(getattr(found, key))}. {how_to_rewrite(description)}"
            )


def _listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _first_damaged(file: Path) -> str:
    count = 0
    try:
        for _ in tf.data.TFRecordDataset(str(file)):
            count += 1
    except tf.errors.OpError:
        return f"record {count} is the first that cannot be read"
    return f"its {count} records can be read, so another file took its place"
