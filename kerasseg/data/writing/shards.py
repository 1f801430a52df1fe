"""One shard: a stretch of a split's entries as a TFRecord file, and what it holds.

A shard depends on nothing but its own entries, so whoever writes it, in whatever order,
writes the same bytes. Beside each finished one lies a note (JSON) of what it was made
from and what it holds; it appears last, so a shard with a note is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, is_dataclass, replace
from pathlib import Path

from kerasseg import UserError, __version__
from kerasseg.data.format.description import Shard
from kerasseg.data.format.encode import serialise
from kerasseg.data.format.tfrecord import Writer
from kerasseg.data.sample import Sample, Samples
from kerasseg.data.writing.check import check, check_encoded
from kerasseg.data.writing.cut import Cut
from kerasseg.data.writing.tally import Tally
from kerasseg.files import atomic
from kerasseg.files.sha256 import sha256_of
from kerasseg.taxonomy import Taxonomy

SHARDS, ENTRIES = 8, 1000
NOTES = "notes"
UNPICKLABLE = pickle.PicklingError, AttributeError, TypeError


@dataclass(frozen=True)
class Job:
    """A shard to write: entries `begin` to `end` of a split."""

    split: str
    number: int
    of: int
    begin: int
    end: int

    @property
    def name(self) -> str:
        return f"{self.split}-{self.number:05d}-of-{self.of:05d}.tfrecord"


@dataclass(frozen=True)
class Source:
    """What writing needs to know, in this process or another one.

    skip: leave out an entry that cannot be used, and note why, instead of stopping.
    readings: fingerprint of how the entries of each split are read; "" if it has none.
    """

    splits: dict[str, Samples | Cut]
    taxonomy: Taxonomy
    skip: bool
    readings: dict[str, str]

    @classmethod
    def of(cls, splits: dict, taxonomy: Taxonomy, skip: bool = False) -> Source:
        for split, samples in splits.items():
            _refuse_repeated(split, samples)
        splits = {s: only(x, entries_of(x)) for s, x in splits.items()}
        readings = {s: _fingerprint_of_reading(x, taxonomy) for s, x in splits.items()}
        return cls(splits, taxonomy, skip, readings)

    def jobs(self, shards: int = 0) -> list[Job]:
        return [
            job
            for split, samples in self.splits.items()
            for job in plan(split, len(entries_of(samples)), shards)
        ]


def plan(split: str, count: int, shards: int = 0) -> list[Job]:
    """Stretches of one length for `shards` files, in order; the lengths differ by one.

    0 shards: 8, or more so that none has over 1000 entries. Never more than entries.
    """
    of = min(shards or max(SHARDS, -(-count // ENTRIES)), count)
    return [
        Job(split, number, of, number * count // of, (number + 1) * count // of)
        for number in range(of)
    ]


def entries_of(samples: Samples | Cut) -> Sequence:
    return samples.samples.entries if isinstance(samples, Cut) else samples.entries


def only(samples: Samples | Cut, entries: Sequence) -> Samples | Cut:
    """The samples of these entries alone."""
    if isinstance(samples, Cut):
        return replace(samples, samples=only(samples.samples, entries))
    return Samples(entries, samples.read)


def _refuse_repeated(split: str, samples: Samples | Cut) -> None:
    """ValueError for an id that two entries share, where ids are known unread."""
    named = samples.samples if isinstance(samples, Cut) else samples
    if named.id is None:
        return
    seen: dict[str, object] = {}
    for entry in named.entries:
        name = named.id(entry)
        if name in seen:
            raise UserError(
                f"Sample id '{name}' occurs twice in split '{split}': of "
                f"{_shown(seen[name])} and of {_shown(entry)}. Ids must differ: rename "
                "or remove one of the files."
            )
        seen[name] = entry


def _shown(entry) -> str:
    paths = _paths(entry)
    return str(paths[0] if paths else entry)[:300]


def in_entries(samples) -> bool:
    """Whether samples can be read entry by entry, not only from first to last."""
    return isinstance(samples.samples if isinstance(samples, Cut) else samples, Samples)


def write_shard(
    source: Source, job: Job, folder: Path, advance: Callable[[int], None]
) -> None:
    """Writes a shard and its note into `folder`, unless they are there already.

    advance: called with the number of entries that were dealt with, again and again.

    Raises ValueError or OSError of an entry that cannot be used (not with `skip`), and
    OSError where writing fails.
    """
    samples = source.splits[job.split]
    entries = entries_of(samples)[job.begin : job.end]
    key = _fingerprint(source.readings[job.split], entries)
    if _finished(folder, job, key, source.skip):
        advance(len(entries))
        return
    tally, left_out = Tally(job.split, job.name), []
    file = folder / job.name
    part = file.with_name(f"{job.name}.{os.getpid()}.part")
    try:
        with Writer(part) as writer:
            for entry in entries:
                try:
                    # An entry counts as a whole: all its pieces or none.
                    pieces = ready(only(samples, [entry]), job.split, source.taxonomy)
                except Exception as error:
                    if not source.skip:
                        raise
                    left_out.append(_reason(entry, error))
                    pieces = []
                for sample, counts, serialised in pieces:
                    tally.add(sample, counts)
                    writer.write(serialised)
                advance(1)
        part.replace(file)
        shard = asdict(
            Shard(job.name, len(tally.ids), writer.size, writer.sha256(), last(file))
        )
        values = {"key": key, "shard": shard, "left_out": left_out}
        atomic.write_json(_note(folder, job), values | {"tally": tally.to_json()})
    finally:
        part.unlink(missing_ok=True)


def ready(samples: Iterable[Sample], split: str, taxonomy: Taxonomy) -> list:
    """Checked samples (without their pixels), counts of ids, and serialised examples.

    Raises ValueError that names the sample which cannot be used.
    """
    pieces = []
    for sample in samples:
        counts = check(sample, split, taxonomy)
        check_encoded(sample, split)
        pieces.append((sample, counts, serialise(sample)))
    return pieces


def read_note(folder: Path, job: Job) -> tuple[Shard, Tally, list[str]]:
    """What a finished shard is and holds, and why entries were left out of it."""
    values = json.loads(_note(folder, job).read_text(encoding="utf-8"))
    tally = Tally.from_json(job.split, job.name, values["tally"])
    return Shard(**values["shard"]), tally, values["left_out"]


def measured(file: Path, samples: int) -> Shard:
    return Shard(file.name, samples, file.stat().st_size, sha256_of(file), last(file))


def last(file: Path) -> str:
    """The last four bytes: the CRC of the last record. Quick to look at."""
    with file.open("rb") as opened:
        opened.seek(max(0, file.stat().st_size - 4))
        return opened.read().hex()


def _note(folder: Path, job: Job) -> Path:
    return folder / NOTES / f"{job.name}.json"


def _finished(folder: Path, job: Job, key: str, skip: bool) -> bool:
    """Whether the shard is there, made from the same entries, and undamaged."""
    try:
        values = json.loads(_note(folder, job).read_text(encoding="utf-8"))
        usable = key and values["key"] == key and (skip or not values["left_out"])
        known = values["shard"]["sha256"]
        return bool(usable) and sha256_of(folder / job.name) == known
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _fingerprint_of_reading(samples: Samples | Cut, taxonomy: Taxonomy) -> str:
    values = (__version__, taxonomy.to_json(), only(samples, ()))
    try:
        return hashlib.sha256(pickle.dumps(values)).hexdigest()
    except UNPICKLABLE:
        return ""


def _fingerprint(reading: str, entries: Sequence) -> str:
    """Of what a shard is made from; "" where that cannot be told, so never the same.

    Files count with their size and time of change, so that corrected ones are read
    again.
    """
    if not reading:
        return ""
    made = hashlib.sha256(reading.encode())
    try:
        for entry in entries:
            made.update(pickle.dumps(entry))
            for path in _paths(entry):
                status = path.stat()
                made.update(f"{status.st_size} {status.st_mtime_ns}".encode())
    except (*UNPICKLABLE, OSError):
        return ""
    return made.hexdigest()


def _paths(entry) -> list[Path]:
    if isinstance(entry, Path):
        return [entry]
    if is_dataclass(entry):
        entry = list(vars(entry).values())
    if isinstance(entry, dict):
        entry = list(entry.values())
    if isinstance(entry, (list, tuple)):
        return [path for part in entry for path in _paths(part)]
    return []


def _reason(entry, error: Exception) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, (ValueError, OSError)):
        return text
    return f"{str(entry)[:200]}: {type(error).__name__}: {text}"
