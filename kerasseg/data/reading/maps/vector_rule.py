"""Which class the features of map files are: by a field, or all of them one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from kerasseg import UserError
from kerasseg.data.reading.drawn.polygons import BACKGROUND
from kerasseg.data.reading.legends.legend import Legend
from kerasseg.data.reading.legends.legend_entry import is_ignored
from kerasseg.data.reading.maps.vectors import (
    VectorRule,
    features_of,
    layer_of,
    refuse_others,
)
from kerasseg.data.reading.masks.class_table import limited, listed
from kerasseg.taxonomy import Taxonomy


def rule(
    files: Sequence[Path],
    attribute: str,
    binary: bool,
    layer: str,
    legend: Legend,
    ignore_uncovered: bool,
) -> VectorRule:
    """What the features of all files mean.

    Raises UserError for fields, layers and classes that are not there, where it is not
    said what features are, and for geometries other than polygons; MissingPackage.
    """
    if attribute and binary:
        raise UserError("--attribute and --binary say two things. Leave one out.")
    texts: Counter[str] = Counter()
    systems: set[str] = set()
    nothing: list[Path] = []
    without = empty = 0
    for file in files:
        chosen, fields = layer_of(file, layer)
        polygons, _, system = features_of(file, chosen, "")
        if not len(polygons):  # a place where nothing is, and then no field either
            nothing.append(file)
            continue
        if not attribute and not binary and fields:
            raise UserError(
                f"{file} has the fields {listed(fields)}: say --attribute FIELD for "
                "the one that names the class, or --binary if all features are one "
                "class."
            )
        if attribute and attribute not in fields:
            raise UserError(
                f"{file} has no field '{attribute}'; it has {listed(fields) or 'none'}."
            )
        _, found, _ = features_of(file, chosen, attribute)
        systems.add(system)
        refuse_others(file, polygons)
        empty += sum(polygon is None or polygon.is_empty for polygon in polygons)
        if attribute:
            without += int((found == "").sum())
            texts.update(found[found != ""].tolist())
    named = [
        system if len(system) < 30 else "a system of their own" for system in systems
    ]
    notes = [f"features in {listed(sorted(filter(None, named)))}"] if any(named) else []
    if "" in systems:
        notes.append("features without a coordinate system count in the images' own")
    if len(nothing) == len(files):
        raise UserError(f"{files[0]} and all others hold no feature. Name other files.")
    if nothing:
        notes.append(f"{len(nothing)} files hold no feature, such as {nothing[0].name}")
    if empty:
        notes.append(f"{empty} features without a geometry are left out")
    if without:
        notes.append(f"{without} features without '{attribute}' are ignored")
    names, codes = _classes(texts, attribute, legend, ignore_uncovered)
    ignored = [text for text, class_id in codes.items() if class_id == names.ignore]
    if ignored:
        notes.append(f"ignored: {listed(ignored)}")
    back = max(_background(names), 0)
    notes.append(
        f"where no feature is: {'ignored' if ignore_uncovered else names.names[back]} "
        "(--uncovered)"
    )
    only = 0 if ignore_uncovered else 1 - min(back, 1)
    uncovered = names.ignore if ignore_uncovered else back
    return VectorRule(
        names,
        layer,
        attribute,
        tuple(sorted(codes.items())),
        only,
        uncovered,
        tuple(notes),
    )


def _classes(
    texts: Iterable[str], attribute: str, legend: Legend, ignore_uncovered: bool
) -> tuple[Taxonomy, dict[str, int]]:
    """The classes, background first where pixels without a feature are one, and the id
    of each text."""
    found = sorted(texts, key=lambda text: (not _number(text), _value(text), text))
    first = [] if ignore_uncovered else ["background"]
    if not attribute:
        names = legend.names or (*first, "foreground")
        if len(names) != len(first) + 1:
            raise UserError(
                f"{legend.file} names {len(names)} classes; features are one class"
                f"{' and background the other' if first else ''}."
            )
        colours = legend.colours or Taxonomy.named(names).colours
        return Taxonomy(names, colours), {}
    if legend.names:
        return _by_legend(found, legend, ignore_uncovered)
    named = [text for text in found if not is_ignored(text)]
    limited(len(named) + len(first))
    back = [text for text in named if text.casefold() in BACKGROUND]
    rest = [text for text in named if text not in back]
    names = tuple(
        [*(first or back[:1]), *(f"class_{t}" if _number(t) else t for t in rest)]
    )
    if not names:
        raise UserError(f"No feature has a class in '{attribute}'. Name another field.")
    plain = Taxonomy.named(names)
    black = bool(first or back)
    colours = ((0, 0, 0), *plain.colours[1:]) if black else plain.colours
    codes = {text: i + black for i, text in enumerate(rest)} | dict.fromkeys(back, 0)
    taxonomy = Taxonomy(names, colours)
    ignored = {text: taxonomy.ignore for text in found if is_ignored(text)}
    return taxonomy, codes | ignored


def _by_legend(
    found: Sequence[str], legend: Legend, ignore_uncovered: bool
) -> tuple[Taxonomy, dict[str, int]]:
    taxonomy = legend.taxonomy()
    if not ignore_uncovered and _background(taxonomy) < 0:
        colours = ((0, 0, 0), *taxonomy.colours)
        taxonomy = Taxonomy(("background", *taxonomy.names), colours)
    at = {name: i for i, name in enumerate(taxonomy.names)}
    of_number = dict(zip(map(str, legend.stored_ids()), legend.names, strict=True))
    codes = {}
    for text in found:
        name = of_number.get(text, text) if _number(text) else text
        void = is_ignored(text) or text in map(str, legend.ignored_ids)
        if name not in at and not void:
            raise UserError(
                f"Features are called '{text}', and {legend.file} names "
                f"{listed(legend.names)}. Add a line for it."
            )
        codes[text] = at.get(name, taxonomy.ignore)
    return taxonomy, codes


def _background(taxonomy: Taxonomy) -> int:
    """The class called background; -1 for none. The first of two is one, too."""
    folded = [name.casefold() for name in taxonomy.names]
    return next((folded.index(n) for n in BACKGROUND if n in folded), -1)


def _number(text: str) -> bool:
    return text.lstrip("-").isdecimal()


def _value(text: str) -> int:
    return int(text) if _number(text) else 0
