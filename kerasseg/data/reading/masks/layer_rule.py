"""The rules of masks with a layer for each class: files, pages, channels and bits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.legends.legend import Legend
from kerasseg.data.reading.masks.class_table import ClassTable, listed, require_classes
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.data.reading.masks.mask_labels import Rule, label_of, layers_of
from kerasseg.data.reading.masks.mask_layers import Layers, MaskFile
from kerasseg.data.reading.masks.mask_survey import Look, counted, totals
from kerasseg.data.reading.masks.two_values import BACKGROUNDS, SMOOTH, Foreground
from kerasseg.taxonomy import IGNORE, Taxonomy


def layers_rule(
    files: Sequence[MaskFile],
    flags: MaskFlags,
    legend: Legend,
    left_out: list[tuple[MaskFile, str]] | None = None,
) -> Rule:
    """The rule of --per-class: class of each layer, background where there is none.

    Raises UserError that names the file and two classes where layers overlap, and where
    layers have other names than the legend.
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
    found = _foreground(sorted(values), files)
    rule = Rule(
        "layers",
        taxonomy,
        foreground=found,
        per_class=flags.per_class,
        layers=tuple(classes.items()),
        summary=f"Masks have one layer ({flags.per_class}) for each class: "
        f"{taxonomy.num_classes} classes ({listed(taxonomy.names)}).",
    )
    used: set[int] = set()
    for file in usable:
        try:
            used |= counted(label_of(file, rule)).keys()
        except UserError as error:
            if left_out is None:
                raise
            left_out.append((file, str(error)))
    table = ClassTable(taxonomy, {})
    require_classes(sorted(used - {taxonomy.ignore}), table, False, "Masks of layers")
    return rule


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

    Raises UserError that names the file and two classes where a pixel has two bits.
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
    for value in values:
        if value & (value - 1):
            two = [i + 1 for i in range(bits) if value >> i & 1][:2]
            one, other = (taxonomy.names[i] for i in two)
            raise UserError(
                f"Mask {seen[value].first}: '{one}' and '{other}' overlap (number "
                f"{value}). A pixel has one class here: correct the masks, or say "
                f"--ignore {value}."
            )
    codes = {0: 0} | {1 << (i - 1): i for i in classes.values()}
    codes |= dict.fromkeys(flags.ignore, IGNORE)
    used = sorted({codes[v] for v in values})
    require_classes(used, ClassTable(taxonomy, codes), False, "Masks of bits")
    return Rule(
        "bits",
        taxonomy,
        tuple(sorted(codes.items())),
        nodata=nodata,
        summary=f"Masks hold one bit for each class: {taxonomy.num_classes} classes "
        f"({listed(taxonomy.names)}).",
    )
