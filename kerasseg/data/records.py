"""Records: sharded TFRecord files of encoded images and labels, and `dataset.json`."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from kerasseg.data.description import (
    FILE,
    Description,
    Shard,
    SplitDescription,
    describe,
    save,
)
from kerasseg.data.example import FEATURES, check, deserialise, parse, serialise
from kerasseg.data.sample import Sample
from kerasseg.taxonomy import IGNORE, Taxonomy

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

SHARDS = 8
ASIDE = ".writing-"


def write(
    samples: Iterable[Sample],
    out,
    split: str,
    *,
    taxonomy: Taxonomy,
    name: str = "",
    shards: int = 0,
    progress: bool = True,
) -> Description:
    """Writes one split of the records folder `out` and returns its description.

    Samples are taken one by one, checked, and dealt in turn to `shards` files (0: 8, or
    one for each sample if there are fewer). The files appear in `out` only when all are
    written; a split of that name is replaced as a whole, other splits stay.

    Raises ValueError that names the sample for a wrong size, type or class id or a
    repeated id, for a split without samples, for another taxonomy than the other splits
    have, and for a folder `out` that holds something else than records.
    """
    return write_splits(
        {split: samples},
        out,
        taxonomy=taxonomy,
        name=name,
        shards=shards,
        progress=progress,
    )


def write_splits(
    splits: dict[str, Iterable[Sample]],
    out,
    *,
    taxonomy: Taxonomy,
    name: str = "",
    shards: int = 0,
    progress: bool = True,
) -> Description:
    """Like `write`, for several splits at once: all of them appear, or none."""
    if not splits:
        raise ValueError("Expected at least one split to write, got none.")
    out = Path(out).resolve()
    old = _present(out)
    kept = {s: old.splits[s] for s in old.splits if s not in splits} if old else {}
    if kept and old.taxonomy != taxonomy:
        raise ValueError(
            f"Splits {', '.join(kept)} of {out} have other classes than the samples to "
            "write. Choose another folder, or delete this one first."
        )
    parent = out if out.is_dir() else out.parent
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=ASIDE, dir=parent) as aside:
        folder = Path(aside, "records")
        folder.mkdir()
        try:
            written = {
                split: _write_split(samples, folder, split, taxonomy, shards, progress)
                for split, samples in splits.items()
            }
        except tf.errors.OpError as error:  # a full disk, most often
            raise OSError(f"Writing {out} failed: {error.message}") from error
        name = name or (old.name if old else out.name)
        description = Description(out, name, taxonomy, kept | written)
        save(description, folder)
        _install(folder, out, old, description)
    return description


def shard_paths(path, split: str) -> list[Path]:
    """The TFRecord files of a split; ValueError if one is missing or cut short."""
    paths = []
    for shard in describe(path).split(split).shards:
        file = Path(path, shard.name)
        if not file.is_file():
            raise ValueError(f"Shard {file} is missing. {_again(path)}")
        if file.stat().st_size != shard.bytes:
            raise ValueError(
                f"Shard {file} was cut short or changed: it has {file.stat().st_size} "
                f"bytes, {FILE} says {shard.bytes}. {_again(path)}"
            )
        paths.append(file)
    return paths


def read(path, split: str) -> Iterator[Sample]:
    """Yields the samples of a split in the order in which they were written.

    Raises ValueError that names the shard and the record where bytes are damaged.
    """
    description = describe(path).split(split)
    paths = shard_paths(path, split)
    iterators = [iter(tf.data.TFRecordDataset(str(path))) for path in paths]
    for number in range(description.samples):
        shard, record = number % len(paths), number // len(paths)
        try:
            yield deserialise(next(iterators[shard]), description.instances)
        except (tf.errors.OpError, StopIteration) as error:
            reason = getattr(error, "message", "no more records").splitlines()[0]
            raise ValueError(
                f"Shard {paths[shard]} is damaged at record {record}: {reason}. "
                f"{_again(path)}"
            ) from error


def verify(path, progress: bool = True) -> Description:
    """Checks the size and SHA-256 of each shard and decodes and checks each record."""
    description = describe(path)
    for split, expected in description.splits.items():
        for file, shard in zip(shard_paths(path, split), expected.shards, strict=True):
            if _sha256(file) != shard.sha256:
                raise ValueError(
                    f"Shard {file} was changed: its SHA-256 is not the one in {FILE}. "
                    f"{_again(path)}"
                )
        samples = read(path, split)
        for sample in tqdm(
            samples, f"verify {split}", expected.samples, **_bar(progress)
        ):
            check(sample, split, description.taxonomy)
    return description


def _write_split(
    samples, folder, split, taxonomy, shards, progress
) -> SplitDescription:
    if not split or set(split) & set("/\\ "):
        raise ValueError(f"A split is named by letters and digits, got '{split}'.")
    most = shards or SHARDS
    pixels, images_with, pixels_with = np.zeros((3, taxonomy.num_classes), np.int64)
    ids, sizes, instances, ignored = set(), set(), set(), 0
    writers = []
    with ExitStack() as stack:
        for number, sample in enumerate(tqdm(samples, split, **_bar(progress))):
            counts = check(sample, split, taxonomy)
            if sample.id in ids:
                raise ValueError(
                    f"Sample id '{sample.id}' occurs twice in split '{split}'. Ids "
                    "must differ: rename one of the files."
                )
            ids.add(sample.id)
            sizes.add(sample.label.shape)
            instances.add(sample.instance is not None)
            if len(instances) > 1:
                raise ValueError(
                    f"Sample '{sample.id}' of split '{split}': some samples have "
                    "object ids (instance) and some have not. Give all or none."
                )
            if number < most:
                file = str(folder / f"{split}-{number}")
                writers.append(stack.enter_context(tf.io.TFRecordWriter(file)))
            writers[number % most].write(serialise(sample))
            present = counts[: taxonomy.num_classes] > 0
            pixels += counts[: taxonomy.num_classes]
            images_with += present
            pixels_with += present * sample.label.size
            ignored += int(counts[IGNORE])
    if not ids:
        raise ValueError(
            f"Split '{split}' is empty: there is no sample to write. Check the source "
            "folder and the names of its splits."
        )
    height, width = sizes.pop() if len(sizes) == 1 else (None, None)
    return SplitDescription(
        samples=len(ids),
        height=height,
        width=width,
        pixels=tuple(pixels.tolist()),
        images_with=tuple(images_with.tolist()),
        pixels_of_images_with=tuple(pixels_with.tolist()),
        ignored=ignored,
        instances=instances.pop(),
        shards=tuple(
            _name_shard(folder, split, number, len(writers), len(ids))
            for number in range(len(writers))
        ),
    )


def _name_shard(
    folder: Path, split: str, number: int, shards: int, samples: int
) -> Shard:
    name = f"{split}-{number:05d}-of-{shards:05d}.tfrecord"
    file = (folder / f"{split}-{number}").rename(folder / name)
    dealt = len(range(number, samples, shards))
    return Shard(name, dealt, file.stat().st_size, _sha256(file))


def _present(out: Path) -> Description | None:
    """What `out` holds already, None if nothing; ValueError if it is something else."""
    if (out / FILE).is_file():
        return describe(out)
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file. Name a folder for the records.")
    if out.is_dir() and any(not f.name.startswith(ASIDE) for f in out.iterdir()):
        raise ValueError(
            f"Folder {out} is not empty and holds no records ({FILE}). Nothing was "
            "written: name a new folder."
        )
    return None


def _install(
    folder: Path, out: Path, old: Description | None, new: Description
) -> None:
    """Moves what was written aside to where it belongs, `dataset.json` last."""
    if not out.exists():
        folder.rename(out)
        return
    for split in new.splits.values():
        for shard in split.shards:
            if (folder / shard.name).exists():
                (folder / shard.name).replace(out / shard.name)
    (folder / FILE).replace(out / FILE)
    if old:
        named = {s.name for split in new.splits.values() for s in split.shards}
        for split in old.splits.values():
            for shard in split.shards:
                if shard.name not in named:
                    (out / shard.name).unlink(missing_ok=True)


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _bar(progress: bool) -> dict:
    """Settings of the progress bar: only at a terminal, so that logs stay short."""
    return {"unit": "image", "disable": None if progress else True}


def _again(path) -> str:
    return f"Write the records again: python -m kerasseg.prepare NAME SRC {path}."
