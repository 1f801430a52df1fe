"""Whether the numbers of `dataset.json` agree with each other."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from kerasseg.taxonomy import Taxonomy


def check(splits: Mapping[str, Any], taxonomy: Taxonomy) -> None:
    """splits: name -> its `SplitDescription`.

    Raises ValueError, which names the key, for numbers that cannot be true.

    A wrong number would train without a word: steps of an epoch, weights of classes and
    the place where a stopped training goes on all rest on them.
    """
    names = Counter(s.name for split in splits.values() for s in split.shards)
    for name, times in names.items():
        if times > 1:
            raise ValueError(f"shard {name} is listed {times} times")
    for name, split in splits.items():
        for reason in _wrong(split, taxonomy):
            raise ValueError(f"splits.{name}: {reason}")


def _wrong(split: Any, taxonomy: Taxonomy) -> Iterator[str]:
    counts = {
        "pixels": split.pixels,
        "images_with": split.images_with,
        "pixels_of_images_with": split.pixels_of_images_with,
        "samples": (split.samples,),
        "ignored": (split.ignored,),
    }
    for key, values in counts.items():
        if not all(type(value) is int and value >= 0 for value in values):
            yield f"{key} must be counts, got {list(values)[:9]}"
    for key in list(counts)[:3]:
        if len(counts[key]) != taxonomy.num_classes:
            yield (
                f"{key} has {len(counts[key])} entries, there are "
                f"{taxonomy.num_classes} classes"
            )
    size = (split.height, split.width)
    if not all(n is None or (type(n) is int and n > 0) for n in (*size, split.depth)):
        yield f"height and width must be null or pixels above 0, got {list(size)}"
    held = sum(shard.samples for shard in split.shards)
    if split.samples != held:
        yield f"samples is {split.samples}, its shards hold {held}"
    if max(split.images_with, default=0) > split.samples:
        yield f"images_with is {max(split.images_with)} of {split.samples} samples"
    if split.height is None or split.width is None:
        return
    depth = () if split.depth is None else (split.depth,)
    sides = *depth, split.height, split.width
    pixels = split.samples * math.prod(sides)
    counted = sum(split.pixels) + split.ignored
    if taxonomy.exclusive and counted != pixels:
        yield (
            f"pixels and ignored are {counted} together, {split.samples} images of "
            f"{' x '.join(map(str, sides))} have {pixels}"
        )
    if max(split.pixels, default=0) > pixels:
        yield f"pixels of a class are {max(split.pixels)}, all images have {pixels}"
