"""Several data sets as one: labels brought to common ids, splits put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.masks.overlap import planes_of_ids
from kerasseg.data.sample import (
    Decoded,
    Sample,
    Samples,
    refuse_mixed,
    refuse_other_volumes,
)
from kerasseg.image_format import GRAY, RGB
from kerasseg.taxonomy import IGNORE, Taxonomy

Source = tuple[Taxonomy, dict[str, Samples]]
"""What an adapter gives: the classes, and the samples of each split."""
ORDER = {"train": 0, "val": 1, "test": 2}
"""In which splits are written; others come last."""


def map_classes(source: Source, table: np.ndarray, taxonomy: Taxonomy) -> Source:
    """The source with the classes of `taxonomy`; table: new id of each
    id that a label can hold, in the type of the new labels."""
    splits = {
        split: replace(samples, read=partial(_read_mapped, samples.read, table))
        for split, samples in source[1].items()
    }
    return taxonomy, splits


def join(sources: list[tuple[str, Source]]) -> Source:
    """One taxonomy and the splits of all sources, those of one name put together.

    Ids and sequences of the samples begin with the name of their source ("camvid-x";
    "camvid1-x", "camvid2-x" where a name comes twice). Object ids are left out, as not
    all sources have them. One source is given back as it is.

    Raises UserError for sources of different classes.
    """
    first, (taxonomy, splits) = sources[0]
    if len(sources) == 1:
        return taxonomy, splits
    for name, (other, _) in sources[1:]:
        if other.exclusive != taxonomy.exclusive:
            raise UserError(
                f"Classes of one of {first} and {name} overlap, those of the other "
                "exclude each other. Prepare both alike, or write two folders."
            )
        if other.names != taxonomy.names:
            road = "Add --taxonomy road, or write" if taxonomy.exclusive else "Write"
            raise UserError(
                f"{name} has other classes than {first} ({other.num_classes} and "
                f"{taxonomy.num_classes}). {road} them to two folders."
            )
    sources = _of_one_kind(sources)
    times, seen = Counter(name for name, _ in sources), Counter()
    entries: dict[str, list] = {}
    reads: dict[str, dict[str, Callable]] = {}
    ids: dict[str, dict[str, Callable | None]] = {}
    understood: dict[str, Any] = {}
    formats, volumes = [], []
    for name, (_, splits) in sources:
        seen[name] += 1
        key = f"{name}{seen[name]}" if times[name] > 1 else name
        key = key.replace(":", "-")  # tfds:NAME
        for split, samples in splits.items():
            entries.setdefault(split, []).extend((key, e) for e in samples.entries)
            reads.setdefault(split, {})[key] = samples.read
            ids.setdefault(split, {})[key] = samples.id
            formats.append(samples.image_format)
            volumes.append(samples.volume)
            if samples.source:
                understood.setdefault(key, {}).update(samples.source)
    return taxonomy, {
        split: Samples(
            entries[split],
            partial(_read, reads[split]),
            id=_joined_id(ids[split]),
            image_format=formats[0],
            source=understood,
            volume=volumes[0],
        )
        for split in sorted(entries, key=lambda split: ORDER.get(split, len(ORDER)))
    }


def _of_one_kind(sources: list[tuple[str, Source]]) -> list[tuple[str, Source]]:
    """The sources, gray pictures as RGB where others are RGB.

    Raises UserError where bands or types differ otherwise.
    """
    formats = [x.image_format for _, (_, s) in sources for x in s.values()]
    if any(x.is_rgb8 for x in formats) and any(x.same_kind(GRAY) for x in formats):
        sources = [
            (name, (taxonomy, {split: _coloured(x) for split, x in splits.items()}))
            for name, (taxonomy, splits) in sources
        ]
    named = {
        f"{name} (source {number}, {split})": samples
        for number, (name, (_, splits)) in enumerate(sources, 1)
        for split, samples in splits.items()
    }
    refuse_mixed({name: samples.image_format for name, samples in named.items()})
    refuse_other_volumes({name: samples.volume for name, samples in named.items()})
    return sources


def _coloured(samples: Samples) -> Samples:
    """The samples as RGB, if they are gray."""
    if not samples.image_format.same_kind(GRAY):
        return samples
    line = "gray images became RGB, three equal bands, like those they are joined with"
    return replace(
        samples,
        read=partial(_read_coloured, samples.read),
        image_format=replace(RGB, nodata=samples.image_format.nodata),
        source={**samples.source, "gray": {"line": line}},
    )


def _read_coloured(read: Callable[[Any], Sample], entry: Any) -> Sample:
    sample = read(entry)
    image, encoded = np.repeat(sample.image, 3, axis=2), sample.encoded
    if isinstance(encoded, Decoded) and encoded.pixels is sample.image:
        encoded = Decoded.to(image, encoded)
    return replace(sample, image=image, encoded=encoded)


def combine_classes(
    source: Source, parts: tuple[tuple[int, ...], ...], taxonomy: Taxonomy
) -> Source:
    """A source with the classes of `taxonomy`, which overlap; parts: which of the old
    ones each new one is made of."""
    splits = {
        split: replace(samples, read=partial(_read_combined, samples.read, parts))
        for split, samples in source[1].items()
    }
    return taxonomy, splits


def _read_combined(
    read: Callable[[Any], Sample], parts: tuple[tuple[int, ...], ...], entry: Any
) -> Sample:
    """A class is there where one of its parts is, and else ignored where one is."""
    sample = read(entry)
    label = sample.label
    if label.ndim == sample.image.ndim:
        planes = np.stack([_union(label[..., list(part)]) for part in parts], -1)
        return replace(sample, label=planes)
    return replace(sample, label=planes_of_ids(label, parts), instance=None)


def _union(planes: np.ndarray) -> np.ndarray:
    present, ignored = (planes == 1).any(-1), (planes == IGNORE).any(-1)
    return np.where(present, 1, np.where(ignored, IGNORE, 0)).astype(np.uint8)


def _read_mapped(
    read: Callable[[Any], Sample], table: np.ndarray, entry: Any
) -> Sample:
    sample = read(entry)
    return replace(sample, label=table[sample.label])


def _joined_id(ids: dict[str, Callable | None]) -> Callable | None:
    """The id of an entry, if every source knows the ids of its entries."""
    known = {name: function for name, function in ids.items() if function}
    return partial(_id, known) if len(known) == len(ids) else None


def _id(ids: dict[str, Callable], entry: tuple[str, Any]) -> str:
    return f"{entry[0]}-{ids[entry[0]](entry[1])}"


def _read(reads: dict[str, Callable], entry: tuple[str, Any]) -> Sample:
    sample = reads[entry[0]](entry[1])
    return replace(
        sample,
        id=f"{entry[0]}-{sample.id}",
        instance=None,
        sequence=f"{entry[0]}-{sample.sequence}" if sample.sequence else "",
    )
