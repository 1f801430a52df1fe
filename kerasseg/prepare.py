"""`python -m kerasseg.prepare NAME [SRC] OUT`: turns datasets into records."""

import functools
import inspect
import shlex
from collections.abc import Callable
from dataclasses import dataclass, fields, make_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from kerasseg import UserError
from kerasseg.console import command
from kerasseg.data.datasets import DATASETS, adapter
from kerasseg.data.preparing import AND
from kerasseg.files import remote
from kerasseg.taxonomy import Taxonomy


@command
def main(argv: list[str]) -> None:
    if not argv or argv[0] in ("-h", "--help"):
        print(_overview())
        return
    run(argv, shlex.join(["python", "-m", "kerasseg.prepare", *argv]))


def run(argv: list[str], command: str, engine: Callable | None = None) -> None:
    """Does what a command line asks for.

    argv: words after the command's name. command: what the user typed in full.
    engine: see `kerasseg.data.preparing.run.prepare`.

    Raises UserError for a wrong command line or a wrong source.
    """
    sources, target = _parse(argv)
    from kerasseg.data.preparing.run import prepare

    prepare(
        sources,
        target.out,
        target.size,
        target.shards,
        target.taxonomy,
        target.cut,
        target.workers,
        target.on_error,
        command,
        engine,
    )


@dataclass(frozen=True)
class Division:
    """How train and val are divided: options of a source that does not do so itself."""

    split_by: Literal["source", "sequence"] = "source"
    """sequence: divides train and val anew; frames of a drive or video stay in one."""
    val_share: float = 0.2
    """Share of the samples for val, by sequence. Also divides a source that has no val;
    0: never."""


@dataclass(frozen=True)
class Target:
    """The records to write: options that are given once, with the last source."""

    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")]
    """Folder of records to write; replaced if it holds records. SRC and OUT may be
    elsewhere: gs://BUCKET/FOLDER, s3://..."""
    size: tuple[int, int] = (0, 0)
    """Height and width to stretch images and labels to; 0 0 keeps them."""
    cut: tuple[int, int] = (0, 0)
    """Height and width of pieces to cut images into; 0 0 leaves them whole."""
    shards: int = 0
    """Files for each split; 0 chooses."""
    workers: int = 0
    """Processes that write; 0: one for each core. It never changes what is written."""
    on_error: Literal["stop", "skip"] = "stop"
    """What to do with an entry that cannot be used. skip: leave it out and say so."""
    taxonomy: Literal["own", "road"] = "own"
    """Classes to write. own: those of the source. road: the 19 of Cityscapes, to join
    road sets."""


def _parse(argv: list[str]) -> tuple[list[tuple[str, Callable]], Target]:
    """Sources between "+"; the flags of each follow it, those of Target the last."""
    parts: list[list[str]] = [[]]
    for word in argv:
        if word == AND:
            parts.append([])
        else:
            parts[-1].append(word)
    if not all(parts):
        raise UserError(
            f"A dataset is missing before or after {AND}. Write: NAME SRC {AND} NAME "
            "SRC OUT."
        )
    once = {f"--{field.name.replace('_', '-')}" for field in fields(Target)}
    early = [word for part in parts[:-1] for word in part if word.split("=")[0] in once]
    if early:
        raise UserError(
            f"{early[0]} may be given once only: write it after the last source."
        )
    parsed = [
        (part[0], *_parse_source(part[0], part[1:], last=part is parts[-1]))
        for part in parts
    ]
    return [(name, load) for name, load, _ in parsed], parsed[-1][2]


def _parse_source(name: str, flags: list[str], last: bool) -> tuple[Callable, Any]:
    """A function that loads the source, and of the last source its Target, else None.

    A source is asked for what `load` of its adapter takes, then for its Division.
    """
    load = adapter(name)

    @functools.wraps(load)  # tyro reads the options off the signature of `load`
    def later(*args: Any, **options: Any) -> Callable:
        return functools.partial(_loaded, load, *args, **options)

    def flat(
        kind: Any, **options: Any
    ) -> Any:  # flags without the name of their group before them
        return Annotated[kind, tyro.conf.arg(name="", **options)]

    asked: dict[str, Any] = {"source": flat(Callable, constructor=later)}
    if "val_share" not in inspect.signature(load).parameters:
        asked["division"] = flat(Division)
    if last:
        asked["target"] = flat(Target)
    answers = tyro.cli(
        make_dataclass("Asked", asked.items()),
        args=flags,
        prog=f"python -m kerasseg.prepare {name}",
        description=(inspect.getdoc(load) or "").split("Args:")[0].rstrip(),
        config=(tyro.conf.FlagCreatePairsOff,),
    )
    source = answers.source
    if "division" in asked:
        source = functools.partial(_divided, name, source, answers.division)
    return source, answers.target if last else None


def _loaded(load: Callable, *args: Any, **options: Any) -> tuple[Taxonomy, dict]:
    """What `load` gives; files elsewhere (gs://...) are fetched first."""

    def local(value: Any) -> Any:
        return remote.fetched(value) if isinstance(value, Path) else value

    return load(*map(local, args), **{k: local(v) for k, v in options.items()})


def _divided(name: str, load: Callable, division: Division) -> tuple[Taxonomy, dict]:
    """What `load` gives, with train and val divided by sequence if need be."""
    from kerasseg.data.preparing.by_sequence import divide_by_sequence

    taxonomy, splits = load()
    without_val = "train" in splits and "val" not in splits
    divisible = without_val and splits["train"].sequence is not None
    if division.split_by == "sequence" or (divisible and division.val_share):
        splits = divide_by_sequence(splits, division.val_share, name)
    return taxonomy, splits


def _overview() -> str:
    width = max(map(len, DATASETS)) + 2
    names = "\n".join(f"  {name:{width}}{what}" for name, what in DATASETS.items())
    return f"""\
usage: python -m kerasseg.prepare NAME [SRC] [+ NAME [SRC] ...] OUT [options]

Turns datasets into records: sharded TFRecord files and dataset.json.

{names}

Several sources between + become one folder of records. They need the same classes, or
--taxonomy road, which maps road scenes to the 19 classes of Cityscapes:

  python -m kerasseg.prepare cityscapes A + camvid B --classes 32 OUT --taxonomy road

python -m kerasseg.prepare NAME --help shows the options of NAME. Those of a source
follow it; those of OUT are given once, with the last source."""


if __name__ == "__main__":
    main()
