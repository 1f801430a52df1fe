"""A copy of records in the size of a training: large images are decoded once, not in
each epoch. What a training reads from it is what it would read from the records."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from kerasseg import UserError
from kerasseg.console import say
from kerasseg.data import pipeline, records
from kerasseg.data.format import joined
from kerasseg.data.format.description import FILE, Description
from kerasseg.data.sample import Sample
from kerasseg.data.writing.splits import write_splits


def write(path: str | Path, splits: Sequence[str], size: tuple, folder: str) -> None:
    """Writes the copy of some splits of pictures, unless it is there.

    size: height and width. folder: gets a folder inside it, which is called by the size
    and by what the records hold: of others there is another one.

    Raises UserError as reading and writing records do, and for volumes.
    """
    description = records.describe(path)
    if description.volume or not any(size):
        raise UserError(
            "--data.smaller is for pictures and needs --data.size HEIGHT WIDTH, that "
            "of the copy. Leave it out (--data.smaller '')."
        )
    copy = _place(description, size, folder)
    parts = dict.fromkeys(p for split in splits for p in joined.parts_of(split))
    for part in (p for p in parts if not _holds(copy, p, description)):
        known = description.split(part)
        say(
            f"Copying {known.samples} images of '{part}' at {size[0]}x{size[1]}, which "
            f"are then read faster: {copy}"
        )
        write_splits(
            {part: _samples(path, part, size, description)},
            copy,
            taxonomy=description.taxonomy,
            name=description.name,
            shards=len(known.shards),
            image_format=description.image_format,
        )


def instead(
    path: str | Path, split: str, size: tuple[int, ...], folder: str
) -> tuple[str | Path, tuple[int, ...]]:
    """The records to read a split from, and the size to ask of them: the copy and its
    own, where it was written, else the records."""
    if folder:
        description = records.describe(path)
        copy = _place(description, size, folder)
        if all(_holds(copy, p, description) for p in joined.parts_of(split)):
            return copy, (0, 0)
    return path, size


def _place(description: Description, size: Sequence[int], folder: str) -> Path:
    content = hashlib.sha256()
    for split in sorted(description.splits):
        content.update(split.encode())
        for shard in description.splits[split].shards:
            content.update(shard.sha256.encode())
    side, other = size
    return Path(folder) / f"{side}x{other}-{content.hexdigest()[:12]}"


def _holds(copy: Path, split: str, description: Description) -> bool:
    """Whether the copy has the split, dealt out alike: then batches come in the order
    of the records."""
    if not (copy / FILE).is_file():
        return False
    found, known = records.describe(copy).splits, description.split(split)
    counts = [shard.samples for shard in known.shards]
    return split in found and [s.samples for s in found[split].shards] == counts


def _samples(
    path: str | Path, split: str, size: tuple[int, ...], description: Description
) -> Iterator[Sample]:
    stored = description.split(split).instances
    batches = pipeline.batches(path, split, batch_size=1, size=size, instances=stored)
    for number, batch in enumerate(batches.as_numpy_iterator()):
        yield Sample(
            f"{number:08d}",
            batch["image"][0],
            batch["label"][0],
            batch["instance"][0] if stored else None,
        )
