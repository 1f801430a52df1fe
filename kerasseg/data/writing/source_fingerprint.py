"""Hashes what a shard is made from, to tell whether an existing one may be used.

A fingerprint is "" where there is none, because something cannot be pickled or a file
is missing. Then nothing counts as the same.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from kerasseg import __version__
from kerasseg.taxonomy import Taxonomy

UNPICKLABLE = pickle.PicklingError, AttributeError, TypeError
"""What `pickle.dumps` raises for lambdas, open files and the like."""


def fingerprint_of_reading(samples: object, taxonomy: Taxonomy) -> str:
    """Of the function and options that read a split: SHA-256, 64 digits, or "".

    samples: the split without its entries.
    """
    try:
        values = pickle.dumps((__version__, taxonomy.to_json(), samples))
    except UNPICKLABLE:
        return ""
    return hashlib.sha256(values).hexdigest()


def fingerprint_of_entries(reading: str, entries: Sequence[Any]) -> str:
    """Of these entries, read as `reading` says: SHA-256, 64 digits, or "".

    Files count with their size and time of change, so that corrected ones are read
    again.
    """
    if not reading:
        return ""
    made = hashlib.sha256(reading.encode())
    try:
        for entry in entries:
            made.update(pickle.dumps(entry))
            for path in paths_in(entry):
                status = path.stat()
                made.update(f"{status.st_size} {status.st_mtime_ns}".encode())
    except (*UNPICKLABLE, OSError):
        return ""
    return made.hexdigest()


def paths_in(entry: object) -> list[Path]:
    """The files that an entry names: itself, or in its fields or items."""
    if isinstance(entry, Path):
        return [entry]
    if is_dataclass(entry):
        entry = list(vars(entry).values())
    if isinstance(entry, dict):
        entry = list(entry.values())
    if isinstance(entry, (list, tuple)):
        return [path for part in entry for path in paths_in(part)]
    return []
