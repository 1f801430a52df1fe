"""Whether the numbers in masks are the classes, or the colours that they stand for."""

from __future__ import annotations

from collections.abc import Sequence

from kerasseg import UserError
from kerasseg.data.reading.legends.legend import Legend
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.data.reading.masks.mask_map import MaskMap
from kerasseg.data.reading.masks.mask_survey import NO_COLOUR, Look, unpacked
from kerasseg.taxonomy import IGNORE


def by_colour(
    looks: Sequence[Look], flags: MaskFlags, legend: Legend, mapping: MaskMap | None
) -> bool:
    """Whether masks are read by colour.

    Colours always are. Palettes are where colours are named, or where one colour has
    several indices. Gray levels are where the legend names them as colours, and they
    are no ids of it.

    Raises UserError where both readings fit and give different classes.
    """
    if flags.read_as != "auto":
        if flags.read_as == "ids":
            coloured = [k for k in looks if not k.gray and k.form == "colours"]
            if coloured:
                raise UserError(
                    f"Mask {coloured[0].file} holds colours. Leave out --read-as ids."
                )
        return flags.read_as == "colours"
    if any(k.form == "colours" and not k.gray for k in looks):
        return True
    mapped = mapping is not None and any(isinstance(k, tuple) for k in mapping.classes)
    named = bool(legend.colours) or mapped
    palettes = [k for k in looks if k.form == "palette"]
    if not palettes:
        return mapped or (bool(legend.colours) and _gray_levels(looks, flags, legend))
    if len(palettes) < len(looks) and named:
        plain = next(k for k in looks if k.form != "palette")
        raise UserError(
            f"Mask {palettes[0].file} has a palette, {plain.file} has none. Say "
            "--read-as ids if palette indices and gray levels are the classes, or "
            "--read-as colours if the colours are."
        )
    moved = not named and _permuted(palettes)
    if moved and len(palettes) < len(looks):
        plain = next(k for k in looks if k.form != "palette")
        raise UserError(
            f"The palettes of the masks differ from file to file, and {plain.file} has "
            "none. Say --read-as ids if equal numbers are one class; else give all "
            "masks a palette, or none."
        )
    if moved and mapping is not None:
        raise UserError(
            f"{mapping.file} maps ids, and the palettes of the masks differ from file "
            "to file: one colour has several ids. Map colours: lines 'R,G,B,class'."
        )
    return named or moved


def _gray_levels(looks: Sequence[Look], flags: MaskFlags, legend: Legend) -> bool:
    """Whether gray masks hold the gray colours of a legend, and not its ids.

    Raises UserError where they could be both, and the classes would differ.
    """
    levels = {c[0]: i for i, c in enumerate(legend.colours) if c[0] == c[1] == c[2]}
    ids = {value: i for i, value in enumerate(legend.stored_ids())}
    given = (*flags.ignore_colour, *legend.ignored_colours)
    void = {c[0] for c in given if c[0] == c[1] == c[2]}
    values = {
        code & 255 if k.form == "colours" else code for k in looks for code in k.counts
    }
    fit_levels = values - void <= levels.keys()
    counted = values - {IGNORE, *flags.ignore, *legend.ignored_ids}
    fit_ids = counted <= ids.keys() and len(counted) > 1
    if any(k.form == "colours" for k in looks):  # as the legend says colours
        return fit_levels or not fit_ids
    if fit_levels and fit_ids and any(ids[v] != levels.get(v) for v in counted):
        raise UserError(
            f"The masks hold {', '.join(map(str, sorted(values)))}, which are ids and "
            f"gray colours of {legend.file or 'the legend'}. Say --read-as ids or "
            "--read-as colours."
        )
    return fit_levels and not fit_ids


def _permuted(palettes: Sequence[Look]) -> bool:
    """Whether the same colours have other indices in other files.

    Raises UserError where palettes differ and no colour says which class is which.
    """
    colours: dict[int, tuple[int, Look]] = {}  # of each index
    indices: dict[int, set[int]] = {}  # of each colour
    differs: tuple[int, Look, Look] | None = None
    for one in palettes:
        for index, colour in one.palette.items():
            if index == IGNORE:
                continue
            other, first = colours.setdefault(index, (colour, one))
            if other != colour and differs is None:
                differs = index, first, one
            indices.setdefault(colour, set()).add(index)
    if differs is None:
        return False
    moved = any(
        len(found) > 1 and colour != NO_COLOUR for colour, found in indices.items()
    )
    if moved and not _doubled(palettes):
        return True
    number, earlier, later = differs
    one_colour, other_colour = (
        unpacked(max(look.palette[number], 0)) for look in (earlier, later)
    )
    raise UserError(
        f"Palette index {number} is {one_colour} in {earlier.file} and {other_colour} "
        f"in {later.file}. Say --read-as ids if equal indices are one class, or "
        "--read-as colours if equal colours are."
    )


def _doubled(palettes: Sequence[Look]) -> bool:
    """Whether some file has one colour at two of its indices."""
    return any(len(set(one.palette.values())) < len(one.palette) for one in palettes)


def colour_counts(one: Look, legend: Legend, mapping: MaskMap | None) -> dict[int, int]:
    """Pixels of each packed colour of a look. Palette index 255 is left out (ignored),
    unless it has a colour of its own, which is that of a class.

    Raises UserError for a palette index without a colour, and for numbers above 255.
    """
    if one.form == "colours":
        return one.counts
    out: dict[int, int] = {}
    named = {(r << 16) + (g << 8) + b for r, g, b in legend.colours}
    if mapping is not None:
        keys = [k for k in mapping.classes if isinstance(k, tuple)]
        named |= {(r << 16) + (g << 8) + b for r, g, b in keys}
    for value, pixels in one.counts.items():
        if one.form == "palette":
            code = one.palette[value]
            if value == IGNORE and (one.void_255 or code not in named):
                continue
            if code == NO_COLOUR:
                raise UserError(
                    f"Mask {one.file}: It holds index {value}, its palette has fewer "
                    "colours. Save the mask again with its whole palette."
                )
        elif not 0 <= value <= 255:
            raise UserError(
                f"Mask {one.file}: It holds {value}, no gray level of 8 bits. Say "
                "--read-as ids if the numbers are the classes."
            )
        else:
            code = value * 0x010101
        out[code] = out.get(code, 0) + pixels
    return out
