"""What was measured on, and whether it was idle."""

from __future__ import annotations

import os
from importlib import metadata

from kerasseg.export.latency import processor


def cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def described() -> str:
    packages = ("tensorflow", "keras")
    versions = ", ".join(f"{one} {metadata.version(one)}" for one in packages)
    return f"{processor()}, {cores()} cores; {versions}"


def warning() -> str:
    """Words on other work that will distort every figure, "" where there is none."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load <= 0.5:
        return ""
    return (
        f"The machine is busy (load {load:.1f} on {cores()} cores): trust the ratios "
        "little and the times not at all."
    )
