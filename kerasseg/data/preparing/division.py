"""Divides the samples of any source into train and val: by share, group or fold.

The samples of train and val are put together and divided anew; test stays. What must
stay together (frames of a drive, a patient) is a group: all of it goes to one side.
Groups are taken in the order of the SHA-256 of their names, so every machine chooses
alike. Folds are alike in the classes of their images (`folds`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import tyro

from kerasseg import UserError
from kerasseg.console.flags import COUNT_OR_0, SEED, Number
from kerasseg.data.preparing.folds import content_of, folds_of
from kerasseg.data.preparing.pool import id_of, pooled
from kerasseg.data.reading.pairing.divide import check_share, in_order_of_hash
from kerasseg.data.reading.pairing.splits import named
from kerasseg.data.sample import Samples

OWN = -1.0
"""`val_share` as the source has it."""
USUAL_SHARE = 0.2
DIVIDED = ("train", "val")


@dataclass(frozen=True)
class Division:
    """How train and val are divided."""

    split_by: Literal["source", "sequence", "name"] = "source"
    """sequence, name: divides train and val anew, by drive or video, or by image."""
    val_share: Annotated[
        float,
        tyro.conf.arg(
            help_behavior_hint="(default: 0.2; none of an official train without val)"
        ),
    ] = OWN
    """Share of the samples for val, where the source has no val or they are divided
    anew; 0: never."""
    need_val: bool = False
    """Take --val-share of an official train without val, too; `train FOLDER` does."""
    group_by: str = ""
    """Regular expression on the samples' names; its first group (a patient, a city)
    stays in one split: --group-by '^(.+?)_'. Divides train and val anew."""
    folds: Annotated[int, Number(0, 10**6)] = 0
    """Number of folds for cross-validation; one of them is val. Divides train and val
    anew."""
    fold: Annotated[int, COUNT_OR_0] = 0
    """Which fold is val, from 0."""
    fold_seed: Annotated[int, SEED] = 0
    """Another seed gives other folds."""

    @property
    def anew(self) -> bool:
        """Whether the source's own train and val do not count."""
        return bool(self.split_by != "source" or self.group_by or self.folds)


def check(division: Division) -> None:
    """Raises UserError for numbers and flags that do not fit together."""
    if division.val_share != OWN:
        check_share(division.val_share)
    if division.folds and division.folds < 2:
        raise UserError(f"--folds must be 2 or more, got {division.folds}.")
    if not 0 <= division.fold < max(division.folds, 1):
        raise UserError(
            f"--fold must be 0 to {max(division.folds, 1) - 1} (with --folds "
            f"{division.folds}), got {division.fold}."
        )
    if division.folds and division.val_share != OWN:
        raise UserError(
            "--folds and --val-share both say how much val gets. Leave one out."
        )
    if division.group_by and division.split_by != "source":
        raise UserError("--group-by already divides anew. Leave out --split-by.")
    try:
        re.compile(division.group_by)
    except re.error as error:
        raise UserError(
            f"--group-by '{division.group_by}' is not a regular expression ({error}). "
            "Correct it."
        ) from error


