"""`python -m kerasseg.prepare NAME [SRC] OUT`: turns datasets into records."""

import functools
import inspect
import shlex
import textwrap
from collections.abc import Callable
from dataclasses import fields, make_dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from kerasseg import UserError
from kerasseg.console import IN_HELP, command
from kerasseg.console.flags import check_values, parse
from kerasseg.data.datasets import DATASETS, adapter
from kerasseg.data.preparing import AND
from kerasseg.data.preparing.classes import ClassChoice, choose, refuse_one_class
from kerasseg.data.preparing.division import OWN, Division, check, divide
from kerasseg.data.preparing.words import Target, recognised
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
    parts = [recognised(part) for part in parts]
    parsed = [
        (part[0], *_parse_source(part[0], part[1:], last=part is parts[-1]))
        for part in parts
    ]
    target = parsed[-1][2]
    return [(name, functools.partial(load, target)) for name, load, _ in parsed], target


FROM_OTHERS = {"val_share", "on_error", "cut"}
"""What `load` of an adapter may take that is no flag of its own: it is given what
`Division` and `Target` say."""


def _parse_source(name: str, flags: list[str], last: bool) -> tuple[Callable, Any]:
    """A function of the Target that loads the source; of the last source its Target,
    else None.

    A source is asked for what `load` of its adapter takes, then for its Division and
    its ClassChoice.
    """
    load = adapter(name)
    signature = inspect.signature(load)
    taken = FROM_OTHERS & set(signature.parameters)

    @functools.wraps(load)  # tyro reads the options off the signature of `load`
    def later(*args: Any, **options: Any) -> Callable:
        return functools.partial(_loaded, load, *args, **options)

    own = [p for p in signature.parameters.values() if p.name not in FROM_OTHERS]
    later.__signature__ = signature.replace(parameters=own)  # type: ignore[attr-defined]

    def flat(
        kind: Any, **options: Any
    ) -> Any:  # flags without the name of their group before them
        return Annotated[kind, tyro.conf.arg(name="", **options)]

    asked: dict[str, Any] = {
        "source": flat(Callable, constructor=later),
        "division": flat(Division),
        "classes": flat(ClassChoice),
    }
    if last:
        asked["target"] = flat(Target)
    answers: Any = parse(
        make_dataclass("Asked", asked.items()),
        flags,
        f"python -m kerasseg.prepare {name}",
        function=load,
        description=(inspect.getdoc(load) or "").split("Args:")[0].rstrip(),
    )
    given = signature.bind_partial(*answers.source.args[1:], **answers.source.keywords)
    check_values(load, given.arguments)
    source = functools.partial(
        _as_asked, name, answers.source, taken, answers.division, answers.classes
    )
    return source, answers.target if last else None


def _loaded(load: Callable, *args: Any, **options: Any) -> tuple[Taxonomy, dict]:
    """What `load` gives; files elsewhere (gs://...) are fetched first."""

    def local(value: Any) -> Any:
        return remote.fetched(value) if isinstance(value, Path) else value

    return load(*map(local, args), **{k: local(v) for k, v in options.items()})


def _as_asked(
    name: str,
    load: Callable,
    taken: set[str],
    division: Division,
    choice: ClassChoice,
    target: Target,
) -> tuple[Taxonomy, dict]:
    """What `load` gives, with the classes that are chosen and divided as asked.

    taken: which of `FROM_OTHERS` it takes.
    """
    check(division)
    options: dict[str, Any] = {}
    if "on_error" in taken:
        options["on_error"] = target.on_error
    if "cut" in taken:
        if tuple(target.size) != (0, 0):
            raise UserError(
                f"--size does not go with {name}, which cuts. gdalwarp -tr changes the "
                "resolution."
            )
        options["cut"] = target.cut
    if "val_share" in taken:
        if division.anew:
            options["val_share"] = 0.0
        elif division.val_share != OWN:
            options["val_share"] = division.val_share
            division = replace(division, val_share=OWN)
    taxonomy, splits = load(**options)
    if division.anew or "val_share" not in taken:
        splits = divide(splits, division, name)
    taxonomy, splits = choose(taxonomy, splits, choice)
    if target.taxonomy == "own":
        refuse_one_class(name, taxonomy, choice)
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
follow it; those of OUT are given once, with the last source.

{textwrap.fill(IN_HELP, 80)}"""


if __name__ == "__main__":
    main()
