"""Measures how long an exported file takes for one image, on this machine."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

import numpy as np

from kerasseg.export.runners import Run
from kerasseg.image_format import RGB, ImageFormat

THREADS = (1, 2)
"""Numbers of threads that the card measures with."""
SECONDS = 1.5
"""For how long one measurement runs the network again and again."""


def measure(
    run: Run,
    *size: int,
    seconds: float | None = None,
    image_format: ImageFormat = RGB,
) -> dict:
    """Milliseconds that one class map takes: median, 10th percentile ("fast"), and the
    number of runs.

    run: see `runners.runner`. size: height and width of its image; of volumes depth,
    height and width of a patch. seconds: for how long it is run (SECONDS), but at least
    5 times, after two runs to warm up. Reading and resizing are not in it.
    """
    seconds = SECONDS if seconds is None else seconds
    image = _noise(size, image_format)[None]
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


def _noise(size: tuple[int, ...], image_format: ImageFormat) -> np.ndarray:
    """(*size, C), uniform in the range of each band."""
    random, shape = np.random.default_rng(0), (*size, image_format.channels)
    if image_format.is_rgb8:
        return random.integers(0, 256, shape, np.uint8)
    bands = image_format.statistics
    low = np.array([band.low for band in bands] or [0.0])
    high = np.array([band.high for band in bands] or [100.0])
    values = low + random.random(shape) * (high - low)
    return values.astype(image_format.type)


def processor() -> str:
    """The name of the processor, or its family where the system does not tell."""
    name, file = platform.machine(), Path("/proc/cpuinfo")
    if file.is_file():
        for line in file.read_text().splitlines():
            if line.startswith(("model name", "Model")):
                name = line.partition(":")[2].strip()
    return name


def machine() -> str:
    """The machine in words: processor, number of cores, and whether it is busy."""
    cores = os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0  # not on Windows
    # This process alone makes a load of about the number of its threads.
    busy = f"; BUSY with other work (load {load:.1f}), so not to be trusted"
    return f"{processor()}, {cores} cores{busy if load > cores + 1 else ''}"
