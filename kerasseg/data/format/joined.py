"""Several splits of records as one: train+val."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from kerasseg import UserError


def parts_of(name: str) -> list[str]:
    """The names of the splits that a name stands for.

    Raises UserError where one of them is named twice.

    >>> parts_of("train+val"), parts_of("test")
    (['train', 'val'], ['test'])
    """
    parts = name.split("+")
    if len(set(parts)) < len(parts):
        raise UserError(f"'{name}' names a split twice. Name each once.")
    return parts


def trains_on(train: str, split: str) -> bool:
    """Whether a split is one of several that are trained on together.

    >>> trains_on("train+val", "val"), trains_on("train", "train")
    (True, False)
    """
    parts = parts_of(train)
    return len(parts) > 1 and not {*parts_of(split)}.isdisjoint(parts)


def joined(splits: Mapping[str, Any]) -> Any:
    """The `SplitDescription` of several, one after the other.

    Raises UserError where some have object ids and others none.
    """
    each = list(splits.values())
    if len({split.instances for split in each}) > 1:
        have = [name for name, split in splits.items() if split.instances]
        raise UserError(
            f"Of the splits {', '.join(splits)} only {', '.join(have)} have object "
            "ids, so they cannot be read as one. Prepare both alike."
        )

    def summed(key: str) -> tuple[int, ...]:
        return tuple(map(sum, zip(*(getattr(s, key) for s in each), strict=True)))

    def shared(key: str) -> int | None:
        values = {getattr(split, key) for split in each}
        return values.pop() if len(values) == 1 else None

    counts = ("pixels", "images_with", "pixels_of_images_with")
    return dataclasses.replace(
        each[0],
        samples=sum(split.samples for split in each),
        depth=shared("depth"),
        height=shared("height"),
        width=shared("width"),
        ignored=sum(split.ignored for split in each),
        shards=tuple(shard for split in each for shard in split.shards),
        left_out=tuple(line for split in each for line in split.left_out),
        **{key: summed(key) for key in counts},
    )
