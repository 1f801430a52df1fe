"""Validation samples chosen by the hash of a name: the same on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from kerasseg import UserError


def divide(
    entries: Sequence[Any], share: float, name: Callable[[Any], str]
) -> dict[str, list]:
    """Splits train and val of `entries`, in their order; only train if `share` is 0.

    `name(entry)`: what may not be parted (a patient, a car) has one name. Whole names
    go to val, in the order of their SHA-256, until val holds `share` of the names.
    """
    if not 0 <= share < 1:
        raise UserError(f"--val-share must be at least 0 and below 1, got {share}.")
    if not share:
        return {"train": list(entries)}
    names = sorted(
        {name(e) for e in entries}, key=lambda n: hashlib.sha256(n.encode()).digest()
    )
    count = max(1, round(share * len(names)))
    if count >= len(names):
        raise UserError(
            f"{len(names)} images (or groups of them) cannot be divided into train and "
            f"val with a share of {share}. Add some, or say --val-share 0 for no val "
            "split."
        )
    chosen = set(names[:count])
    return {
        "train": [e for e in entries if name(e) not in chosen],
        "val": [e for e in entries if name(e) in chosen],
    }
