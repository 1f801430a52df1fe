"""Writes records: shards into a folder aside, which then takes its place as a whole."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from kerasseg import UserError
from kerasseg.console import say
from kerasseg.data.format.description import FILE, Description, describe, save
from kerasseg.data.sample import Sample, Samples, refuse_mixed, refuse_other_volumes
from kerasseg.data.writing.conversion import (
    Written,
    describe_splits,
    prepare_folder,
    write_jobs,
    write_stream,
)
from kerasseg.data.writing.installing import install, with_free_names
from kerasseg.data.writing.jobs import (
    Job,
    Source,
    has_entries,
    image_format_of,
    volume_format_of,
)
from kerasseg.data.writing.remote_records import existing_records, upload_records
from kerasseg.data.writing.shards import NOTES
from kerasseg.data.writing.statistics import counts_labelled
from kerasseg.data.writing.tiling import TiledSamples
from kerasseg.files import remote
from kerasseg.files.lock import held
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.taxonomy import Taxonomy
from kerasseg.volume_format import VolumeFormat

TRAIN = "train"
"""The split whose statistics count, for networks learn from it."""
ASIDE = ".writing-"
"""How the name of the folder aside begins."""


def write(
    samples: Samples | TiledSamples | Iterable[Sample],
    out: str | Path,
    split: str,
    *,
    taxonomy: Taxonomy,
    **options: Any,
) -> Description:
    """Writes one split of the records folder `out`.

    samples: images (H, W, C) with labels (H, W), see `Sample`.
    options, and what it raises: those of `write_splits`.
    """
    return write_splits({split: samples}, out, taxonomy=taxonomy, **options)


def write_splits(
    splits: dict[str, Samples | TiledSamples | Iterable[Sample]],
    out: str | Path,
    *,
    taxonomy: Taxonomy,
    name: str = "",
    shards: int = 0,
    workers: int = 1,
    on_error: Literal["stop", "skip"] = "stop",
    command: str = "",
    engine: Callable[[Source, list[Job], Path], object] | None = None,
    progress: bool = True,
    image_format: ImageFormat | None = None,
    volume: VolumeFormat | None = None,
) -> Description:
    """Writes splits of the records folder `out`: all of them appear, or none.

    Samples are taken one by one, checked, and put into `shards` files (0: 8, or more so
    that none has over 1000 entries; never more than there are), each of which holds a
    stretch of them. A split that is there already is replaced as a whole, others stay.

    splits: name of each and its samples: images (H, W, C) with labels (H, W), see
        `Sample`.
    taxonomy: the classes of the labels' ids.
    name: of the dataset; "" keeps the one it has, or takes that of the folder.
    workers: processes that write; 0 is one for each core, as far as it pays. The files
        are the same whatever their number. Only for splits that are `Samples`, or
        `TiledSamples` of them; others are read from first to last in this process.
    on_error: "skip" leaves out entries of such splits that cannot be used, and puts the
        reasons into the description (`left_out`).
    command: what a user types to write the same records again.
    engine: something else than `workers` that calls `shards.write_shard` for each job
        (pipelines/distributed).
    progress: show a progress bar, where this is a terminal.
    image_format: bands and type of the images of splits that are not `Samples`, which
        say it themselves; None is RGB of 8 bits.
    volume: what volumes have in common, likewise; None: they are pictures.

    What is finished lies in a folder ".writing-..." until all is. If the writing stops
    before, by an error or by a kill, the next call with the same splits goes on with
    the shards that are finished; those whose source files changed are written anew.
    Where `out` is elsewhere (gs://..., s3://...), that folder lies in the cache of
    `kerasseg.files.cache`, and its shards are sent when all are finished.

    Returns the description of the records, which now also stands in `dataset.json`.

    Raises UserError that names the sample for a wrong size, type or class id or a
    repeated id, for a split without samples, for another taxonomy or other bands than
    the other splits have, for a folder `out` that holds something else than records,
    and where another process is writing it; OSError for a full disk.
    """
    if not splits:
        raise UserError("Expected at least one split to write, got none.")
    for split in splits:
        if not split or set(split) & set("/\\ "):
            raise UserError(f"A split is named by letters and digits, got '{split}'.")
    target = remote.url_of(out) if remote.is_remote(out) else Path(out).resolve()
    with _held(target) as folder:
        old = _existing(target, splits)
        kept = {s: x for s, x in old.splits.items() if s not in splits} if old else {}
        if old and kept and old.taxonomy != taxonomy:
            raise UserError(
                f"Splits {', '.join(kept)} of {target} have other classes than the "
                "samples to write. Choose another folder, or delete this one first."
            )
        formats = {s: _image_format(x, image_format) for s, x in splits.items()}
        refuse_mixed({f"split '{s}'": x for s, x in formats.items()})
        if old and kept:
            (first, *_), (split, *_) = kept, splits
            asked = {f"split '{first}' of {target}": old.image_format}
            refuse_mixed(asked | {f"split '{split}'": formats[split]})
        volumes = {s: _volume_format(x, volume) for s, x in splits.items()}
        said = {f"split '{s}'": x for s, x in volumes.items()}
        if old and kept:
            said = {f"the splits of {target}": old.volume} | said
        refuse_other_volumes(said)
        known = {s: x for s, x in splits.items() if has_entries(x)}
        source = Source.of(known, taxonomy, skip=on_error == "skip")
        jobs = source.jobs(shards)
        finished = prepare_folder(folder, jobs)
        if finished and progress:
            say(
                f"Going on with {folder}: of {len(jobs)} shards, {finished} were "
                "written before; those whose files have changed since are written again"
            )
        try:
            streams = {
                split: write_stream(
                    samples,
                    split,
                    folder,
                    taxonomy,
                    formats[split],
                    shards,
                    progress,
                    counts_labelled(volumes[split]),
                )
                for split, samples in splits.items()
                if split not in source.splits
            }
            if engine:
                engine(source, jobs, folder)
            else:
                write_jobs(source, jobs, folder, workers, progress)
            written = describe_splits(source, jobs, folder) | streams
            for split, one in written.items():
                _refuse_other_axes(split, one, volumes[split])
            described = {split: written[split].description for split in splits}
            source_of = _source(old if kept else None, splits)
            description = Description(
                target,
                name or (old.name if old else Path(target).name),
                taxonomy,
                kept | described,
                command,
                *_counted(old if kept else None, kept, written, formats),
                source_of,
                old.volume if old and kept else next(iter(volumes.values())),
            )
            description, asides = with_free_names(description, old, splits)
            save(description, folder)
            if isinstance(target, str):
                upload_records(folder, target, asides, old, description, progress)
                shutil.rmtree(folder)
            else:
                install(folder, target, asides, old, description)
        finally:
            if not any((folder / NOTES).glob("*")):
                shutil.rmtree(folder, ignore_errors=True)
    return description


def _image_format(
    samples: Samples | TiledSamples | Iterable[Sample], asked: ImageFormat | None
) -> ImageFormat:
    """What samples say, else what is asked for, else RGB; a nodata of NaN is none, for
    NaN is never valid."""
    found = image_format_of(samples) if has_entries(samples) else asked or RGB
    nodata = found.nodata
    return replace(found, nodata=None) if nodata != nodata else found


def _volume_format(
    samples: Samples | TiledSamples | Iterable[Sample], asked: VolumeFormat | None
) -> VolumeFormat | None:
    """What samples say, else what is asked for."""
    return volume_format_of(samples) if has_entries(samples) else asked


def _refuse_other_axes(
    split: str, written: Written, volume: VolumeFormat | None
) -> None:
    """Raises UserError for pictures among volumes, and for volumes among pictures."""
    if any(
        (len(size) == 3) != (volume is not None) for size in written.statistics.sizes
    ):
        raise UserError(
            f"Split '{split}' is of {'volumes' if volume else 'pictures'}, some of its "
            "samples are not. Give `volume` for volumes, and for them only."
        )


def _counted(
    old: Description | None,
    kept: Iterable[str],
    written: dict[str, Written],
    formats: dict[str, ImageFormat],
) -> tuple[ImageFormat, str]:
    """The format of all images, and the split whose statistics are in it: train, else
    the one that had them before, else the first."""
    if old and (TRAIN in kept or (old.statistics_of in kept and TRAIN not in written)):
        return old.image_format, old.statistics_of
    split = TRAIN if TRAIN in written else next(iter(written))
    statistics = written[split].statistics.of_bands()
    return formats[split].with_statistics(statistics), split if statistics else ""


def _source(
    old: Description | None,
    splits: dict[str, Samples | TiledSamples | Iterable[Sample]],
) -> dict[str, Any]:
    """How the sources were understood: of splits that stay, and of those written."""
    found = dict(old.source) if old else {}
    for samples in splits.values():
        untiled = samples.samples if isinstance(samples, TiledSamples) else samples
        if isinstance(untiled, Samples):
            found.update(untiled.source)
    return found


@contextlib.contextmanager
def _held(target: Path | str) -> Iterator[Path]:
    """The folder aside of `target`, which no other process uses meanwhile."""
    while True:
        folder = _folder_aside(target)
        with held(folder.with_name(f"{folder.name}.lock"), str(target)):
            # Else another process made the target just now, and locks inside it next.
            if folder == _folder_aside(target):
                yield folder
                return


def _folder_aside(out: Path | str) -> Path:
    """Where shards lie until all are finished: beside `out`, or in the cache."""
    if isinstance(out, str):
        folder = remote.cache_of(out)
        return folder.with_name(f"{ASIDE}{folder.name}")
    return (out if out.is_dir() else out.parent) / f"{ASIDE}{out.name}"


def _existing(out: Path | str, splits: Iterable[str]) -> Description | None:
    """The records that `out` holds; None if nothing, a UserError if something else."""
    if isinstance(out, str):
        return existing_records(out, splits)
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
