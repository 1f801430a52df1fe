"""Records: sharded TFRecord files of encoded images and labels, and `dataset.json`.

The shards of a split follow one another: each holds a stretch of its samples.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
from tqdm import tqdm

from kerasseg import UserError
from kerasseg.data.format import tfrecord
from kerasseg.data.format.description import (
    FILE,
    Description,
    describe,
    how_to_rewrite,
)
from kerasseg.data.format.example import FEATURES, deserialise, parse
from kerasseg.data.sample import Sample
from kerasseg.data.writing.check import check
from kerasseg.data.writing.conversion import progress_options
from kerasseg.data.writing.remote_records import download_shards
from kerasseg.data.writing.shards import last_bytes
from kerasseg.data.writing.splits import write, write_splits
from kerasseg.files import remote
from kerasseg.files.sha256 import sha256_of

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


def shard_paths(path: str | Path, split: str) -> list[Path]:
    """The TFRecord files of a split, in order.

    Those of records elsewhere (gs://...) are downloaded to the cache first.

    Raises UserError if there is no such split, or a shard is missing, cut short, holds
    another number of samples, or is another than `dataset.json` says.
    """
    description = describe(path)
    if remote.is_remote(path):
        path = download_shards(path, description, [split])
    paths = []
    for shard in description.split(split).shards:
        file = Path(path, shard.name)
        if not file.is_file():
            raise UserError(f"Shard {file} is missing. {how_to_rewrite(description)}")
        if file.stat().st_size != shard.bytes:
            raise UserError(
                f"Shard {file} was cut short or changed: it has {file.stat().st_size} "
                f"bytes, {FILE} says {shard.bytes}. {how_to_rewrite(description)}"
            )
        if shard.last and last_bytes(file) != shard.last:
            raise UserError(
                f"Shard {file} is damaged at record {shard.samples - 1}, or another "
                f"was put in its place: its last bytes are not those in {FILE}. "
                f"{how_to_rewrite(description)}"
            )
        _check_count(file, shard.samples, description)
        paths.append(file)
    return paths


@functools.cache
def _count(file: Path, size: int, changed: int) -> int:
    """Counted once for each state of a file: `shard_paths` is called often."""
    return tfrecord.count(file)


def _check_count(file: Path, samples: int, description: Description) -> None:
    status = file.stat()
    try:
        found = _count(file, status.st_size, status.st_mtime_ns)
    except UserError as error:
        raise UserError(f"{error} {how_to_rewrite(description)}") from error
    if found != samples:
        raise UserError(
            f"Shard {file} holds {found} samples, {FILE} says {samples}. "
            f"{how_to_rewrite(description)}"
        )


def read(path: str | Path, split: str) -> Iterator[Sample]:
    """Yields the samples of a split in the order in which they were written.

    Each has image (H, W, C) of the records' bands and type, label (H, W) or, where
    classes overlap, (H, W, K), see `Sample`, and, where the records have object ids,
    instance uint16 (H, W).

    Raises UserError as `shard_paths` does, and one that names the shard and the record
    where bytes are damaged.
    """
    description = describe(path)
    known = description.split(split)
    for file, shard in zip(shard_paths(path, split), known.shards, strict=True):
        serialised = iter(tf.data.TFRecordDataset(str(file)))
        for record in range(shard.samples):
            try:
                sample = deserialise(
                    next(serialised),
                    known.instances,
                    description.image_format,
                    description.taxonomy.num_classes,
                    description.taxonomy.exclusive,
                )
            except (tf.errors.OpError, StopIteration, UnicodeDecodeError) as error:
                reason = getattr(error, "message", "no such record").splitlines()[0]
                raise UserError(
                    f"Shard {file} is damaged at record {record}: {reason}. "
                    f"{how_to_rewrite(description)}"
                ) from error
            yield sample


def verify(path: str | Path, progress: bool = True) -> Description:
    """Checks the size and SHA-256 of each shard and decodes and checks each record.

    Shards of records elsewhere (gs://...) are downloaded once more.

    progress: show a progress bar, where this is a terminal.

    Returns the description of the records. Raises UserError that names the first shard
    and record that is wrong.
    """
    description = describe(path)
    if remote.is_remote(path):
        download_shards(path, description, description.splits, refresh=True)
    for split, expected in description.splits.items():
        for file, shard in zip(shard_paths(path, split), expected.shards, strict=True):
            if sha256_of(file) != shard.sha256:
                raise UserError(
                    f"Shard {file} was changed: its SHA-256 is not the one in {FILE}; "
                    f"{_first_damaged(file)}. {how_to_rewrite(description)}"
                )
    for split, expected in description.splits.items():
        for sample in tqdm(
            read(path, split),
            f"verify {split}",
            expected.samples,
            **progress_options(progress),
        ):
            check(sample, split, description.taxonomy, description.image_format)
    return description


def _first_damaged(file: Path) -> str:
    count = 0
    try:
        for _ in tf.data.TFRecordDataset(str(file)):
            count += 1
    except tf.errors.OpError:
        return f"record {count} is the first that cannot be read"
    return f"its {count} records can be read, so another file took its place"
