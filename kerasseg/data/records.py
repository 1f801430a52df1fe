"""Records: sharded TFRecord files of encoded images and labels, and `dataset.json`.

The shards of a split follow one another: each holds a stretch of its samples.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

import tensorflow as tf
from tqdm import tqdm

from kerasseg.data.conversion import (
    bar,
    merge,
    open_folder,
    write_jobs,
    write_stream,
)
from kerasseg.data.cut import Cut
from kerasseg.data.datasets import Samples
from kerasseg.data.description import FILE, Description, describe, save
from kerasseg.data.example import FEATURES, check, deserialise, parse
from kerasseg.data.sample import Sample
from kerasseg.data.shards import NOTES, Job, Source, in_entries, last, sha256
from kerasseg.taxonomy import Taxonomy

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

ASIDE = ".writing-"


def write(
    samples: Iterable[Sample], out, split: str, *, taxonomy: Taxonomy, **options
) -> Description:
    """Writes one split of the records folder `out`; as `write_splits`, otherwise."""
    return write_splits({split: samples}, out, taxonomy=taxonomy, **options)


def write_splits(
    splits: dict[str, Samples | Cut | Iterable[Sample]],
    out,
    *,
    taxonomy: Taxonomy,
    name: str = "",
    shards: int = 0,
    workers: int = 1,
    on_error: Literal["stop", "skip"] = "stop",
    command: str = "",
    engine: Callable[[Source, list[Job], Path], None] | None = None,
    progress: bool = True,
) -> Description:
    """Writes splits of the records folder `out`: all of them appear, or none.

    Samples are taken one by one, checked, and put into `shards` files (0: 8, or more so
    that none has over 1000 entries; never more than there are), each of which holds a
    stretch of them. A split that is there already is replaced as a whole, others stay.

    workers: processes that write; 0 is one for each core, as far as it pays. The files
        are the same whatever their number. Only for splits that are `Samples`, or `Cut`
        of them; others are read from first to last in this process.
    on_error: "skip" leaves out entries of such splits that cannot be used, and puts the
        reasons into the description (`left_out`).
    command: what a user types to write the same records again.
    engine: something else than `workers` that calls `shards.write_shard` for each job
        (pipelines/distributed).

    What is finished lies in a folder ".writing-..." until all is. If the writing stops
    before, by an error or by a kill, the next call with the same splits goes on with
    the shards that are finished; those whose source files changed are written anew.

    Raises ValueError that names the sample for a wrong size, type or class id or a
    repeated id, for a split without samples, for another taxonomy than the other splits
    have, and for a folder `out` that holds something else than records; OSError for a
    full disk.
    """
    for split in splits:
        if not split or set(split) & set("/\\ "):
            raise ValueError(f"A split is named by letters and digits, got '{split}'.")
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
    folder = (out if out.is_dir() else out.parent) / f"{ASIDE}{out.name}"
    known = {s: x for s, x in splits.items() if in_entries(x)}
    source = Source.of(known, taxonomy, skip=on_error == "skip")
    jobs = source.jobs(shards)
    there = open_folder(folder, jobs)
    if there and progress:
        print(f"Going on with {folder}: {there} of {len(jobs)} shards are finished")
    try:
        streams = {
            split: write_stream(samples, split, folder, taxonomy, shards, progress)
            for split, samples in splits.items()
            if split not in source.splits
        }
        if engine:
            engine(source, jobs, folder)
        else:
            write_jobs(source, jobs, folder, workers, progress)
        written = merge(source, jobs, folder) | streams
        written = {split: written[split] for split in splits}
        name = name or (old.name if old else out.name)
        description = Description(out, name, taxonomy, kept | written, command)
        _install(folder, out, old, description)
    finally:
        if not any((folder / NOTES).glob("*")):
            shutil.rmtree(folder, ignore_errors=True)
    return description


def shard_paths(path, split: str) -> list[Path]:
    """The TFRecord files of a split; ValueError if one is missing, cut or another."""
    description = describe(path)
    paths = []
    for shard in description.split(split).shards:
        file = Path(path, shard.name)
        if not file.is_file():
            raise ValueError(f"Shard {file} is missing. {_again(description)}")
        if file.stat().st_size != shard.bytes:
            raise ValueError(
                f"Shard {file} was cut short or changed: it has {file.stat().st_size} "
                f"bytes, {FILE} says {shard.bytes}. {_again(description)}"
            )
        if shard.last and last(file) != shard.last:
            raise ValueError(
                f"Shard {file} is damaged at record {shard.samples - 1}, or another "
                f"was put in its place: its last bytes are not those in {FILE}. "
                f"{_again(description)}"
            )
        paths.append(file)
    return paths


def read(path, split: str) -> Iterator[Sample]:
    """Yields the samples of a split in the order in which they were written.

    Raises ValueError that names the shard and the record where bytes are damaged.
    """
    description = describe(path)
    known = description.split(split)
    for file, shard in zip(shard_paths(path, split), known.shards, strict=True):
        serialised = iter(tf.data.TFRecordDataset(str(file)))
        for record in range(shard.samples):
            try:
                sample = deserialise(next(serialised), known.instances)
            except (tf.errors.OpError, StopIteration, UnicodeDecodeError) as error:
                reason = getattr(error, "message", "no such record").splitlines()[0]
                raise ValueError(
                    f"Shard {file} is damaged at record {record}: {reason}. "
                    f"{_again(description)}"
                ) from error
            yield sample


def verify(path, progress: bool = True) -> Description:
    """Checks the size and SHA-256 of each shard and decodes and checks each record."""
    description = describe(path)
    for split, expected in description.splits.items():
        for file, shard in zip(shard_paths(path, split), expected.shards, strict=True):
            if sha256(file) != shard.sha256:
                raise ValueError(
                    f"Shard {file} was changed: its SHA-256 is not the one in {FILE}; "
                    f"{_first_damaged(file)}. {_again(description)}"
                )
    for split, expected in description.splits.items():
        samples = read(path, split)
        for sample in tqdm(
            samples, f"verify {split}", expected.samples, **bar(progress)
        ):
            check(sample, split, description.taxonomy)
    return description


def _first_damaged(file: Path) -> str:
    count = 0
    try:
        for _ in tf.data.TFRecordDataset(str(file)):
            count += 1
    except tf.errors.OpError:
        return f"record {count} is the first that cannot be read"
    return f"its {count} records can be read, so another file took its place"


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
    save(new, folder)
    if not out.exists():
        shutil.rmtree(folder / NOTES)
        folder.rename(out)
        return
    for name in _shards(new):
        if (folder / name).exists():
            (folder / name).replace(out / name)
    (folder / FILE).replace(out / FILE)
    for name in _shards(old) - _shards(new) if old else ():
        (out / name).unlink(missing_ok=True)
    shutil.rmtree(folder)


def _shards(description: Description) -> set[str]:
    return {s.name for split in description.splits.values() for s in split.shards}


def _again(description: Description) -> str:
    usual = f"python -m kerasseg.prepare NAME SRC {description.path}"
    return f"Write the records again: {description.command or usual}"
