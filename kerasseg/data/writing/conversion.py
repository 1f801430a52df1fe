"""Shards written by several processes, into a folder that a later call goes on with."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Iterable
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

from kerasseg import UserError
from kerasseg.data.format.description import SplitDescription
from kerasseg.data.format.tfrecord import Writer
from kerasseg.data.sample import Sample
from kerasseg.data.writing import worker
from kerasseg.data.writing.shards import (
    NOTES,
    UNPICKLABLE,
    Job,
    Source,
    measured,
    plan,
    read_note,
    ready,
    write_shard,
)
from kerasseg.data.writing.tally import Tally
from kerasseg.taxonomy import Taxonomy

WORTH = 100
"""Entries for which it pays to start one more process by default."""
POLL = 0.2
"""Seconds between two looks at what the processes have done."""


def open_folder(folder: Path, jobs: list[Job]) -> int:
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
        means this process. A source that cannot be sent to others stays here, too.
    """
    count = sum(job.end - job.begin for job in jobs)
    most = workers or min(os.cpu_count() or 1, count // WORTH)
    sent = _sent(source) if min(most, len(jobs)) > 1 else None
    seen = {split: Tally(split) for split in source.splits}

    def finished(job: Job) -> None:  # what fits not together is told at once
        seen[job.split].join(read_note(folder, job)[1])

    with tqdm(desc="write", total=count, **bar(progress)) as shown:
        if sent is None:
            for job in jobs:
                write_shard(source, job, folder, shown.update)
                finished(job)
        else:
            _spread(sent, jobs, folder, min(most, len(jobs)), shown, finished)


def merge(source: Source, jobs: list[Job], folder: Path) -> dict[str, SplitDescription]:
    """What the shards of all jobs hold together, from their notes."""
    found = {split: (Tally(split), [], []) for split in source.splits}
    for job in jobs:
        tally, shards, left_out = found[job.split]
        shard, part, reasons = read_note(folder, job)
        tally.join(part)
        shards.append(shard)
        left_out.extend(reasons)
    return {
        split: tally.describe(shards, source.taxonomy.num_classes, left_out)
        for split, (tally, shards, left_out) in found.items()
    }


def write_stream(
    samples: Iterable[Sample],
    split: str,
    folder: Path,
    taxonomy: Taxonomy,
    shards: int,
    progress: bool,
) -> SplitDescription:
    """Writes samples that come one by one, nobody knows how many.

    They go to one file, which is then taken apart into shards of one length.
    """
    spool, tally, starts = folder / f"{split}.part", Tally(split), [0]
    with Writer(spool) as writer:
        for sample in tqdm(samples, split, **bar(progress)):
            ((_, counts, serialised),) = ready([sample], split, taxonomy)
            tally.add(sample, counts)
            writer.write(serialised)
            starts.append(writer.size)
    jobs = plan(split, len(tally.ids), shards)
    with spool.open("rb") as opened:
        for job in jobs:
            with (folder / job.name).open("wb") as file:
                for start, end in pairwise(starts[job.begin : job.end + 1]):
                    file.write(opened.read(end - start))
    spool.unlink()
    parts = [measured(folder / job.name, job.end - job.begin) for job in jobs]
    return tally.describe(parts, taxonomy.num_classes)


def bar(progress: bool) -> dict:
    """Settings of the progress bar: only at a terminal, so that logs stay short."""
    return {"unit": "image", "disable": None if progress else True}


# ---- Processes -------------------------------------------------------------------


def _sent(source: Source) -> bytes | None:
    """The source for other processes; None if it holds what cannot be sent."""
    try:
        return pickle.dumps(source)
    except UNPICKLABLE:
        return None


def _spread(
    sent: bytes, jobs, folder: Path, workers: int, shown: tqdm, finished
) -> None:
    context = get_context("spawn")  # a forked TensorFlow hangs
    done, stop = context.Value("q", 0), context.Event()
    with ProcessPoolExecutor(
        workers, context, worker.start, (sent, str(folder), done, stop)
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
        except ValueError as error:
            raise UserError(str(error)) from error
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
