"""Writes records: shards into a folder aside, which then takes its place as a whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from kerasseg import UserError
from kerasseg.data.format.description import FILE, Description, describe, save
from kerasseg.data.sample import Sample, Samples
from kerasseg.data.writing.conversion import (
    merge,
    open_folder,
    write_jobs,
    write_stream,
)
from kerasseg.data.writing.cut import Cut
from kerasseg.data.writing.remote_records import present, publish
from kerasseg.data.writing.shards import NOTES, Job, Source, in_entries
from kerasseg.files import remote
from kerasseg.files.lock import held
from kerasseg.taxonomy import Taxonomy

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
    Where `out` is elsewhere (gs://..., s3://...), that folder lies in the cache of
    `kerasseg.files.remote`, and its shards are sent when all are finished.

    Raises ValueError that names the sample for a wrong size, type or class id or a
    repeated id, for a split without samples, for another taxonomy than the other splits
    have, for a folder `out` that holds something else than records, and where another
    process is writing it; OSError for a full disk.
    """
    if not splits:
        raise UserError("Expected at least one split to write, got none.")
    for split in splits:
        if not split or set(split) & set("/\\ "):
            raise UserError(f"A split is named by letters and digits, got '{split}'.")
    out = remote.url_of(out) if remote.is_remote(out) else Path(out).resolve()
    folder = _aside(out)
    with held(folder.with_name(f"{folder.name}.lock"), str(out)):
        old = _present(out, splits)
        kept = {s: old.splits[s] for s in old.splits if s not in splits} if old else {}
        if kept and old.taxonomy != taxonomy:
            raise UserError(
                f"Splits {', '.join(kept)} of {out} have other classes than the "
                "samples to write. Choose another folder, or delete this one first."
            )
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
            name = name or (old.name if old else Path(out).name)
            description = Description(out, name, taxonomy, kept | written, command)
            save(description, folder)
            if remote.is_remote(out):
                publish(folder, out, old, description, progress)
                shutil.rmtree(folder)
            else:
                _install(folder, out, old, description)
        finally:
            if not any((folder / NOTES).glob("*")):
                shutil.rmtree(folder, ignore_errors=True)
    return description


def _aside(out: Path | str) -> Path:
    """Where shards lie until all are finished: beside `out`, or in the cache."""
    if isinstance(out, str):
        folder = remote.cache_of(out)
        return folder.with_name(f"{ASIDE}{folder.name}")
    return (out if out.is_dir() else out.parent) / f"{ASIDE}{out.name}"


def _present(out: Path | str, splits: Iterable[str]) -> Description | None:
    """What `out` holds already, None if nothing; ValueError if it is something else."""
    if isinstance(out, str):
        return present(out, splits)
    if (out / FILE).is_file():
        return describe(out)
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file. Name a folder for the records.")
    if out.is_dir() and any(not f.name.startswith(ASIDE) for f in out.iterdir()):
        raise UserError(
            f"Folder {out} is not empty and holds no records ({FILE}). Nothing was "
            "written: name a new folder."
        )
    return None


def _install(
    folder: Path, out: Path, old: Description | None, new: Description
) -> None:
    """Moves what was written aside to where it belongs, `dataset.json` last."""
    if not out.exists():
        shutil.rmtree(folder / NOTES)
        folder.rename(out)
        return
    for name in new.shards():
        if (folder / name).exists():
            (folder / name).replace(out / name)
    (folder / FILE).replace(out / FILE)
    for name in old.shards() - new.shards() if old else ():
        (out / name).unlink(missing_ok=True)
    shutil.rmtree(folder)
