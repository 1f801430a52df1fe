"""Chooses classes of a source: some kept, some left to ignore, some made one.

Works on any source, by a table from old ids to new ones. Object ids stay. Where classes
overlap, one that is not kept is asked of no pixel, and a merged one is where any of its
parts is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kerasseg import UserError
from kerasseg.data.preparing.join import combine_classes, map_classes
from kerasseg.data.reading.pairing.names import nearest
from kerasseg.data.sample import Samples
from kerasseg.taxonomy import Taxonomy, ignore_of, label_type

REST = "*"
"""In --merge: all classes that are named nowhere else."""


@dataclass(frozen=True)
class ClassChoice:
    """Which classes are written. Merging comes first, so that --keep and --drop may
    name a class that it makes."""

    merge: tuple[str, ...] = ()
    """Classes to make one of: --merge NEW=A,B,C; NEW='*': all that are named nowhere
    else, as in --merge rest='*' --keep rest car."""
    keep: tuple[str, ...] = ()
    """Classes to write; pixels of all others are ignored."""
    drop: tuple[str, ...] = ()
    """Classes whose pixels are ignored."""
    region: tuple[str, ...] = ()
    """Regions to ask for in place of the classes, of which one may lie in another:
    --region whole=edema,core core=core. Each is asked for itself."""


def choose(
    taxonomy: Taxonomy, splits: dict[str, Samples], choice: ClassChoice
) -> tuple[Taxonomy, dict[str, Samples]]:
    """The source with the classes that are chosen, in the order it has them.

    A merged class stands where the first of its parts stood, in the colour of the one
    that is named first.

    Raises UserError for names that are no class, and for flags that do not fit.
    """
    if choice == ClassChoice():
        return taxonomy, splits
    if choice.region:
        return _regions(taxonomy, splits, choice)
    if taxonomy.exclusive:
        chosen, table, line = lookup_table(taxonomy, choice)
        _, mapped = map_classes((taxonomy, splits), table, chosen)
    else:
        made = _chosen(taxonomy, choice)
        chosen, line = made.taxonomy, _line(taxonomy, made, "left out")
        _, mapped = combine_classes((taxonomy, splits), made.parts, chosen)
    return chosen, {
        split: replace(samples, source={**samples.source, "classes": {"line": line}})
        for split, samples in mapped.items()
    }


def _regions(
    taxonomy: Taxonomy, splits: dict[str, Samples], choice: ClassChoice
) -> tuple[Taxonomy, dict[str, Samples]]:
    """The source with --region as its classes, which overlap."""
    if replace(choice, region=()) != ClassChoice():
        raise UserError(
            "--region says all classes that are written. Leave out --keep, --drop and "
            "--merge."
        )
    parts = {}
    for text in choice.region:
        name, listed = _named_parts(text, "--region")
        if name in parts:
            raise UserError(f"--region says {name} twice. Write all its parts at once.")
        for part in listed:
            _known(part, taxonomy.names, "--region")
        parts[name] = tuple(map(taxonomy.names.index, dict.fromkeys(listed)))
    colours = dict(zip(taxonomy.names, taxonomy.colours, strict=True))
    shown = Taxonomy.named(tuple(parts)).colours
    chosen = Taxonomy(
        tuple(parts),
        tuple(colours.get(n, c) for n, c in zip(parts, shown, strict=True)),
        exclusive=False,
    )
    _, made = combine_classes((taxonomy, splits), tuple(parts.values()), chosen)
    said = [
        f"{name} is {_some([taxonomy.names[i] for i in listed])}"
        for name, listed in parts.items()
    ]
    line = f"Regions, each asked for itself: {'; '.join(said)}."
    return chosen, {
        split: replace(s, source={**s.source, "classes": {"line": line}})
        for split, s in made.items()
    }


def lookup_table(
    taxonomy: Taxonomy, choice: ClassChoice
) -> tuple[Taxonomy, np.ndarray, str]:
    """The classes, the new id of each old one, and what is said of it.

    Raises UserError as `choose` does.
    """
    made = _chosen(taxonomy, choice)
    count = made.taxonomy.num_classes
    table = np.full(taxonomy.ignore + 1, ignore_of(count), label_type(count))
    for new, parts in enumerate(made.parts):
        table[list(parts)] = new
    return made.taxonomy, table, _line(taxonomy, made, "ignored")


@dataclass(frozen=True)
class _Chosen:
    """The classes that are chosen.

    parts: the ids of the source's classes that each is made of. merged: their names, of
    those that are made of several. left: names of those that are not chosen.
    """

    taxonomy: Taxonomy
    parts: tuple[tuple[int, ...], ...]
    merged: dict[str, list[str]]
    left: list[str]


def _chosen(taxonomy: Taxonomy, choice: ClassChoice) -> _Chosen:
    merged = _merged(taxonomy.names, choice)
    new_name = {part: new for new, parts in merged.items() for part in parts}
    names = list(dict.fromkeys(new_name.get(name, name) for name in taxonomy.names))
    if choice.keep and choice.drop:
        raise UserError("--keep and --drop say the same in two ways. Give one of them.")
    for flag, asked in ("--keep", choice.keep), ("--drop", choice.drop):
        for name in asked:
            _known(name, names, flag)
    if choice.keep:
        kept = [name for name in names if name in choice.keep]
    else:
        kept = [name for name in names if name not in choice.drop]
    if not kept:
        raise UserError("--drop leaves no class. Leave two or more.")
    parts: dict[str, list[int]] = {name: [] for name in kept}
    for old, name in enumerate(taxonomy.names):
        if new_name.get(name, name) in parts:
            parts[new_name.get(name, name)].append(old)
    colours = dict(zip(taxonomy.names, taxonomy.colours, strict=True))
    colours |= {new: colours[parts[0]] for new, parts in merged.items()}
    shown = tuple(colours[name] for name in kept)
    return _Chosen(
        Taxonomy(tuple(kept), shown, taxonomy.exclusive),
        tuple(map(tuple, parts.values())),
        merged,
        [name for name in names if name not in kept],
    )


def _line(taxonomy: Taxonomy, made: _Chosen, what: str) -> str:
    said = [f"{new} is {_some(parts)}" for new, parts in made.merged.items()]
    said += [f"{what} are {_some(made.left)}"] if made.left else []
    return (
        f"Classes: {made.taxonomy.num_classes} of {taxonomy.num_classes}; "
        f"{'; '.join(said)}."
    )


def _merged(names: Sequence[str], choice: ClassChoice) -> dict[str, list[str]]:
    """The parts of each new class."""
    merged: dict[str, list[str]] = {}
    of: dict[str, str] = {}
    rest = ""
    for text in choice.merge:
        new, listed = _named_parts(text, "--merge")
        if new in merged or new == rest:
            raise UserError(f"--merge makes {new} twice. Write all its parts at once.")
        if listed == [REST]:
            rest = new
            continue
        for part in listed:
            _known(part, names, "--merge")
            if part in of:
                raise UserError(f"--merge puts {part} into {of[part]} and into {new}.")
            of[part] = new
        merged[new] = list(dict.fromkeys(listed))
    if rest:
        used = set(of) | {name for name in (*choice.keep, *choice.drop) if name != rest}
        merged[rest] = [name for name in names if name not in used]
        if not merged[rest]:
            raise UserError(f"--merge {rest}='*': every class is named elsewhere.")
    for new, parts in merged.items():
        if new in names and new not in parts and new not in of:
            raise UserError(
                f"--merge {new}=...: {new} is a class already. Name it among the "
                f"parts ({new}={new},{','.join(parts)}), or choose another name."
            )
    return merged


def _named_parts(text: str, flag: str) -> tuple[str, list[str]]:
    """ "NEW=A,B,C" as NEW and its parts."""
    new, equals, after = text.partition("=")
    listed = [part.strip() for part in after.split(",") if part.strip()]
    if not (new.strip() and equals and listed):
        raise UserError(f"Expected {flag} NEW=A,B,C, got '{text}'.")
    return new.strip(), listed


def _known(name: str, names: Sequence[str], flag: str) -> None:
    if name in names:
        return
    close = nearest(name, names)
    hint = f" The nearest is {close}." if close else f" Classes: {_some(names)}."
    raise UserError(f"{flag} {name}: no class is called that.{hint}")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (
        f" and {len(names) - 12}" if len(names) > 12 else ""
    )


def refuse_one_class(name: str, taxonomy: Taxonomy, choice: ClassChoice) -> None:
    """Raises UserError, with the cause, for a source that ends with one class."""
    if taxonomy.num_classes > 1 or not taxonomy.exclusive:
        return
    only = taxonomy.names[0]
    cause = (
        "--keep, --drop and --merge leave no other. Keep one more, or make the others "
        "one with --merge rest='*'"
        if choice != ClassChoice()
        else "Every pixel of its masks means this one, or is ignored. If masks hold 0 "
        "and 255, probabilities or transparency, say so (--binary, --threshold, "
        "--alpha); if black means background, name it in the legend"
    )
    raise UserError(
        f"{name} ends with one class, {only}: there is nothing to learn. {cause}."
    )
