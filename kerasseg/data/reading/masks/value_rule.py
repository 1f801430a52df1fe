"""The rules of masks of two values: --binary, --threshold and --alpha."""

from __future__ import annotations

from collections.abc import Sequence

from kerasseg import UserError
from kerasseg.data.reading.legends.legend import Legend
from kerasseg.data.reading.masks.class_table import (
    ClassTable,
    listed,
    percent,
    require_classes,
)
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.data.reading.masks.mask_labels import Rule
from kerasseg.data.reading.masks.mask_survey import Look
from kerasseg.data.reading.masks.two_values import (
    BACKGROUNDS,
    Foreground,
    above,
    foreground,
    levels,
    threshold,
)
from kerasseg.taxonomy import IGNORE, Taxonomy

NAMES = ("background", "foreground")


def _taxonomy(legend: Legend, flag: str) -> Taxonomy:
    if legend.names and len(legend.names) != len(NAMES):
        raise UserError(
            f"{flag} makes 2 classes, {legend.file or 'the legend'} names "
            f"{len(legend.names)}. Name two, or leave out {flag}."
        )
    if not legend.names:
        return Taxonomy.named(NAMES)
    taxonomy = legend.taxonomy()
    if legend.colours and (0, 0, 0) not in legend.colours:
        raise UserError(
            f"{flag}: background is black, and {legend.file or 'the legend'} names no "
            f"black. Leave out {flag}: the masks are read by these colours."
        )
    names = tuple(name.casefold() for name in taxonomy.names)
    turned = legend.colours[1:] == ((0, 0, 0),)
    if turned:  # background is class 0
        return Taxonomy(taxonomy.names[::-1], taxonomy.colours[::-1])
    if names[1] in BACKGROUNDS and not legend.colours:
        raise UserError(
            f"{flag}: background is class 0, and {legend.file or 'the legend'} names "
            f"it second. Write '{taxonomy.names[1]}' first."
        )
    return taxonomy


def value_rule(looks: Sequence[Look], flags: MaskFlags, legend: Legend) -> Rule:
    """The rule of --binary and --threshold.

    Raises UserError where it is not clear where the foreground begins, and where all
    pixels are on one side.
    """
    flag = "--binary" if flags.binary else "--threshold"
    taxonomy = _taxonomy(legend, flag)
    nodata = tuple(sorted({k.nodata for k in looks if k.nodata is not None}))
    if 0 in nodata and 0 not in flags.ignore:  # background, as most tools mark it
        nodata = tuple(v for v in nodata if v != 0)
    if flags.threshold is not None:
        found = threshold(looks, flags.threshold)
    else:
        found = foreground(looks, flags)
    sides = [0, 0]
    ignored = sum(k.missing for k in looks)
    for one in looks:
        if one.fraction is not None:
            sides[0] += one.low <= found.above
            sides[1] += one.high > found.above
            continue
        for value, pixels in levels(one, found.by).items():
            if value in flags.ignore or (value == one.nodata and value in nodata):
                ignored += pixels
            else:
                sides[value > found.above] += pixels
    where = (
        f"from {flags.threshold:g} on" if flags.threshold is not None else f"{found}"
    )
    what = f"two values, foreground is {where}"
    try:
        _both_sides(sides, taxonomy, what)
    except UserError as error:
        if len({value for look in looks for value in look.alpha}) < 2:
            raise
        raise UserError(
            f"Mask {looks[0].file}: its colours are all foreground or all background, "
            "its alpha channel is not. Say --alpha in place of "
            f"{flag} if that is the mask."
        ) from error
    summary = f"Masks hold {what}: {listed(taxonomy.names)}"
    if ignored and not any(k.fraction is not None for k in looks):
        summary += (
            f"; ignored: {percent(ignored / (sum(sides) + ignored))} of the pixels"
        )
    elif ignored:
        summary += "; ignored: what is no number"
    return Rule(
        "values",
        taxonomy,
        foreground=found,
        ignored=flags.ignore,
        nodata=nodata,
        summary=f"{summary}.",
    )


def _both_sides(sides: Sequence[int], taxonomy: Taxonomy, what: str) -> None:
    used = [i for i, pixels in enumerate(sides) if pixels]
    table = ClassTable(taxonomy, {i: i for i in used} | {IGNORE: IGNORE})
    require_classes(used, table, False, f"Masks of {what}")


def constant(looks: Sequence[Look]) -> bool:
    """Whether the colour is one and the same in all files and the alpha is not: then
    the mask is in the alpha channel."""
    if not all(look.alpha and look.form != "palette" for look in looks):
        return False
    colours = {code for look in looks for code in look.counts}
    return len(colours) == 1 and len({a for look in looks for a in look.alpha}) > 1


def alpha_rule(looks: Sequence[Look], flags: MaskFlags, legend: Legend) -> Rule:
    """The rule of masks in the alpha channel: what is not transparent is foreground.

    Raises UserError for files without alpha, and where all pixels are on one side.
    """
    taxonomy = _taxonomy(legend, "A mask in the alpha channel")
    without = [look for look in looks if not look.alpha]
    if without:
        raise UserError(
            f"Mask {without[0].file} has no alpha channel. Leave out --alpha, or "
            "export all masks with one."
        )
    counts: dict[int, int] = {}
    for one in looks:
        for value, pixels in one.alpha.items():
            counts[value] = counts.get(value, 0) + pixels
    lossy = any(look.lossy for look in looks)
    found = Foreground(above(counts, lossy, looks[0], "--alpha"))
    sides = [0, 0]
    for one in looks:
        for value, pixels in one.alpha.items():
            sides[value > found.above] += pixels
    what = f"their classes in the alpha channel, foreground is {found}"
    _both_sides(sides, taxonomy, what)
    summary = f"Masks hold {what}: {listed(taxonomy.names)}."
    return Rule("alpha", taxonomy, foreground=found, summary=summary)
