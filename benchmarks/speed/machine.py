"""The machine of a benchmark: processor, versions, and whether it is busy."""

from __future__ import annotations

import os
from importlib import metadata

from kerasseg.export.latency import processor


def cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def described() -> str:
    """Processor, cores, and versions of TensorFlow and Keras, in a line."""
    packages = ("tensorflow", "keras")
    versions = ", ".join(f"{one} {metadata.version(one)}" for one in packages)
    return f"{processor()}, {cores()} cores; {versions}"


def warning() -> str:
    """A sentence where other work distorts every figure; "" on an idle machine."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load <= 0.5:
        return ""
    return (
        f"The machine is busy (load {load:.1f} on {cores()} cores): trust the ratios "
        "little and the times not at all."
    )
