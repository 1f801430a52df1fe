"""Records whose train and val are divided anew, into folds of equal standing."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kerasseg import UserError
from kerasseg.console import say
from kerasseg.data import records as shards
from kerasseg.data.format.description import FILE, Description, describe, save
from kerasseg.data.preparing.folds import classes_in, folds_of
from kerasseg.data.sample import Sample


def write(
    source: str | Path,
    splits: Sequence[str],
    names: Sequence[str],
    seed: int,
    out: Path,
) -> Description:
    """Writes the samples of several splits of records as folds into other records, of
    which these are the names; what is there already is kept.

    Samples of one sequence (a drive, a patient) stay together; else the folds are alike
    in size and in classes (`folds.folds_of`). The statistics of the bands stay those of
    the source. A name that two splits have gets its split before it, "val/x".

    Raises UserError where there are fewer sequences, or images, than folds.
    """
    if (out / FILE).is_file():
        return describe(out)
    described = describe(source)
    seen = [
        _Seen(split, number, sample.id, sample.sequence, tuple(classes_in(sample)))
        for split in splits
        for number, sample in enumerate(shards.read(source, split))
    ]
    groups, said = _groups_of(seen)
    content: dict[str, Counter] = {}
    for one, group in zip(seen, groups, strict=True):
        content.setdefault(group, Counter()).update(["", *one.classes])
    folds, kind = len(names), "sequences" if said else "images"
    if len(content) < folds:
        raise UserError(
            f"The splits {', '.join(splits)} of {source} have {len(content)} {kind}, "
            f"too few for --fit.folds {folds}. Ask for at most {len(content)}."
        )
    prefix = len({one.id for one in seen}) < len(seen)
    parts = folds_of(content, folds, seed)
    chosen = [
        [one for one, group in zip(seen, groups, strict=True) if group in part]
        for part in parts
    ]
    written = {
        name: _samples(source, splits, of_fold, prefix)
        for name, of_fold in zip(names, chosen, strict=True)
    }
    found = shards.write_splits(
        {**written},
        out,
        taxonomy=described.taxonomy,
        name=described.name,
        image_format=described.image_format,
        volume=described.volume,
    )
    found = replace(
        found,
        image_format=described.image_format,
        statistics_of=described.statistics_of,
    )
    save(found, out)
    sizes = ", ".join(str(split.samples) for split in found.splits.values())
    say(f"Divided into folds of {sizes} samples, alike in their classes{said}: {out}")
    return found


@dataclass(frozen=True)
class _Seen:
    """Of a sample: its split, its number in it, and what decides its fold."""

    split: str
    number: int
    id: str
    sequence: str
    classes: tuple[str, ...]


def _groups_of(seen: Sequence[_Seen]) -> tuple[list[str], str]:
    """For each sample the group that stays together, and what is said of groups."""
    alone = [f"{one.split}/{one.id}" for one in seen]
    known = {one.sequence for one in seen}
    if len(known) == 1:
        if name := known.pop():
            say(
                f"Warning: all images are of one sequence, {name}, and are divided one "
                "by one. If they follow each other in a video, the score is too good.",
                sys.stderr,
            )
        return alone, ""
    pairs = zip(seen, alone, strict=True)
    return [one.sequence or own for one, own in pairs], "; sequences stay together"


def _samples(
    source: str | Path, splits: Sequence[str], chosen: Sequence[_Seen], prefix: bool
) -> Iterator[Sample]:
    for split in splits:
        wanted = {one.number for one in chosen if one.split == split}
        for sample in shards.read(source, split, only=wanted):
            yield replace(sample, id=f"{split}/{sample.id}") if prefix else sample
