"""How long one image takes in an artefact, on this machine."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

import numpy as np

THREADS = (1, 2)


def measure(run, height: int, width: int, seconds: float = 1.5) -> dict:
    """Milliseconds of one class map: median and 10th percentile, and how many runs.

    run: see `runners.runner`. Only the network, without reading and resizing; after
    two runs to warm up.
    """
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (1, height, width, 3), np.uint8)
    for _ in range(2):
        run(image)
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        run(image)
        times.append(1e3 * (time.perf_counter() - start))
    return {
        "median": float(np.median(times)),
        "fast": float(np.percentile(times, 10)),
        "runs": len(times),
    }


def processor() -> str:
    """Its name, or its family where the system does not tell."""
    name, file = platform.machine(), Path("/proc/cpuinfo")
    if file.is_file():
        for line in file.read_text().splitlines():
            if line.startswith(("model name", "Model")):
                name = line.partition(":")[2].strip()
    return name


def machine() -> str:
    """What was measured on: processor, number of cores, and whether it was busy."""
    cores = os.cpu_count() or 1
    load = os.getloadavg()[0]
    # This process alone makes a load of about the number of its threads.
    busy = f"; BUSY with other work (load {load:.1f}), so not to be trusted"
    return f"{processor()}, {cores} cores{busy if load > cores + 1 else ''}"
