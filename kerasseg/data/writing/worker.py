"""A process that writes shards for `conversion`, as a rule without TensorFlow."""

from __future__ import annotations

import os
import pickle
import signal
import threading
from multiprocessing import parent_process
from pathlib import Path

_KEPT = {}


def start(sent: bytes, folder: str, done, stop) -> None:
    """What the process does first; the source is kept from shard to shard.

    done: counter of entries that all processes share; stop: event that ends them.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops all
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    os.environ["TF_NUM_INTRAOP_THREADS"] = "1"
    import cv2

    cv2.setNumThreads(1)

    def advance(count: int) -> None:
        if stop.is_set():
            raise InterruptedError("Stopped.")
        with done.get_lock():
            done.value += count

    _KEPT.update(source=pickle.loads(sent), folder=Path(folder), advance=advance)


def write(job) -> None:
    from kerasseg.data.writing.shards import write_shard

    write_shard(job=job, **_KEPT)


def _end_with_parent() -> None:
    """Else this process would wait for work for ever after the parent was killed."""
    parent_process().join()
    os._exit(1)
