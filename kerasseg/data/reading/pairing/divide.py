"""Division into train and val by the hash of names: the same on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from kerasseg import UserError

Entry = TypeVar("Entry")


def check_share(share: float) -> None:
    """Raises UserError for a share of val that is not in [0, 1)."""
    if not 0 <= share < 1:
        raise UserError(f"--val-share must be at least 0 and below 1, got {share}.")


def in_order_of_hash(names: Iterable[str], before: str = "") -> list[str]:
    """The different names, sorted by the SHA-256 of `before` and the name."""

    def key(name: str) -> bytes:
        return hashlib.sha256(f"{before}{name}".encode()).digest()

    return sorted(set(names), key=key)


def divide(
    entries: Sequence[Entry], share: float, name: Callable[[Entry], str]
) -> dict[str, list[Entry]]:
    """Splits train and val of `entries`, in their order; only train if `share` is 0.

    `name(entry)`: what must stay together (a patient, a car) has one name. Whole names
    go to val, in the order of their SHA-256, until val holds `share` of the names.

    Raises UserError for a share outside [0, 1), and for too few names to divide.
    """
    check_share(share)
    if not share:
        return {"train": list(entries)}
    names = in_order_of_hash(name(e) for e in entries)
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
