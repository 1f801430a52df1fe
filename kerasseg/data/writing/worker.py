"""A process that writes shards for `conversion`, as a rule without TensorFlow."""

from __future__ import annotations

import os
import pickle
import signal
import threading
from multiprocessing import parent_process
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # nothing else is imported before `start` has set the environment
    from multiprocessing.sharedctypes import Synchronized
    from multiprocessing.synchronize import Event

    from kerasseg.data.writing.jobs import Job

_CONTEXT = {}
"""Arguments of `write_shard` that stay the same from shard to shard."""


def start(source: bytes, folder: str, done: Synchronized, stop: Event) -> None:
    """What the process does first.

    source: a pickled `Source`; folder: where shards go; done: counter of entries that
    all processes share; stop: the event that ends them.
    """
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops all
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    os.environ["TF_NUM_INTRAOP_THREADS"] = "1"
    import cv2

    cv2.setNumThreads(1)

    def advance(entries: int) -> None:
        if stop.is_set():
            raise InterruptedError("Stopped.")
        with done.get_lock():
            done.value += entries

    _CONTEXT.update(source=pickle.loads(source), folder=Path(folder), advance=advance)


def write(job: Job) -> None:
    """Writes one shard. Raises what `write_shard` raises."""
    from kerasseg.data.writing.shards import write_shard

    write_shard(job=job, **_CONTEXT)


def end_with_parent() -> None:
    """Ends this process with its parent, also where that is killed: without this it
    would wait for work forever."""

    def wait() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
