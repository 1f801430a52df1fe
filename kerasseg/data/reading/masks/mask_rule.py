"""Finds out what the pixels of masks mean, by one look at all of a data set."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from kerasseg import UserError
from kerasseg.data.reading.legends.legend import Legend, read_legend
from kerasseg.data.reading.masks.assumed import flags_for
from kerasseg.data.reading.masks.class_table import (
    ClassTable,
    listed,
    percent,
    require_classes,
)
from kerasseg.data.reading.masks.colour_table import colour_table, palette_table
from kerasseg.data.reading.masks.id_table import id_table
from kerasseg.data.reading.masks.layer_rule import as_planes, bits_rule, layers_rule
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.data.reading.masks.mask_labels import Rule, label_of
from kerasseg.data.reading.masks.mask_layers import Layers, MaskFile, Page
from kerasseg.data.reading.masks.mask_map import MaskMap, read_map
from kerasseg.data.reading.masks.mask_nodata import nodata_of, without
from kerasseg.data.reading.masks.mask_survey import (
    Look,
    Seen,
    look,
    totals,
    unpacked,
)
from kerasseg.data.reading.masks.number_or_colour import by_colour, colour_counts
from kerasseg.data.reading.masks.unknown_value import (
    UnknownValueError,
    UnnamedColoursError,
)
from kerasseg.data.reading.masks.value_rule import alpha_rule, constant, value_rule
from kerasseg.taxonomy import IGNORE

__all__ = ["Layers", "MaskFile", "MaskFlags", "Page", "Rule", "label_of", "rule_for"]

GRADUAL = 0.5
"""See `Look.gradual`: 0.02 for 254 ids at random, 0.8 to 1 for smoothed masks."""
LONELY = 0.1
"""See `Look.lonely`: 0 to 0.01 for ids, 0.3 to 0.6 for JPEGs that were saved as PNG."""
PLAIN = MaskFlags()
LeftOut = list[tuple[MaskFile, str]]
"""Masks that cannot be used, and why."""


def rule_for(
    files: Iterable[MaskFile],
    flags: MaskFlags = PLAIN,
    legend: Legend | None = None,
    left_out: LeftOut | None = None,
) -> Rule:
    """The rule by which `label_of` reads the masks of a data set.

    files: all masks. legend: of the data set; None reads that of the flags, if any.
    left_out: takes masks that cannot be used; without it the first of them is an error.

    Raises UserError in one line where no rule or more than one fits, with the flag that
    settles it, and where one class alone is left.
    """
    if legend is None:
        legend = read_legend(Path(flags.legend)) if flags.legend else Legend()
    files = list(files)
    if flags.per_class:
        return layers_rule(files, flags, legend, left_out)
    looks = _looks(files, left_out)
    mapping = read_map(Path(flags.map)) if flags.map else None
    while True:
        try:
            rule = _settled(looks, flags, legend, mapping)
            return as_planes(rule) if flags.overlap and not flags.bits else rule
        except UnknownValueError as error:
            bad = [k for k in looks if _has(k, error.values)]
            if left_out is None or not bad or 2 * len(bad) > len(looks):
                raise
            left_out += [(k.file, str(error)) for k in bad]
            looks = [k for k in looks if k not in bad]


def _looks(files: Sequence[MaskFile], left_out: LeftOut | None) -> list[Look]:
    """What each file holds; read in threads, in the order of the files."""

    def one(file: MaskFile) -> Look | UserError:
        try:
            if isinstance(file, Layers):
                raise UserError(f"{file} is one layer of several. Say --per-class.")
            return look(file)
        except UserError as error:
            return error

    looks: list[Look] = []
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for file, found in zip(files, pool.map(one, files), strict=True):
            if isinstance(found, Look):
                looks.append(found)
            elif left_out is None:
                pool.shutdown(cancel_futures=True)
                raise found
            else:
                left_out.append((file, str(found)))
    if not looks:
        if left_out:
            raise UserError(f"No mask can be read. The first: {left_out[0][1]}")
        raise UserError("There is no mask. Check where images and masks lie.")
    return looks


def _has(one: Look, values: Sequence[int]) -> bool:
    counts = one.counts.keys() | set(one.palette.values())
    counts |= {value * 0x010101 for value in one.counts if 0 <= value <= IGNORE}
    return bool(counts & set(values))


def _settled(
    looks: list[Look], flags: MaskFlags, legend: Legend, mapping: MaskMap | None
) -> Rule:
    """The rule, with what `flags.assume` settles where `rule_of` refuses the masks and
    the user has said nothing about them."""
    try:
        return rule_of(looks, flags, legend, mapping)
    except UnnamedColoursError:
        raise  # a table beside the masks may name them
    except UserError as error:
        said = flags != MaskFlags(assume=True, legend=flags.legend)
        found = None if said else flags_for(looks)
        if found is None or (found[0].compact and legend.names):
            raise
        try:
            rule = rule_of(looks, found[0], legend, None)
        except UserError:
            raise error from None
        return replace(rule, notes=(*rule.notes, found[1]))


def rule_of(
    looks: list[Look], flags: MaskFlags, legend: Legend, mapping: MaskMap | None
) -> Rule:
    """The rule of masks that have been looked at.

    Raises UserError as `rule_for`.
    """
    paged = [k for k in looks if k.pages > 1 and not isinstance(k.file, Page)]
    if paged:
        raise UserError(
            f"Mask {paged[0].file} has {paged[0].pages} pages. Say --per-class pages "
            "if each is a class, or --pages samples if each is the mask of an image."
        )
    if flags.alpha or (flags.read_as == "auto" and constant(looks)):
        return alpha_rule(looks, flags, legend)
    if flags.binary or flags.threshold is not None:
        return value_rule(looks, flags, legend)
    lossy = [k for k in looks if k.lossy]
    if lossy:
        raise UserError(
            f"Mask {lossy[0].file} is a {lossy[0].lossy}, which changes class ids and "
            "colours. Save masks as PNG (only --binary masks may be JPEG)."
        )
    uneven = [k for k in looks if k.fraction is not None]
    if uneven:
        raise UserError(
            f"Mask {uneven[0].file}: It holds {uneven[0].fraction:g}; class ids are "
            "whole numbers. Say --threshold 0.5 if these are probabilities, else "
            "export the masks again, resized by nearest neighbour."
        )
    nodata = nodata_of(looks, flags, mapping, legend)
    looks = [without(k, nodata) for k in looks]
    if flags.bits:
        return bits_rule(looks, flags, legend, nodata)
    if by_colour(looks, flags, legend, mapping):
        return _colours(looks, flags, legend, mapping)
    return _ids(looks, flags, legend, mapping, nodata)


def _alpha(looks: Sequence[Look]) -> tuple[str, ...]:
    """A sentence about alpha channels that are not used, though they say something."""
    if len({value for one in looks for value in one.alpha}) < 2:
        return ()
    return ("Their alpha channel is left out (--alpha reads it).",)


def _ids(
    looks: list[Look],
    flags: MaskFlags,
    legend: Legend,
    mapping: MaskMap | None,
    nodata: tuple[float, ...],
) -> Rule:
    if flags.ignore_colour:
        raise UserError(
            "The masks hold ids, --ignore-colour is for colours. Say --ignore ID."
        )
    counts = [(k.file, k.numbers) for k in looks]
    seen = totals(counts)
    palette: dict[int, tuple[int, int, int]] = {}
    for one in looks:
        for index, code in one.palette.items():
            palette.setdefault(index, unpacked(max(code, 0)))
    used = seen.keys() - set(flags.ignore)
    if not legend.names and mapping is None and flags.read_as == "auto":
        _refuse_gradual(looks, seen)
    unnamed = mapping is None and IGNORE not in legend.stored_ids()
    if unnamed and used <= {0, IGNORE} and IGNORE in used:
        folder = getattr(looks[0].file, "parent", looks[0].file)
        raise UserError(
            f"The masks in {folder} hold only 0 and 255, and 255 means ignore. If 255 "
            "is the object, say --binary."
        )
    for high in (IGNORE, 2**16 - 1):
        if unnamed and used == {0, 1, high}:
            _refuse_two_foregrounds(counts, high)
    table = id_table(seen, legend, flags, mapping, palette)
    missing = sum(k.missing for k in looks)
    indices = any(k.form == "palette" for k in looks)
    what = "palette indices" if indices else "ids"
    named = bool(legend.names) or mapping is not None
    rule = _finished("ids", what, table, seen, named, missing, nodata)
    return replace(rule, notes=(*rule.notes, *_alpha(looks)))


def _refuse_two_foregrounds(
    counts: Sequence[tuple[MaskFile, dict[int, int]]], high: int
) -> None:
    """Raises UserError where some files hold 0 and 1, and the others 0 and the highest
    number, which stands for white."""
    ones = [file for file, numbers in counts if 1 in numbers]
    others = [file for file, numbers in counts if high in numbers]
    if min(len(ones), len(others)) > 1 and not {*ones} & {*others}:
        raise UserError(
            f"Masks such as {ones[0]} hold 0 and 1, masks such as {others[0]} hold 0 "
            f"and {high}. Say --threshold 1 if {high} is the object too, --ignore "
            f"{high} if it is void."
        )


def _refuse_gradual(looks: Sequence[Look], seen: dict[int, Seen]) -> None:
    """Raises UserError for masks whose numbers change step by step, as gray levels."""
    gradual = [k for k in looks if k.gradual > GRADUAL or k.lonely > LONELY]
    if 2 * len(gradual) > len(looks):
        raise UserError(
            f"The masks hold {len(seen)} values that change little by little, or from "
            f"pixel to pixel, such as {gradual[0].file}: gray levels, probabilities or "
            "the noise of a JPEG rather than class ids. "
            "Say --binary if they are two smoothed values, --threshold T where "
            "foreground begins, --read-as ids if they are ids; "
            "else export the masks again."
        )


def _colours(
    looks: list[Look], flags: MaskFlags, legend: Legend, mapping: MaskMap | None
) -> Rule:
    named = bool(legend.colours) or mapping is not None
    seen = totals((k.file, colour_counts(k, legend, mapping)) for k in looks)
    palettes = all(k.form == "palette" for k in looks)
    if flags.ignore or flags.compact:
        flag = "--ignore" if flags.ignore else "--compact"
        raise UserError(
            f"The masks are read by colour, {flag} is for ids. Say --ignore-colour "
            "R G B for colours that are void."
        )
    if named or not palettes or legend.names:
        varied = len({value for one in looks for value in one.alpha}) > 1
        table = colour_table(seen, legend, flags, mapping, varied)
    else:
        table = palette_table(seen, flags)
    ignored = sum(sum(k.counts.values()) for k in looks)
    ignored -= sum(one.pixels for one in seen.values())  # palette index 255
    what = "palette colours" if palettes else "colours"
    rule = _finished("colours", what, table, seen, named, ignored, ())
    return replace(rule, notes=(*rule.notes, *_alpha(looks)))


def _finished(
    kind: str,
    what: str,
    table: ClassTable,
    seen: dict[int, Seen],
    named: bool,
    missing: int,
    nodata: tuple[float, ...],
) -> Rule:
    ignore = table.taxonomy.ignore
    used = sorted({table.codes[v] for v in seen if table.codes[v] != ignore})
    alone = require_classes(used, table, named, f"Masks of {what}")
    total = sum(one.pixels for one in seen.values()) + missing
    void = [v for v in seen if table.codes[v] == ignore]
    out = sum(seen[v].pixels for v in void) + missing
    summary = f"Masks hold {what}: {_classes(kind, table)}"
    if out:
        parts = [
            *(str(unpacked(v)) if kind == "colours" else str(v) for v in void),
            *([f"nodata {listed([f'{v:g}' for v in nodata])}"] if nodata else []),
        ]
        if missing and not nodata:
            parts.append("no number" if kind == "ids" else "palette index 255")
        summary += f"; ignored: {listed(parts)} ({percent(out / total)} of the pixels)"
    return Rule(
        "colours" if kind == "colours" else "ids",
        table.taxonomy,
        tuple(sorted(table.codes.items())),
        nodata=nodata,
        summary=f"{summary}.",
        notes=(*table.notes, *alone),
    )


def _classes(kind: str, table: ClassTable) -> str:
    """ "3 classes (road, sky, car)", with the ids in the files where these differ."""
    names, codes, ignore = table.taxonomy.names, table.codes, table.taxonomy.ignore
    plain = all(code == i for code, i in codes.items() if i != ignore)
    if kind == "colours" or plain:
        return f"{len(names)} classes ({listed(names)})"
    pairs = [f"{v} = {names[i]}" for v, i in sorted(codes.items()) if i != ignore]
    return f"{len(names)} classes ({listed(pairs)})"
