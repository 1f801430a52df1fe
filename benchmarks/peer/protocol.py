"""How a peer talks with `benchmarks.speed`, which starts it: see kerasseg's turns.py.

A line in is one timed turn, a line out the seconds it took.
"""

from __future__ import annotations

import json
import os
import sys
import time
from types import SimpleNamespace


def serve(build) -> None:
    """Takes turns for `build(work, *words)`, which gives a function to time and a note.

    work: sizes and folders, as in benchmarks.speed.work.Work. The function may return
    the seconds that count. An import that fails makes this peer a missing one.
    """
    # What libraries print must not get between the lines.
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    *words, text = sys.argv[1:]
    work = SimpleNamespace(**json.loads(text))
    try:
        turn, note = build(work, *words)
    except ImportError as error:
        print(f"missing {error}", file=out)
        return
    print(f"ready {note}", file=out)
    for _ in sys.stdin:
        began = time.perf_counter()
        seconds = turn()
        took = time.perf_counter() - began
        print(took if seconds is None else seconds, file=out)


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
