"""Several splits as one list of entries, each of which knows how it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from kerasseg.data.datasets import stem
from kerasseg.data.sample import Sample, Samples


def id_of(samples: Samples, entry: Any) -> str:
    """The name of an entry's sample; the sample is read only where nothing tells it."""
    if samples.id is not None:
        return samples.id(entry)
    try:
        return str(stem(entry))
    except (AttributeError, IndexError, TypeError):
        pass
    if isinstance(entry, (int, str)):
        return str(entry)
    return samples.read(entry).id


def pooled(
    splits: dict[str, Samples], of: tuple[str, ...], entries: list[tuple[str, Any]]
) -> Samples:
    """Samples of these entries of several splits; each is read as its own split reads.

    Of one split, they are simply some of its entries. Ids that occur in
    both begin with their split, "val/x".
    """
    pools = {split: splits[split] for split in of if split in splits}
    first = next(iter(pools.values()))
    if len(pools) == 1:
        return replace(first, entries=[entry for _, entry in entries])
    ids = {s: x.id for s, x in pools.items() if x.id}
    sequences = {s: x.sequence for s, x in pools.items() if x.sequence}
    known = len(ids) == len(pools)
    used = [{ids[s](e) for e in x.entries} for s, x in pools.items() if known]
    prefix = known and bool(set.intersection(*used))
    return replace(
        first,
        entries=entries,
        read=partial(_read, {s: x.read for s, x in pools.items()}, prefix),
        id=partial(_name, ids, prefix) if known else None,
        sequence=partial(_name, sequences, False)
        if len(sequences) == len(pools)
        else None,
    )


def _read(
    reads: dict[str, Callable[[Any], Sample]], prefix: bool, entry: tuple[str, Any]
) -> Sample:
    sample = reads[entry[0]](entry[1])
    return replace(sample, id=f"{entry[0]}/{sample.id}") if prefix else sample


def _name(
    functions: dict[str, Callable[[Any], str]], prefix: bool, entry: tuple[str, Any]
) -> str:
    text = functions[entry[0]](entry[1])
    return f"{entry[0]}/{text}" if prefix else text
