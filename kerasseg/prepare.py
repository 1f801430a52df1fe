"""`python -m kerasseg.prepare NAME [SRC] OUT`: turns a dataset into records."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from kerasseg.command import command
from kerasseg.data.datasets import DATASETS, Samples, adapter
from kerasseg.data.sample import Sample
from kerasseg.quiet import start_tensorflow


@command
def main(argv: list[str] | None = None) -> None:
    if not argv or argv[0] in ("-h", "--help"):
        print(_overview())
        return
    name, *flags = argv
    source, target = _parse(name, adapter(name), flags)
    prepare(name, source, target.out, target.size, target.shards)


def prepare(
    name: str,
    source: Callable,
    out: Path,
    size: tuple[int, int] = (0, 0),
    shards: int = 0,
) -> None:
    """Writes all splits that `source()` gives as records into the folder `out`.

    size: height and width to bring images and labels to; (0, 0) keeps them, and with
        them the source's own encoded bytes.
    """
    if tuple(size) != (0, 0) and min(size) < 1:
        raise ValueError(f"--size must be two numbers above 0, or 0 0; got {size}.")
    if shards < 0:
        raise ValueError(f"--shards must be 0 or more, got {shards}.")
    taxonomy, splits = source()
    start_tensorflow()
    from kerasseg.data import records

    if tuple(size) != (0, 0):
        splits = {
            split: Samples(samples.entries, functools.partial(_resized, samples, size))
            for split, samples in splits.items()
        }
    description = records.write_splits(
        splits, out, taxonomy=taxonomy, name=name, shards=shards
    )
    print(f"{description.path}: {taxonomy.num_classes} classes")
    for split, counts in description.splits.items():
        pixels = (
            f"{counts.height} x {counts.width}" if counts.height else "several sizes"
        )
        megabytes = sum(shard.bytes for shard in counts.shards) / 1e6
        print(
            f"  {split:8}{counts.samples:7} samples, {pixels}, {megabytes:.1f} MB in "
            f"{len(counts.shards)} shards"
        )


def _resized(samples: Samples, size: tuple[int, int], entry) -> Sample:
    """The sample of an entry, stretched by the one resize of training and serving."""
    from kerasseg.data.resize import resize_image, resize_label

    sample = samples.read(entry)
    if sample.label.shape == tuple(size):
        return sample
    instance = sample.instance
    return Sample(
        sample.id,
        resize_image(sample.image, size).numpy(),
        resize_label(sample.label, size).numpy(),
        None if instance is None else resize_label(instance, size).numpy(),
        sequence=sample.sequence,
    )


@dataclass(frozen=True)
class Target:
    """What every dataset is asked."""

    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")]
    """Folder of records to write; replaced if it holds records."""
    size: tuple[int, int] = (0, 0)
    """Height and width to stretch images and labels to; 0 0 keeps them."""
    shards: int = 0
    """Files for each split; 0 chooses."""


def _parse(name: str, load: Callable, flags: list[str]) -> tuple[Callable, Target]:
    """The command line of an adapter: what `load` takes, then what all are asked."""

    @functools.wraps(load)  # tyro reads the options off the signature of `load`
    def later(*args, **options):
        return functools.partial(load, *args, **options)

    def both(
        source: Annotated[Callable, tyro.conf.arg(name="", constructor=later)],
        target: Annotated[Target, tyro.conf.arg(name="")],
    ) -> tuple[Callable, Target]:
        return source, target

    return tyro.cli(
        both,
        args=flags,
        prog=f"python -m kerasseg.prepare {name}",
        description=inspect.getdoc(load).split("Args:")[0].rstrip(),
        config=(tyro.conf.FlagCreatePairsOff,),
    )


def _overview() -> str:
    names = "\n".join(f"  {name:12}{what}" for name, what in DATASETS.items())
    return (
        "usage: python -m kerasseg.prepare NAME [SRC] OUT [options]\n\n"
        "Turns a dataset into records: sharded TFRecord files and dataset.json.\n\n"
        f"{names}\n\npython -m kerasseg.prepare NAME --help tells the options of NAME."
    )


if __name__ == "__main__":
    main()
