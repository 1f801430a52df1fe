"""Finished shards take their place: a reader finds the old records or the new ones.

A shard that replaces another one gets a name of its own, so nothing of the old records
is touched before `dataset.json` names the new. What was opened before stays whole, too.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from kerasseg.data.format.description import FILE, Description
from kerasseg.data.format.splits import Shard
from kerasseg.data.writing.shards import NOTES
from kerasseg.files import atomic

DIGITS = 8
"""Of the SHA-256 in the name of a shard that replaces another one."""


def name_of_shards(splits: Iterable[str]) -> re.Pattern[str]:
    """Fits the names that shards of these splits may have."""
    known = "|".join(map(re.escape, splits))
    return re.compile(
        rf"(?:{known})-\d+-of-\d+(?P<own>-[0-9a-f]{{{DIGITS}}})?\.tfrecord"
    )


def with_free_names(
    new: Description, old: Description | None, written: Iterable[str]
) -> tuple[Description, dict[str, str]]:
    """The new description with names of shards that no other shard of the old has.

    written: the splits that are new; others keep their shards.

    Returns also for each shard of them its name -> that in the folder aside.
    """
    used = (
        {s.name: s for split in old.splits.values() for s in split.shards}
        if old
        else {}
    )
    asides: dict[str, str] = {}
    splits = dict(new.splits)
    for name in written:
        shards = []
        for shard in splits[name].shards:
            free = _free_name(shard, used)
            asides[free] = shard.name
            shards.append(replace(shard, name=free))
        splits[name] = replace(splits[name], shards=tuple(shards))
    return replace(new, splits=splits), asides


def _free_name(shard: Shard, used: dict[str, Shard]) -> str:
    plain = Path(shard.name)
    if shard.name not in used or used[shard.name].sha256 == shard.sha256:
        return shard.name
    return f"{plain.stem}-{shard.sha256[:DIGITS]}{plain.suffix}"


def install(
    folder: Path,
    out: Path,
    asides: dict[str, str],
    old: Description | None,
    new: Description,
) -> None:
    """Moves what was written aside to where it belongs, `dataset.json` last; then the
    shards of the old records are removed.

    A loss of power in between leaves the old records, too: all is on the disk before
    the file that names it.

    asides: see `with_free_names`.
    """
    for name in [*asides.values(), FILE]:
        atomic.sync(folder / name)
    if not out.exists():
        shutil.rmtree(folder / NOTES)
        folder.rename(out)
        atomic.sync(out.parent)
        return
    for name, aside in asides.items():
        (folder / aside).replace(out / name)
    atomic.sync(out)
    (folder / FILE).replace(out / FILE)
    atomic.sync(out)
    _remove_old(out, old, new)
    shutil.rmtree(folder)


def _remove_old(out: Path, old: Description | None, new: Description) -> None:
    """Shards of the records before, and those that a stopped process left."""
    ours, before = name_of_shards(new.splits), old.shards() if old else set()
    for file in out.iterdir():
        found = ours.fullmatch(file.name)
        if file.name in before or (found and found["own"]):
            if file.name not in new.shards():
                file.unlink(missing_ok=True)