def divide(
    splits: dict[str, Samples], division: Division, name: str
) -> dict[str, Samples]:
    """The splits as `division` says; a line in their `source` tells what was done.

    name: of the source, for messages.

    Raises UserError for a division that the source does not allow.
    """
    check(division)
    names = named(splits)
    renamed = {old: new for old, new in names.items() if old != new}
    splits = {names[split]: samples for split, samples in splits.items()}
    said = [f"Split {old} is called {new} here." for old, new in renamed.items()]
    others = any(new == "train" and old != "training" for old, new in renamed.items())
    has_val = "val" in splits
    sequences = all(s.sequence for s in _pools(splits)) and bool(_pools(splits))
    share = division.val_share
    if share == OWN:
        lacking = not has_val and (sequences or others or division.need_val)
        usual = division.anew or lacking
        share = USUAL_SHARE if usual else 0.0
    if not division.anew and (has_val or not share):
        if has_val and division.val_share > 0:
            said.append(
                f"--val-share is not used, for {name} has a val of its own; --split-by "
                "name divides anew."
            )
        if "train" in splits and not has_val and division.val_share == OWN:
            said.append(
                "There is no val; --val-share 0.2 takes a part of train for it."
            )
        return _with_line(splits, said)
    pools = _pools(splits)
    if not pools:
        raise UserError(
            f"{name} has no train or val to divide, only {', '.join(splits)}."
        )
    key, kind = _group(splits, division, name)
    entries = [(split, e) for split in DIVIDED for e in _entries(splits, split)]
    groups = [key(split, entry) for split, entry in entries]
    lengths = Counter(groups)
    if division.folds:
        if len(lengths) < division.folds:
            raise UserError(
                f"{name} has {len(lengths)} {kind}, too few for --folds "
                f"{division.folds}. Ask for fewer, or say --split-by name to divide by "
                "image."
            )
        reads = {split: samples.read for split, samples in splits.items()}
        content = content_of(entries, groups, reads)
        chosen = folds_of(content, division.folds, division.fold_seed)[division.fold]
        said.append(
            f"Val is fold {division.fold} of {division.folds}: {len(chosen)} of "
            f"{len(lengths)} {kind}; folds are alike in the classes of their images "
            f"(--fold-seed {division.fold_seed})."
        )
    else:
        chosen = _share(lengths, share, name, kind)
        said.append(
            f"Val: {len(chosen)} of {len(lengths)} {kind}, chosen by the hash of their "
            f"names (--val-share {share:g})."
            if share
            else "No val (--val-share 0)."
        )
    leaks = _groups_of_test(splits, division, name) & set(lengths)
    if leaks:
        said.append(f"Groups of test that train or val has too: {sorted(leaks)[0]}.")
    parts = {
        "train": [e for e, g in zip(entries, groups, strict=True) if g not in chosen],
        "val": [e for e, g in zip(entries, groups, strict=True) if g in chosen],
    }
    divided = {s: pooled(splits, DIVIDED, parts[s]) for s in DIVIDED if parts[s]}
    rest = {s: x for s, x in splits.items() if s not in DIVIDED}
    return _with_line(divided | rest, said)


def _share(lengths: Counter[str], share: float, name: str, kind: str) -> set[str]:
    """The groups for val: in the order of their hash, each that brings val nearer to
    its share of the samples."""
    if not share:
        return set()
    if len(lengths) < 2:
        raise UserError(
            f"{name} has one {kind[:-1]} ({next(iter(lengths))}) and cannot be divided "
            "into train and val. Add another one, or say --val-share 0."
        )
    wanted = share * lengths.total()
    chosen: set[str] = set()
    count = 0
    for group in in_order_of_hash(lengths):
        if abs(count + lengths[group] - wanted) < abs(count - wanted):
            chosen.add(group)
            count += lengths[group]
    shortest = {min(lengths, key=lambda n: (lengths[n], n))}
    if len(chosen) == len(lengths):
        chosen -= shortest  # train needs one
    return chosen or shortest


def _group(
    splits: dict[str, Samples], division: Division, name: str
) -> tuple[Callable[[str, Any], str], str]:
    """The group of an entry of a split, and what such groups are called."""
    pools = splits
    told = all(samples.sequence for samples in _pools(splits))
    if division.group_by:
        regex = re.compile(division.group_by)
        return lambda split, e: _match(regex, id_of(pools[split], e), name), "groups"
    if division.split_by == "sequence" or (division.split_by == "source" and told):
        if not told:
            raise UserError(
                f"{name} does not tell which frames belong to one sequence. Leave out "
                "--split-by sequence; its own splits are taken then. Or name groups "
                "with --group-by."
            )
        sequences = {s: x.sequence for s, x in pools.items() if x.sequence}
        return lambda split, e: sequences[split](e), "sequences"
    return lambda split, e: id_of(pools[split], e), "images"


def _match(regex: re.Pattern[str], text: str, name: str) -> str:
    found = regex.search(text)
    group = (found[1] if regex.groups else found[0]) if found else None
    if not group:
        raise UserError(
            f"--group-by '{regex.pattern}' does not fit the sample '{text}' of {name}. "
            "Every name must fit: its first group (...) says what stays together."
        )
    return group


def _groups_of_test(
    splits: dict[str, Samples], division: Division, name: str
) -> set[str]:
    if not division.group_by or "test" not in splits:
        return set()
    regex = re.compile(division.group_by)
    test = splits["test"]
    return {_match(regex, id_of(test, entry), name) for entry in test.entries}


def _pools(splits: dict[str, Samples]) -> list[Samples]:
    return [splits[split] for split in DIVIDED if split in splits]


def _entries(splits: dict[str, Samples], split: str) -> Sequence[Any]:
    return splits[split].entries if split in splits else ()


def _with_line(splits: dict[str, Samples], said: list[str]) -> dict[str, Samples]:
    if not said:
        return splits
    source = {"division": {"line": " ".join(said)}}
    return {
        split: replace(samples, source={**samples.source, **source})
        for split, samples in splits.items()
    }
