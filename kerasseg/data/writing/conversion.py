"""Converts all splits of a source to shards, in several processes at once.

The shards go into a folder with which a later call goes on, should this one be stopped.
"""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

from kerasseg.console import hidden_bar
from kerasseg.data.format.splits import Shard, SplitDescription
from kerasseg.data.format.tfrecord import Writer
from kerasseg.data.sample import Sample
from kerasseg.data.writing import worker
from kerasseg.data.writing.jobs import Job, Source, image_format_of, plan_jobs
from kerasseg.data.writing.shards import (
    NOTES,
    check_and_serialise,
    read_note,
    shard_of_file,
    write_shard,
)
from kerasseg.data.writing.source_fingerprint import UNPICKLABLE
from kerasseg.data.writing.statistics import SplitStatistics
from kerasseg.image_format import ImageFormat
from kerasseg.taxonomy import Taxonomy

ENTRIES_PER_WORKER = 100
"""Entries for which it pays to start one more process by default."""
POLL = 0.2
"""Seconds between two looks at what the processes have done."""


def prepare_folder(folder: Path, jobs: list[Job]) -> int:
    """Makes `folder` fit for these jobs; the number of shards it holds already.

    What other jobs or a stopped process left there is removed.
    """
    (folder / NOTES).mkdir(parents=True, exist_ok=True)
    shards = {job.name for job in jobs}
    notes = {f"{name}.json" for name in shards}
    for known, place in (shards | {NOTES}, folder), (notes, folder / NOTES):
        for file in place.iterdir():
            if file.name not in known:
                shutil.rmtree(file) if file.is_dir() else file.unlink()
    return sum(1 for _ in (folder / NOTES).iterdir())


def write_jobs(
    source: Source, jobs: list[Job], folder: Path, workers: int, progress: bool
) -> None:
    """Writes the shards of all jobs into `folder`, several at a time.

    workers: processes; 0 is one for each core, as far as there is work for them. One
        means this process. A source that cannot be pickled stays in this process, too.

    Raises what `write_shard` raises, and OSError where a process was killed.
    """
    entries = sum(job.end - job.begin for job in jobs)
    most = workers or min(os.cpu_count() or 1, entries // ENTRIES_PER_WORKER)
    pickled = _pickled(source) if min(most, len(jobs)) > 1 else None
    ignore = source.taxonomy.ignore
    seen = {split: SplitStatistics(split, ignore=ignore) for split in source.splits}

    def finished(job: Job) -> None:  # what does not fit together is an error at once
        seen[job.split].merge(read_note(folder, job)[1])

    with tqdm(desc="write", total=entries, **progress_options(progress)) as shown:
        if pickled is None:
            for job in jobs:
                write_shard(source, job, folder, shown.update)
                finished(job)
        else:
            processes = min(most, len(jobs))
            _write_in_processes(pickled, jobs, folder, processes, shown, finished)


@dataclass(frozen=True)
class Written:
    """A split that is written: its description, and what it counted."""

    description: SplitDescription
    statistics: SplitStatistics


def describe_splits(
    source: Source, jobs: list[Job], folder: Path
) -> dict[str, Written]:
    """What the shards of all jobs hold together, from their notes.

    Raises UserError for a split without samples.
    """
    formats = {split: image_format_of(x) for split, x in source.splits.items()}
    statistics = {
        split: SplitStatistics(
            split, image_format=formats[split], ignore=source.taxonomy.ignore
        )
        for split in source.splits
    }
    shards: dict[str, list[Shard]] = {split: [] for split in source.splits}
    left_out: dict[str, list[str]] = {split: [] for split in source.splits}
    for job in jobs:
        shard, part, reasons = read_note(folder, job, formats[job.split])
        statistics[job.split].merge(part)
        shards[job.split].append(shard)
        left_out[job.split].extend(reasons)
    classes = source.taxonomy.num_classes
    return {
        split: Written(
            counted.describe(shards[split], classes, left_out[split]), counted
        )
        for split, counted in statistics.items()
    }


def write_stream(
    samples: Iterable[Sample],
    split: str,
    folder: Path,
    taxonomy: Taxonomy,
    image_format: ImageFormat,
    shards: int,
    progress: bool,
    labelled: bool = False,
) -> Written:
    """Writes samples that come one by one, nobody knows how many.

    They go to one file, which is then taken apart into shards of one length.

    Raises UserError for a sample that cannot be used, or where there is none at all;
    OSError where writing fails.
    """
    spool, starts = folder / f"{split}.part", [0]
    ignore = taxonomy.ignore
    statistics = SplitStatistics(split, "", image_format, ignore, labelled)
    with Writer(spool) as writer:
        shown = tqdm(samples, split, **progress_options(progress))
        for sample, pixels, serialised in check_and_serialise(
            shown, split, taxonomy, image_format
        ):
            statistics.add(sample, pixels)
            writer.write(serialised)
            starts.append(writer.size)
    jobs = plan_jobs(split, len(statistics.ids), shards)
    with spool.open("rb") as opened:
        for job in jobs:
            with (folder / job.name).open("wb") as file:
                for start, end in pairwise(starts[job.begin : job.end + 1]):
                    file.write(opened.read(end - start))
    spool.unlink()
    parts = [shard_of_file(folder / job.name, job.end - job.begin) for job in jobs]
    return Written(statistics.describe(parts, taxonomy.num_classes), statistics)


def progress_options(progress: bool) -> dict:
    """Options of tqdm: a progress bar only at a terminal, so that logs stay short."""
    return {"unit": "image", "disable": hidden_bar() if progress else True}


# ---- Processes -------------------------------------------------------------------


def _pickled(source: Source) -> bytes | None:
    """The source for other processes; None if it holds what cannot be pickled."""
    try:
        return pickle.dumps(source)
    except UNPICKLABLE:
        return None


def _write_in_processes(
    source: bytes,
    jobs: list[Job],
    folder: Path,
    processes: int,
    shown: tqdm,
    finished: Callable[[Job], None],
) -> None:
    context = get_context("spawn")  # a forked TensorFlow hangs
    done, stop = context.Value("q", 0), context.Event()
    with ProcessPoolExecutor(
        processes, context, worker.start, (source, str(folder), done, stop)
    ) as pool:
        # Handed out in order, so each process goes through the source forwards.
        waiting = {pool.submit(worker.write, job): job for job in jobs}
        try:
            while waiting:
                ended, _ = wait(waiting, POLL, return_when=FIRST_EXCEPTION)
                shown.update(done.value - shown.n)
                for future in ended:
                    future.result()
                    finished(waiting.pop(future))
        except BrokenProcessPool as error:
            raise OSError(
                f"A process that wrote shards into {folder} was ended, most often "
                "because memory ran out. Run the same command again with a smaller "
                "number of --workers; it goes on with the shards that are finished."
            ) from error
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
