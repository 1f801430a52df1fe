"""Which id in mask files is which class, for masks that hold numbers."""

from __future__ import annotations

from collections.abc import Mapping

from kerasseg import UserError
from kerasseg.data.reading.legends.legend import Legend
from kerasseg.data.reading.masks.class_table import (
    ClassTable,
    limited,
    listed,
    percent,
    share,
)
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.data.reading.masks.mask_map import MaskMap
from kerasseg.data.reading.masks.mask_survey import Seen
from kerasseg.data.reading.masks.unknown_value import UnknownValueError
from kerasseg.taxonomy import IGNORE, MOST_CLASSES, Taxonomy, ignore_of

VOIDS = (254, 65535, 65534, 32767, 2147483647, 4294967295)
"""Numbers that tools use for void, beside 255 and negative ones."""


def id_table(
    seen: Mapping[int, Seen],
    legend: Legend,
    flags: MaskFlags,
    mapping: MaskMap | None,
    colours: Mapping[int, tuple[int, int, int]] | None = None,
) -> ClassTable:
    """The class of each number: by --map, by the legend, or the number itself.

    seen: the numbers that occur. colours: of a palette, for classes without a legend.

    Raises UserError for numbers that no class has, and where they can be understood in
    two ways; it names a flag that settles it.
    """
    ignored = set(flags.ignore)
    if mapping is not None:
        codes = mapping.of_ids(legend)
        return _closed(
            seen, codes, mapping.taxonomy(legend), ignored, f"{mapping.file} maps"
        )
    if legend.names:
        return _by_legend(seen, legend, ignored, flags.compact)
    return _by_number(seen, flags, colours or {})


def _closed(
    seen: Mapping[int, Seen],
    codes: Mapping[int, int],
    taxonomy: Taxonomy,
    ignored: set[int],
    source: str,
) -> ClassTable:
    """The table where all ids that may occur are named."""
    void = taxonomy.ignore
    table = {void: void} | dict(codes) | dict.fromkeys(ignored, void)
    unknown = [v for v in seen if v not in table]
    if unknown:
        first = unknown[0]
        where = f"{seen[first].files} masks" if seen[first].files > 1 else "1 mask"
        raise UnknownValueError(
            f"Mask {seen[first].first} holds id {first} ({where}, "
            f"{percent(share(seen, unknown))} of the pixels; unknown ids: "
            f"{listed(unknown)}); {source} {listed(sorted(codes))}. Add a line for it, "
            f"or say --ignore {first} if it is void.",
            unknown,
        )
    return ClassTable(taxonomy, table)


def _by_legend(
    seen: Mapping[int, Seen], legend: Legend, ignored: set[int], compact: bool
) -> ClassTable:
    stored = legend.stored_ids()
    notes: tuple[str, ...] = ()
    ignored = ignored | set(legend.ignored_ids)
    void = ignore_of(len(stored))
    used = [v for v in seen if v not in ignored and v != void]
    beyond = [v for v in used if v not in stored]
    if beyond and not legend.ids and 0 in ignored and used[-1] <= len(stored):
        # As many names as ids from 1 on: no other reading has a name for each.
        stored = tuple(range(1, len(stored) + 1))
        notes = (f"The first name, '{legend.names[0]}', is id 1: id 0 is ignored.",)
    elif beyond and not legend.ids and compact:
        if len(used) != len(stored):
            raise UserError(
                f"--compact: the masks hold {len(used)} ids ({listed(used)}), "
                f"{legend.file} names {len(stored)} classes. Write lines 'id: name'."
            )
        stored = tuple(used)
    elif beyond and not legend.ids:
        _require_positions(used, seen, legend)
    kept = [i for i, value in enumerate(stored) if value not in ignored]
    if not kept:
        raise UserError(f"--ignore leaves no class of {legend.file}. Ignore fewer ids.")
    whole = legend.taxonomy()
    taxonomy = Taxonomy(
        tuple(whole.names[i] for i in kept), tuple(whole.colours[i] for i in kept)
    )
    codes = {stored[i]: class_id for class_id, i in enumerate(kept)}
    source = f"{legend.file or 'the legend'} names"
    return ClassTable(
        taxonomy, _closed(seen, codes, taxonomy, ignored, source).codes, notes
    )


def _require_positions(
    used: list[int], seen: Mapping[int, Seen], legend: Legend
) -> None:
    """Raises UserError where the ids of a legend of names are no positions."""
    count = len(legend.names)
    if used == list(range(1, count + 1)):
        raise UserError(
            f"Mask {seen[used[0]].first} holds ids from 1 to {count}, and the names of "
            f"{legend.file or 'the legend'} stand for ids from 0 on. Write the ids too "
            f"(lines '1: {legend.names[0]}'), or say --ignore 0 if 0 is void."
        )
    if len(used) == count:
        raise UnknownValueError(
            f"The masks hold the {count} ids {listed(used)}, and the names of "
            f"{legend.file or 'the legend'} stand for 0 to {count - 1}. Write the ids "
            f"too (lines '{used[-1]}: {legend.names[-1]}'), or say --compact if the "
            "names are in the order of the ids.",
            [],
        )


