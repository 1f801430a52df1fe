"""Validation splits of whole sequences, so that neighbouring frames stay together.

Frames of one drive look alike: divided at random, val would hold what train has seen,
and its scores would say nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from kerasseg import UserError
from kerasseg.data.reading.divide import check_share, in_order_of_hash
from kerasseg.data.sample import Samples

DIVIDED = ("train", "val")
"""Splits that are divided anew; others stay."""


def divide_by_sequence(
    splits: dict[str, Samples], share: float, name: str = "The source"
) -> dict[str, Samples]:
    """Divides the samples of train and val anew; other splits stay as they are.

    share: of the samples that go to val, as nearly as whole sequences allow. Sequences
    are taken in the order of the SHA-256 of their names, each that brings val nearer to
    its share: the same on every machine. 0 leaves all in train.

    What `read` of train reads must also read the entries of val.

    Raises UserError for a share outside [0, 1), and for a source that does not tell
    sequences or has only one.
    """
    check_share(share)
    pools = [splits[split] for split in DIVIDED if split in splits]
    sequence = pools[0].sequence if pools else None
    if sequence is None or any(pool.sequence is None for pool in pools):
        raise UserError(
            f"{name} does not tell which frames belong to one sequence. Leave out "
            "--split-by sequence; its own splits are taken then."
        )
    entries = [entry for pool in pools for entry in pool.entries]
    lengths = Counter(sequence(entry) for entry in entries)
    chosen = _choose(lengths, share) if share else set()
    if share and len(lengths) < 2:
        raise UserError(
            f"{name} has one sequence ({next(iter(lengths))}) and cannot be divided "
            "into train and val. Add another drive, or say --val-share 0."
        )
    parts = {
        "train": [e for e in entries if sequence(e) not in chosen],
        "val": [e for e in entries if sequence(e) in chosen],
    }
    others = {split: splits[split] for split in splits if split not in DIVIDED}
    divided = {s: replace(pools[0], entries=parts[s]) for s in DIVIDED if parts[s]}
    return divided | others


def _choose(lengths: Counter[str], share: float) -> set[str]:
    """The sequences for val; lengths: samples of each sequence."""
    wanted = share * lengths.total()
    chosen: set[str] = set()
    count = 0
    for name in in_order_of_hash(lengths):
        if abs(count + lengths[name] - wanted) < abs(count - wanted):
            chosen.add(name)
            count += lengths[name]
    shortest = {min(lengths, key=lambda n: (lengths[n], n))}
    if len(chosen) == len(lengths):
        chosen -= shortest  # train needs one
    return chosen or shortest
