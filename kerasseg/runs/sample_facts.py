"""What records tell of their samples beside pixels: names, groups and sizes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kerasseg import UserError

FEATURES = "image/filename", "image/sequence", "image/height", "image/width"


@dataclass(frozen=True)
class Facts:
    """Of one sample. group: the drive, video or patient it comes from, "" where
    unknown. size: height and width as they are stored, pixels; (0, 0): unknown."""

    name: str
    group: str = ""
    size: tuple[int, int] = (0, 0)


def facts_of(records: str | Path, split: str, group_by: str = "") -> Iterator[Facts]:
    """The facts of each sample of a split, in the order of `kerasseg.data.pipeline`.

    group_by: a regular expression on the names, of which the first group says what
    belongs together, as `prepare --group-by`; "": the records' own sequences.

    Raises UserError for an expression that is none, or that does not fit a name.
    """
    import tensorflow as tf

    from kerasseg.data import records as shards

    grouped = group_of(group_by, records)
    paths = [str(path) for path in shards.shard_paths(records, split)]
    wanted = {name: shards.FEATURES[name] for name in FEATURES}
    read = tf.data.TFRecordDataset(paths)
    for one in read.map(lambda text: tf.io.parse_single_example(text, wanted)):
        name, sequence, height, width = (one[key].numpy() for key in FEATURES)
        name = name.decode(errors="replace")
        group = sequence.decode(errors="replace")
        if group_by:
            group = grouped(name)
        yield Facts(name, group, (int(height), int(width)))


def group_of(group_by: str, records: str | Path = "the split") -> Callable[[str], str]:
    """A function: name of a sample -> the group that it belongs to, see `facts_of`.

    Raises UserError for an expression that is none; the function where it does not fit.
    """
    try:
        regex = re.compile(group_by)
    except re.error as error:
        raise UserError(
            f"--group-by '{group_by}' is not a regular expression ({error}). Correct "
            "it."
        ) from error
    return lambda name: _group(regex, name, records)


def _group(regex: re.Pattern[str], name: str, records: str | Path) -> str:
    found = regex.search(name)
    group = (found[1] if regex.groups else found[0]) if found else None
    if not group:
        raise UserError(
            f"--group-by '{regex.pattern}' does not fit the sample '{name}' of "
            f"{records}. Every name must fit: its first group (...) says what belongs "
            "together."
        )
    return group