def _by_number(
    seen: Mapping[int, Seen],
    flags: MaskFlags,
    colours: Mapping[int, tuple[int, int, int]],
) -> ClassTable:
    ignored = set(flags.ignore) | {IGNORE}
    used = [v for v in seen if v not in ignored]
    if not used:
        return ClassTable(Taxonomy.numbered(1), dict.fromkeys(ignored, IGNORE))
    wrong = [v for v in used if v < 0 or v > IGNORE]
    if wrong:
        _settle_wide(seen, used, wrong, flags)
    if used != list(range(used[0], used[0] + len(used))):
        _doubt_255(seen, used, flags)
    if flags.compact:
        stored = used
    else:
        stored = [v for v in range(used[-1] + 1) if v not in ignored]
        if len(used) < len(stored) / 2:
            alone = [used[-1]] if seen[used[-1]].files == 1 else []
            raise UnknownValueError(_gaps(seen, used), alone)
    limited(len(stored), MOST_CLASSES if flags.compact else IGNORE)
    names = [f"class_{v}" for v in stored]
    plain = Taxonomy.named(names)
    taxonomy = Taxonomy(
        plain.names,
        tuple(colours.get(v, c) for v, c in zip(stored, plain.colours, strict=True)),
    )
    codes = {v: i for i, v in enumerate(stored)}
    absent = [v for v in stored if v not in seen]
    empty = f"No mask holds {listed(absent)} (--compact leaves such ids out)."
    notes = (empty,) if absent else ()
    return ClassTable(taxonomy, codes | dict.fromkeys(ignored, taxonomy.ignore), notes)


def _doubt_255(seen: Mapping[int, Seen], used: list[int], flags: MaskFlags) -> None:
    """Raises UserError where ids have gaps, and 255 has more pixels than all of them
    but the most frequent: there it is hardly what is ignored. Thresholded masks with a
    few stray values are so (0, 3, 4, 255), and trimaps (0, 85, 170, 255)."""
    if IGNORE not in seen or IGNORE in flags.ignore:
        return
    if used[0] == 0 and len(used) == 2 and not flags.compact:
        return  # `_gaps` says more about three values
    most = max(used, key=lambda value: seen[value].pixels)
    others = [value for value in used if value != most]
    if seen[IGNORE].pixels <= sum(seen[value].pixels for value in others):
        return
    part = percent(share(seen, [IGNORE]))
    lowest = min((value for value in [*used, IGNORE] if value > 0), default=IGNORE)
    raise UserError(
        f"The masks hold {listed([*used, IGNORE])}; 255, which means ignore, has "
        f"{part} of the pixels, more than all others but {most}. Say --threshold "
        f"{lowest} if all that is not 0 is one class, --ignore 255 if it is void "
        "(and --compact for the others), or name every number with --map FILE: lines "
        "'id,name'."
    )


def _settle_wide(
    seen: Mapping[int, Seen], used: list[int], wrong: list[int], flags: MaskFlags
) -> None:
    """Raises UserError for ids below 0 or above 255, unless --compact settles them."""
    void = [v for v in wrong if v < 0 or v in VOIDS]
    if flags.compact and not void:
        if IGNORE in seen and IGNORE not in flags.ignore:
            raise UserError(
                f"Mask {seen[IGNORE].first} holds 255, which means ignore, and others "
                f"hold {wrong[-1]}: say --ignore 255 if it is void here too, or give "
                "every id a class with --map FILE."
            )
        return
    rest = [v for v in used if v not in (void or wrong)]
    more = ""
    if not void or [v for v in rest if v > IGNORE]:
        more = " Ids above 255 are most often instance ids: convert them to class ids; "
        more += "if they are classes, say --compact, or name them with --map FILE."
    cure = f" If {listed(void)} is void, say --ignore {' '.join(map(str, void))}."
    if used == [0, used[-1]] and used[-1] > 0:
        cure = " If they are background and foreground, say --binary."
        void, more = used, ""
    raise UserError(
        f"Mask {seen[wrong[0]].first}: It holds ids {used[0]} to {used[-1]} "
        f"({listed(used)}); class ids are 0 to 254, and 255 = ignore."
        f"{cure if void else ''}{more}"
    )


def _gaps(seen: Mapping[int, Seen], used: list[int]) -> str:
    """What to do about ids with gaps: only cures that work."""
    says = (
        f"The masks hold ids {listed(used)}: gray levels rather than class ids 0, 1, "
    )
    says += "2, ... "
    last = used[-1]
    order = sorted(seen.values(), key=lambda one: -one.pixels)
    total = sum(one.pixels for one in order)
    if len(seen) > 8 and sum(one.pixels for one in order[:2]) > 0.8 * total:
        return f"{says}If they are two values that were smoothed, say --binary."
    if used[0] == 0 and len(used) == 2 and IGNORE in seen:
        return (
            f"{says}The third value is 255. If {last} is void, say --binary --ignore "
            f"{last}; if {last} and 255 are foreground, --threshold {last}; if they "
            "are three classes, --map FILE with lines 'id,name'."
        )
    if len(used) == 2 and used[0] == 0:
        says += f"If they are background and foreground, say --binary. If {last} is "
        return f"{says}void, say --ignore {last}."
    dense = used[:-1] and len(used) - 1 >= (used[-2] + 1) / 2
    if last in VOIDS and dense:
        return f"{says}If {last} is void, say --ignore {last}."
    if dense and seen[last].files == 1:
        says += f"Only {seen[last].first} holds {last}: correct it. "
    says += f"If they are {len(used)} classes, say --compact (they become 0 to "
    says += f"{len(used) - 1}), or name them with --map FILE: lines '{used[0]},name', "
    return f"{says}'{used[1]},name', ..." if len(used) > 1 else f"{says}..."
