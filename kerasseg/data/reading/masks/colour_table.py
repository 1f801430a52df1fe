"""Which colour in mask files is which class."""

from __future__ import annotations

from collections.abc import Mapping

from kerasseg import UserError
from kerasseg.data.reading.legends.legend import Legend
from kerasseg.data.reading.legends.legend_entry import Colour
from kerasseg.data.reading.masks.class_table import (
    ClassTable,
    limited,
    listed,
    percent,
    share,
)
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.data.reading.masks.mask_map import MaskMap
from kerasseg.data.reading.masks.mask_survey import Seen, unpacked
from kerasseg.data.reading.masks.unknown_value import (
    UnknownValueError,
    UnnamedColoursError,
)
from kerasseg.taxonomy import IGNORE, Taxonomy

BLACK = 0
MUCH = 0.02
"""Share of the pixels from which on black without a name is asked for. As the border
of objects it is less: VOC's takes 5 % of the pixels, but has a colour of its own."""
BORDER = (224, 224, 192)
"""VOC's colour for the borders of objects, which count nowhere."""
SMOOTH = 16
"""Unknown colours above which they come of smoothing or JPEG, not of a short legend."""


def colour_table(
    seen: Mapping[int, Seen],
    legend: Legend,
    flags: MaskFlags,
    mapping: MaskMap | None,
    alpha: bool = False,
) -> ClassTable:
    """The class of each colour, by --map or the legend. alpha: the files have it.

    seen: the colours that occur, as R << 16 | G << 8 | B.

    Raises UserError where a colour has no class, or black may be one.
    """
    if mapping is not None:
        classes, taxonomy = mapping.of_colours(legend), mapping.taxonomy(legend)
        source = str(mapping.file)
    elif legend.colours:
        ignored = set(flags.ignore_colour)
        kept = [i for i, c in enumerate(legend.colours) if c not in ignored]
        taxonomy = Taxonomy(
            tuple(legend.names[i] for i in kept),
            tuple(legend.colours[i] for i in kept),
        )
        classes = {colour: i for i, colour in enumerate(taxonomy.colours)}
        source = legend.file or "the legend"
    else:
        hint = " If the mask is the alpha channel, say --alpha." if alpha else ""
        raise UnnamedColoursError(
            f"{_unnamed(seen, legend)}{hint}", {unpacked(code) for code in seen}
        )
    codes = {_packed(colour): class_id for colour, class_id in classes.items()}
    notes = _ignored(seen, codes, legend, flags, source, taxonomy.ignore)
    unknown = [code for code in seen if code not in codes]
    if unknown:
        unknown.sort(key=lambda code: -seen[code].pixels)
        raise UnknownValueError(_unknown(seen, unknown, source), unknown)
    return ClassTable(taxonomy, codes, notes)


def palette_table(seen: Mapping[int, Seen], flags: MaskFlags) -> ClassTable:
    """A class for each colour, numbered in the order of the colours, black first."""
    ignored = {_packed(colour) for colour in flags.ignore_colour}
    codes = [code for code in seen if code not in ignored]
    limited(len(codes))
    taxonomy = Taxonomy(
        tuple(f"class_{i}" for i in range(len(codes))),
        tuple(unpacked(code) for code in codes),
    )
    table = {code: i for i, code in enumerate(codes)}
    return ClassTable(taxonomy, table | dict.fromkeys(ignored, taxonomy.ignore))


def _ignored(
    seen: Mapping[int, Seen],
    codes: dict[int, int],
    legend: Legend,
    flags: MaskFlags,
    source: str,
    ignore: int,
) -> tuple[str, ...]:
    """Adds the colours to `codes` that are ignored; sentences about them."""
    for colour in (*legend.ignored_colours, *flags.ignore_colour):
        codes.setdefault(_packed(colour), ignore)
        if colour in flags.ignore_colour:
            codes[_packed(colour)] = ignore
    notes = []
    border = _packed(BORDER)
    voc = voc_colours()
    if border in seen and border not in codes and set(legend.colours) <= voc:
        codes[border] = ignore
        notes.append(f"{BORDER} is VOC's colour for borders.")
    if BLACK in seen and BLACK not in codes:
        part = share(seen, [BLACK])
        if part >= MUCH:
            raise UserError(
                f"Black is {percent(part)} of the pixels, and {source} does not name "
                "it. Add a line 'background 0 0 0' if it is a class, or say "
                "--ignore-colour 0 0 0."
            )
        codes[BLACK] = ignore
        notes.append(f"Black, which has no name, is ignored ({percent(part)}).")
    return tuple(notes)


def _unnamed(seen: Mapping[int, Seen], legend: Legend) -> str:
    order = sorted(seen, key=lambda code: -seen[code].pixels)
    file = next(
        (seen[c].first for c in order if len(set(unpacked(c))) > 1),
        seen[order[0]].first,
    )
    says = f"Mask {file}: It holds colours ({len(seen)}, such as "
    says += f"{listed([unpacked(code) for code in order], 6)})"
    if len(seen) > IGNORE:
        return f"{says}. So many come of smoothing or JPEG, or this is a picture: " + (
            "export the masks again, resized by nearest neighbour, as PNG."
        )
    if legend.names:
        says += f", and {legend.file or 'the legend'} gives names without colours"
    says += ". Say which class each is: lines 'name R G B' in classes.txt."
    if _channels(seen):
        says += " If each channel is a class of its own, say --per-class channels."
    return says


def _channels(seen: Mapping[int, Seen]) -> bool:
    """Whether each channel has two values, as if it were a mask of its own."""
    colours = [unpacked(code) for code in seen]
    return all(set(values) <= {0, 255} for values in colours) and len(colours) > 2


def _unknown(seen: Mapping[int, Seen], unknown: list[int], source: str) -> str:
    first, one = unpacked(unknown[0]), seen[unknown[0]]
    says = f"Mask {one.first}: Colour {first} is not a class of {source} "
    says += f"({len(unknown)} unknown colours, {percent(share(seen, unknown))} of the "
    says += "pixels). "
    if len(unknown) > SMOOTH:
        return says + (
            "So many come of smoothing or JPEG: export the masks again, resized by "
            "nearest neighbour, as PNG."
        )
    colour = " ".join(map(str, first))
    return f"{says}Add a line 'name {colour}', or say --ignore-colour {colour}."


def _packed(colour: Colour) -> int:
    red, green, blue = colour
    return red << 16 | green << 8 | blue


def voc_colours() -> set[Colour]:
    """The first 21 colours of VOC: bits of the index, in turn red, green and blue."""
    out = set()
    for index in range(21):
        red = green = blue = 0
        rest = index
        for bit in range(7, -1, -1):
            red |= (rest & 1) << bit
            green |= (rest >> 1 & 1) << bit
            blue |= (rest >> 2 & 1) << bit
            rest >>= 3
        out.add((red, green, blue))
    return out
