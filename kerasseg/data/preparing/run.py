"""From sources to a folder of records: classes joined, images resized or cut, written.

What `python -m kerasseg.prepare` does once its command line is understood.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from kerasseg import UserError
from kerasseg.console import counted, say, start_tensorflow
from kerasseg.data.format.description import Description, images_line
from kerasseg.data.preparing import AND, road
from kerasseg.data.preparing.join import Source, join, map_classes
from kerasseg.data.sample import Sample, Samples, masked
from kerasseg.data.writing.splits import TRAIN, write_splits
from kerasseg.data.writing.tiling import TiledSamples

WHOLLY = 1 - 1e-4
"""A share of 1, but for rounding."""


def prepare(
    sources: list[tuple[str, Callable[[], Source]]],
    out: Path,
    size: tuple[int, int] = (0, 0),
    shards: int = 0,
    taxonomy: Literal["own", "road"] = "own",
    cut: tuple[int, int] = (0, 0),
    workers: int = 0,
    on_error: Literal["stop", "skip"] = "stop",
    command: str = "",
    engine: Callable | None = None,
) -> None:
    """Writes all splits of the sources as records into the folder `out`; says so.

    sources: name of each and a function that gives its classes and splits.
    size: height and width to bring images and labels to; (0, 0) keeps them, and with
        them the source's own encoded bytes.
    taxonomy: "own" classes of the sources, or "road" (kerasseg.data.preparing.road).
    cut: height and width of the pieces to cut images into
        (kerasseg.data.writing.tiling); (0, 0) leaves them whole.
    workers, on_error, command, engine: see `kerasseg.data.writing.splits.write_splits`.

    Raises UserError for wrong numbers, for sources that cannot be read or joined, and
    for an `out` that holds something else.

    Says before it writes what images are, and how the sources were understood.
    """
    for flag, pair in (("--size", size), ("--cut", cut)):
        if tuple(pair) != (0, 0) and min(pair) < 1:
            raise UserError(f"{flag} must be two numbers above 0, or 0 0; got {pair}.")
    for flag, number in (("--shards", shards), ("--workers", workers)):
        if number < 0:
            raise UserError(f"{flag} must be 0 or more, got {number}.")
    classes, splits = join(
        [(name, _loaded(name, load, taxonomy)) for name, load in sources]
    )
    for flag, pair in (("--size", size), ("--cut", cut)):
        if tuple(pair) != (0, 0) and any(s.volume for s in splits.values()):
            raise UserError(
                f"{flag} is for pictures. Volumes keep their voxels, or take those of "
                "--spacing Z Y X; patches are cut out of them in training."
            )
    if tuple(size) != (0, 0):
        splits = {
            split: replace(s, read=partial(_resized, s.read, size))
            for split, s in splits.items()
        }
    said = understanding(splits)
    if not any("almost the same name" in line for line in said):  # by the source itself
        said += classes.alike()
    say("\n".join(said))
    written: dict[str, Samples | TiledSamples | Iterable[Sample]] = dict(splits)
    if tuple(cut) != (0, 0):
        written = {split: TiledSamples(s, cut) for split, s in splits.items()}
    description = write_splits(
        written,
        out,
        taxonomy=classes,
        name=AND.join(name for name, _ in sources),
        shards=shards,
        workers=workers,
        on_error=on_error,
        command=command,
        engine=engine,
    )
    say(summary(description))
    stayed = [name for name in description.splits if name not in splits]
    if stayed:
        counts = [f"{name} ({description.splits[name].samples})" for name in stayed]
        say(
            f"Warning: {out} held records before, and what was not written now stays: "
            f"{', '.join(counts)}. If it holds images that are in another split now, "
            "its score is worth nothing: delete the folder, and write all anew.",
            sys.stderr,
        )


def understanding(splits: dict[str, Samples]) -> list[str]:
    """Lines for the terminal: what images are, and each text "line" in the sources."""
    lines = [images_line(samples.image_format) for samples in splits.values()][:1]
    lines += [f"volumes: {s.volume}" for s in splits.values() if s.volume][:1]
    for samples in splits.values():
        lines += _lines(samples.source)
    return list(dict.fromkeys(lines))


def _lines(values: Any) -> list[str]:
    if not isinstance(values, Mapping):
        return []
    own = [values["line"]] if isinstance(values.get("line"), str) else []
    return own + [line for value in values.values() for line in _lines(value)]


def summary(description: Description) -> str:
    """Lines for the terminal: samples, sizes and files of each split, and what was
    left out."""
    lines = [f"{description.path}: {description.taxonomy.counted()}"]
    source = description.statistics_of
    if source and source != TRAIN:
        lines.append(
            f"  The values of the bands were counted in '{source}', for there is no "
            f"split '{TRAIN}'."
        )
    for split, counts in description.splits.items():
        sides = (counts.depth, counts.height, counts.width)
        known = [str(side) for side in sides if side]
        pixels = " x ".join(known) if known else "several sizes"
        megabytes = sum(shard.bytes for shard in counts.shards) / 1e6
        lines.append(
            f"  {split:8}{counted(counts.samples, 'sample', 7)}, {pixels}, "
            f"{megabytes:.1f} MB in {counted(len(counts.shards), 'shard')}"
        )
        if counts.left_out:
            one = len(counts.left_out) == 1
            what = "entry was" if one else "entries were"
            lines.append(f"  {split:8}{len(counts.left_out):7} {what} left out:")
            lines += [f"    {reason}" for reason in counts.left_out]
    return "\n".join(lines)


def _loaded(name: str, load: Callable[[], Source], taxonomy: str) -> Source:
    source = load()
    if taxonomy == "road":
        if not source[0].exclusive:
            raise UserError(
                f"{name} has classes that overlap; those of --taxonomy road exclude "
                "each other. Leave one of the two out."
            )
        say(road.line(name, source[0]))
        return map_classes(source, road.lookup_table(name, source[0]), road.TAXONOMY)
    return source


def _resized(
    read: Callable[[Any], Sample], size: tuple[int, int], entry: Any
) -> Sample:
    """The sample of an entry, stretched by the one resize of training and serving."""
    start_tensorflow()
    from kerasseg.data.resize import resize_image, resize_label

    sample = read(entry)
    if sample.label.shape[:2] == tuple(size):
        return sample
    sample = masked(sample)
    valid, instance = sample.valid, sample.instance
    if valid is not None:  # only where no pixel that is not takes part
        share = resize_image(valid[..., None].astype(np.float32), size).numpy()
        valid = share[..., 0] > WHOLLY
    return replace(
        sample,
        image=resize_image(sample.image, size).numpy(),
        label=resize_label(sample.label, size).numpy(),
        instance=None if instance is None else resize_label(instance, size).numpy(),
        encoded=b"",
        valid=valid,
    )
