"""The rules of masks with a layer for each class: files, pages, channels and bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.legends.legend import Legend
from kerasseg.data.reading.masks.class_table import ClassTable, listed, require_classes
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.data.reading.masks.mask_labels import Rule, label_of
from kerasseg.data.reading.masks.mask_layers import Layers, MaskFile, layers_of
from kerasseg.data.reading.masks.mask_survey import Look, Seen, counted, totals
from kerasseg.data.reading.masks.overlap import (
    Crossing,
    LayerSurvey,
    refuse_doubt,
    refuse_no_background,
    without_background,
)
from kerasseg.data.reading.masks.two_values import BACKGROUNDS, SMOOTH, Foreground
from kerasseg.taxonomy import Taxonomy


def layers_rule(
    files: Sequence[MaskFile],
    flags: MaskFlags,
    legend: Legend,
    left_out: list[tuple[MaskFile, str]] | None = None,
) -> Rule:
    """The rule of --per-class: class of each layer, background where there is none.

    Layers that overlap by more than drawn borders are classes that overlap.

    Raises UserError that names the file and two classes where layers overlap and it is
    not clear whether that is meant, and where layers have other names than the legend.
    """
    separate = flags.per_class in ("suffix", "folders")
    if separate and not all(isinstance(file, Layers) for file in files):
        raise UserError(
            f"--per-class {flags.per_class} expects a file for each class of an image."
        )
    names: list[str] = []
    values: set[int] = set()
    usable = []
    for file in files:
        try:
            layers = layers_of(file, flags.per_class)
        except UserError as error:
            if left_out is None:
                raise
            left_out.append((file, str(error)))
            continue
        usable.append(file)
        for name, pixels in layers:
            if name not in names:
                names.append(name)
            if pixels.dtype.kind == "f" and (pixels != np.rint(pixels)).any():
                raise UserError(
                    f"Mask {file}: layer '{name}' holds fractions. Layers are 0 and "
                    "another value: save them so."
                )
            values |= counted(pixels.astype(np.int64)).keys()
    if not usable:
        raise UserError("There is no mask. Check where images and masks lie.")
    order = sorted(names) if separate else names
    taxonomy, classes = _taxonomy(order, legend, separate)
    found = _foreground(sorted(values - {*flags.ignore}), files)
    seen = _survey(usable, flags, found)
    met = seen.crossing([name for name in order if name.casefold() in BACKGROUNDS])
    overlap = flags.overlap or (met is not None and not flags.exclusive)
    if met:
        one, other = (taxonomy.names[classes[name]] for name in met.names)
        met = replace(met, names=(one, other))
    if met and not (flags.overlap or flags.exclusive or met.is_real):
        refuse_doubt(met)
    if overlap:
        left = [name for name, class_id in classes.items() if class_id == 0]
        taxonomy, classes = without_background(taxonomy, classes)
    rule = Rule(
        "layers",
        taxonomy,
        foreground=found,
        ignored=flags.ignore,
        per_class=flags.per_class,
        layers=tuple(classes.items()),
        crossing="ignore" if flags.exclusive else "refuse",
        summary=f"Masks have one layer ({flags.per_class}) for each class: "
        f"{taxonomy.num_classes} classes ({listed(taxonomy.names)})"
        f"{_met(met, overlap)}.",
    )
    if overlap:
        notes = tuple(f"Layer '{name}' is no class: all 0 says it." for name in left)
        return replace(rule, notes=(*notes, *_missing(usable, order)))
    if rule.crossing == "refuse":  # a background may lie over a class
        for file in dict.fromkeys(f for files in seen.files.values() for f in files):
            try:
                label_of(file, rule)
            except UserError as error:
                if left_out is None:
                    raise
                left_out.append((file, str(error)))
    used = {classes[name] for name, pixels in seen.sizes.items() if pixels}
    if seen.bare and 0 not in classes.values():
        used.add(0)
    table = ClassTable(taxonomy, {})
    require_classes(sorted(used), table, False, "Masks of layers")
    return rule


def _survey(
    files: Sequence[MaskFile], flags: MaskFlags, found: Foreground
) -> LayerSurvey:
    seen = LayerSurvey()
    for file in files:
        layers = layers_of(file, flags.per_class)
        ignored = [np.isin(pixels, flags.ignore) for _, pixels in layers]
        planes = [
            (name, (pixels > found.above) & ~void)
            for (name, pixels), void in zip(layers, ignored, strict=True)
        ]
        seen.add(file, planes, np.any(ignored, axis=0))
    return seen


def _met(found: Crossing | None, overlap: bool) -> str:
    """What is said of layers that overlap."""
    if found is None:
        return " that may overlap (--overlap)" if overlap else ""
    one, other = found.names
    where = f"'{one}' and '{other}' in {found.pixels} pixels, as in {found.file}"
    if overlap:
        return f" that overlap ({where}); each is asked for itself"
    return f"; pixels of two are ignored ({where})"


def _missing(files: Sequence[MaskFile], names: Sequence[str]) -> tuple[str, ...]:
    """A sentence for each class that has no file for some images."""
    counts = dict.fromkeys(names, 0)
    for file in files:
        if isinstance(file, Layers):
            there = {name for name, _ in file.files}
            for name in names:
                counts[name] += name not in there
    return tuple(
        f"{count} of {len(files)} images have no file of '{name}': it is not there."
        for name, count in counts.items()
        if count and name.casefold() not in BACKGROUNDS
    )


def _taxonomy(
    layers: Sequence[str], legend: Legend, separate: bool
) -> tuple[Taxonomy, dict[str, int]]:
    """Classes, and the class of each layer; class 0 is background."""
    if not separate:
        names = legend.names or tuple(f"class_{layer}" for layer in layers)
        if len(names) == len(layers):
            names = ("background", *names)
        if len(names) != len(layers) + 1:
            raise UserError(
                f"Masks have {len(layers)} layers, {legend.file or 'the legend'} names "
                f"{len(names)} classes. Name one for each layer, and background first "
                "if you like."
            )
        taxonomy = legend.taxonomy() if names == legend.names else Taxonomy.named(names)
        return taxonomy, {layer: i for i, layer in enumerate(layers, 1)}
    ground = [layer for layer in layers if layer.casefold() in BACKGROUNDS]
    others = [layer for layer in layers if layer not in ground]
    if not legend.names:
        names = (ground[0] if ground else "background", *others)
        order = {layer: names.index(layer) for layer in layers}
        return Taxonomy.named(names), order
    known = {name.casefold(): i for i, name in enumerate(legend.names)}
    unknown = [layer for layer in layers if layer.casefold() not in known]
    if unknown:
        raise UserError(
            f"Layer '{unknown[0]}' is not a class of {legend.file or 'the legend'}: "
            f"{listed(legend.names)}. Add it, or rename the files."
        )
    if known.keys() & set(BACKGROUNDS) and legend.names[0].casefold() in BACKGROUNDS:
        taxonomy, first = legend.taxonomy(), 0
    else:
        taxonomy, first = Taxonomy.named(("background", *legend.names)), 1
    return taxonomy, {layer: known[layer.casefold()] + first for layer in layers}


def _foreground(values: Sequence[int], files: Sequence[MaskFile]) -> Foreground:
    high = max(values, default=0)
    if min(values, default=0) < 0:
        raise UserError(f"Layers of {files[0]} hold negative numbers. Save 0 and 1.")
    if len(values) <= 2 or set(values) <= {0, 1, 255}:
        return Foreground(0)
    if len(values) > SMOOTH and high > 127:
        return Foreground(127 if high <= 255 else 32767)
    raise UserError(
        f"The layers of {files[0]} and others hold {listed(values)}; a layer is 0 and "
        "another value. If the numbers are class ids, leave out --per-class."
    )


def bits_rule(
    looks: Sequence[Look],
    flags: MaskFlags,
    legend: Legend,
    nodata: tuple[float, ...] = (),
) -> Rule:
    """The rule of --bits: bit k of a number is class k + 1, no bit is background.

    Numbers of two bits say that classes overlap. With --exclusive they are ignored.

    Raises UserError where masks hold no numbers from 0 on.
    """
    seen = totals((one.file, one.counts) for one in looks)
    coloured = [one for one in looks if one.form == "colours"]
    if coloured:
        raise UserError(
            f"Mask {coloured[0].file} holds colours, --bits is for numbers."
        )
    values = [v for v in seen if v not in flags.ignore]
    if values and values[0] < 0:
        raise UserError(
            f"Mask {seen[values[0]].first} holds {values[0]}, --bits is for numbers "
            "from 0 on."
        )
    bits = max((v.bit_length() for v in values), default=0)
    taxonomy, classes = _taxonomy([str(i) for i in range(1, bits + 1)], legend, False)
    several = [v for v in values if v & (v - 1)]
    if flags.overlap or (several and not flags.exclusive):
        return _planes_rule(taxonomy, classes, several, seen, flags, nodata)
    codes = {0: 0} | {1 << (i - 1): i for i in classes.values()}
    codes |= dict.fromkeys([*several, *flags.ignore], taxonomy.ignore)
    used = sorted({codes[v] for v in values})
    require_classes(used, ClassTable(taxonomy, codes), False, "Masks of bits")
    return Rule(
        "bits",
        taxonomy,
        tuple(sorted(codes.items())),
        nodata=nodata,
        summary=f"Masks hold one bit for each class: {taxonomy.num_classes} classes "
        f"({listed(taxonomy.names)})"
        + (f"; ignored are pixels of several ({listed(several)})" if several else "")
        + ".",
    )


def _planes_rule(
    taxonomy: Taxonomy,
    classes: dict[str, int],
    several: Sequence[int],
    seen: Mapping[int, Seen],
    flags: MaskFlags,
    nodata: tuple[float, ...],
) -> Rule:
    """The rule of bits of classes that overlap; several: numbers of two bits."""
    taxonomy, classes = without_background(taxonomy, classes)
    where = ""
    if several:
        pixels = sum(seen[value].pixels for value in several)
        where = f" that overlap ({pixels} pixels, as in {seen[several[0]].first})"
    return Rule(
        "bits",
        taxonomy,
        ignored=flags.ignore,
        nodata=nodata,
        layers=tuple(classes.items()),
        summary=f"Masks hold one bit for each class: {taxonomy.num_classes} classes"
        f"{where} ({listed(taxonomy.names)}); each is asked for itself.",
    )


def as_planes(rule: Rule) -> Rule:
    """The rule, with each class but the background as a question of its own.

    Raises UserError where class 0 is not the background.
    """
    refuse_no_background(rule.taxonomy)
    taxonomy, _ = without_background(rule.taxonomy, {})
    note = "Each class is asked for itself (--overlap); there is no background."
    return replace(rule, taxonomy=taxonomy, notes=(*rule.notes, note))
