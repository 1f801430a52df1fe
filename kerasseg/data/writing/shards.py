"""Writes one shard: a stretch of a split's entries as a TFRecord file.

A shard depends on nothing but its own entries, so whoever writes it, in whatever order,
writes the same bytes. Beside each finished one lies a note (JSON) of what it was made
from and what it holds; it appears last, so a shard with a note is whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from kerasseg.data.format.encode import serialise
from kerasseg.data.format.splits import Shard
from kerasseg.data.format.tfrecord import Writer
from kerasseg.data.sample import Sample, masked
from kerasseg.data.writing.check import check, check_encoded
from kerasseg.data.writing.jobs import (
    Job,
    Source,
    entries_of,
    image_format_of,
    subset,
    volume_format_of,
)
from kerasseg.data.writing.source_fingerprint import fingerprint_of_entries
from kerasseg.data.writing.statistics import SplitStatistics, counts_labelled
from kerasseg.files import atomic
from kerasseg.files.sha256 import sha256_of
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.taxonomy import Taxonomy

NOTES = "notes"
"""Folder of the notes, beside the shards."""


def write_shard(
    source: Source, job: Job, folder: Path, advance: Callable[[int], object]
) -> None:
    """Writes a shard and its note into `folder`, unless they are there already.

    advance: called with the number of entries that were dealt with, again and again.

    Raises UserError or OSError for an entry that cannot be used (not with
    `source.skip`), and OSError where writing fails.
    """
    samples = source.splits[job.split]
    entries = entries_of(samples)[job.begin : job.end]
    key = fingerprint_of_entries(source.fingerprints[job.split], entries)
    if _is_finished(folder, job, key, source.skip):
        advance(len(entries))
        return
    image_format = image_format_of(samples)
    ignore = source.taxonomy.ignore
    labelled = counts_labelled(volume_format_of(samples))
    statistics = SplitStatistics(job.split, job.name, image_format, ignore, labelled)
    left_out: list[str] = []
    file = folder / job.name
    part = file.with_name(f"{job.name}.{os.getpid()}.part")

    def checked(entry: object) -> Iterator[tuple[Sample, np.ndarray, bytes]]:
        one = subset(samples, [entry])
        return check_and_serialise(one, job.split, source.taxonomy, image_format)

    try:
        with Writer(part) as writer:
            for entry in entries:
                if source.skip:
                    if reason := _write_whole(checked, entry, statistics, writer):
                        left_out.append(reason)
                else:
                    for sample, pixels, serialised in checked(entry):
                        statistics.add(sample, pixels)
                        writer.write(serialised)
                advance(1)
        part.replace(file)
        shard = Shard(
            job.name,
            len(statistics.ids),
            writer.size,
            writer.sha256(),
            last_bytes(file),
        )
        note = {"key": key, "shard": asdict(shard), "left_out": left_out}
        note["statistics"] = statistics.to_json()
        atomic.write_json(_note_file(folder, job), note)
    finally:
        part.unlink(missing_ok=True)


def check_and_serialise(
    samples: Iterable[Sample],
    split: str,
    taxonomy: Taxonomy,
    image_format: ImageFormat = RGB,
) -> Iterator[tuple[Sample, np.ndarray, bytes]]:
    """Each sample, the pixels of each id in its label (256,), and its tf.train.Example.

    What is not valid was masked. Raises UserError that names the sample which cannot be
    used.
    """
    for sample in samples:
        if sample.valid is not None and sample.valid.shape == sample.label.shape:
            sample = masked(sample)
        pixels = check(sample, split, taxonomy, image_format)
        check_encoded(sample, split, image_format)
        yield sample, pixels, serialise(sample, image_format)


def _write_whole(
    checked: Callable, entry: object, statistics: SplitStatistics, writer: Writer
) -> str:
    """Writes all samples of an entry (its tiles), or none; why none, or ""."""
    counted = statistics.empty()
    try:
        serialised = []
        for sample, pixels, one in checked(entry):
            counted.add(sample, pixels)
            serialised.append(one)
    except Exception as error:
        return _reason(entry, error)
    statistics.merge(counted)
    for one in serialised:
        writer.write(one)
    return ""


def read_note(
    folder: Path, job: Job, image_format: ImageFormat = RGB
) -> tuple[Shard, SplitStatistics, list[str]]:
    """What a finished shard is and holds, and why entries were left out of it."""
    note = json.loads(_note_file(folder, job).read_text(encoding="utf-8"))
    statistics = SplitStatistics.from_json(
        job.split, job.name, note["statistics"], image_format
    )
    return Shard(**note["shard"]), statistics, note["left_out"]


def shard_of_file(file: Path, samples: int) -> Shard:
    """The description of a shard that holds so many samples."""
    size = file.stat().st_size
    return Shard(file.name, samples, size, sha256_of(file), last_bytes(file))


def last_bytes(file: Path) -> str:
    """The last four bytes, hexadecimal: the CRC of the last record. Quick to read."""
    with file.open("rb") as opened:
        opened.seek(max(0, file.stat().st_size - 4))
        return opened.read().hex()


def _note_file(folder: Path, job: Job) -> Path:
    return folder / NOTES / f"{job.name}.json"


def _is_finished(folder: Path, job: Job, key: str, skip: bool) -> bool:
    """Whether the shard is there, made from the same entries, and undamaged."""
    try:
        note = json.loads(_note_file(folder, job).read_text(encoding="utf-8"))
        usable = key and note["key"] == key and (skip or not note["left_out"])
        known = note["shard"]["sha256"]
        return bool(usable) and sha256_of(folder / job.name) == known
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _reason(entry: object, error: Exception) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, (ValueError, OSError)):
        return text
    return f"{str(entry)[:200]}: {type(error).__name__}: {text}"
