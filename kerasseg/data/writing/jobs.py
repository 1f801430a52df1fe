"""Divides the splits of a source into jobs, one for each shard.

A split is a `Samples`, or a `TiledSamples` of it: a list of entries (most often files)
and a function that reads one. So any process can read any stretch of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

from kerasseg import UserError
from kerasseg.data.sample import Sample, Samples
from kerasseg.data.writing.source_fingerprint import fingerprint_of_reading, paths_in
from kerasseg.data.writing.tiling import TiledSamples
from kerasseg.image_format import ImageFormat
from kerasseg.taxonomy import Taxonomy
from kerasseg.volume_format import VolumeFormat

USUAL_SHARDS, ENTRIES_PER_SHARD = 8, 1000

Split = Samples | TiledSamples


@dataclass(frozen=True)
class Job:
    """A shard to write: entries `begin` to `end` of a split.

    number, count: it is shard `number` (from 0) of the `count` shards of its split.
    """

    split: str
    number: int
    count: int
    begin: int
    end: int

    @property
    def name(self) -> str:
        """Name of the file, as TensorFlow's tools name shards."""
        return f"{self.split}-{self.number:05d}-of-{self.count:05d}.tfrecord"


@dataclass(frozen=True)
class Source:
    """What writing needs to know, in this process or another one.

    skip: leave out an entry that cannot be used, and note why, instead of stopping.
    fingerprints: for each split how its entries are read (`fingerprint_of_reading`).
    """

    splits: dict[str, Split]
    taxonomy: Taxonomy
    skip: bool
    fingerprints: dict[str, str]

    @classmethod
    def of(
        cls, splits: dict[str, Split], taxonomy: Taxonomy, skip: bool = False
    ) -> Source:
        """The source of these splits.

        Raises UserError for an id that two entries share, where ids are known unread.
        """
        for split, samples in splits.items():
            _refuse_repeated_ids(split, samples)
        splits = {s: subset(x, entries_of(x)) for s, x in splits.items()}
        fingerprints = {
            split: fingerprint_of_reading(subset(samples, ()), taxonomy)
            for split, samples in splits.items()
        }
        return cls(splits, taxonomy, skip, fingerprints)

    def jobs(self, shards: int = 0) -> list[Job]:
        """The jobs of all splits; `shards` as in `plan_jobs`."""
        return [
            job
            for split, samples in self.splits.items()
            for job in plan_jobs(split, len(entries_of(samples)), shards)
        ]


def plan_jobs(split: str, entries: int, shards: int = 0) -> list[Job]:
    """Divides so many entries, in order, into stretches that differ by one at most.

    shards: how many; 0 is 8, or more so that none has over 1000 entries. There are
        never more shards than entries.
    """
    usual = max(USUAL_SHARDS, -(-entries // ENTRIES_PER_SHARD))
    count = min(shards or usual, entries)
    return [
        Job(
            split,
            number,
            count,
            number * entries // count,
            (number + 1) * entries // count,
        )
        for number in range(count)
    ]


def has_entries(samples: Split | Iterable[Sample]) -> TypeGuard[Split]:
    """Whether samples can be read entry by entry, not only from first to last."""
    untiled = samples.samples if isinstance(samples, TiledSamples) else samples
    return isinstance(untiled, Samples)


def image_format_of(samples: Split) -> ImageFormat:
    """Bands and type of the images of a split."""
    return _untiled(samples).image_format


def volume_format_of(samples: Split) -> VolumeFormat | None:
    """What the volumes of a split have in common; None of pictures."""
    return _untiled(samples).volume


def entries_of(samples: Split) -> Sequence[Any]:
    """The entries of a split in its source."""
    return _untiled(samples).entries


def subset(samples: Split, entries: Sequence[Any]) -> Split:
    """The samples of these entries alone."""
    known = _untiled(samples)
    chosen = Samples(
        entries, known.read, image_format=known.image_format, volume=known.volume
    )
    return (
        replace(samples, samples=chosen)
        if isinstance(samples, TiledSamples)
        else chosen
    )


def _untiled(samples: Split) -> Samples:
    if not isinstance(samples, TiledSamples):
        return samples
    if not isinstance(samples.samples, Samples):
        raise TypeError("Only the tiles of `Samples` have entries.")
    return samples.samples


def _refuse_repeated_ids(split: str, samples: Split) -> None:
    known = _untiled(samples)
    if known.id is None:
        return
    seen: dict[str, object] = {}
    for entry in known.entries:
        name = known.id(entry)
        if name in seen:
            raise UserError(
                f"Sample id '{name}' occurs twice in split '{split}': of "
                f"{_shown(seen[name])} and of {_shown(entry)}. Ids must differ: rename "
                "or remove one of the files."
            )
        seen[name] = entry


def _shown(entry: object) -> str:
    paths = paths_in(entry)
    return str(paths[0] if paths else entry)[:300]
