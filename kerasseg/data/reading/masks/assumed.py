"""What masks most likely mean where no flag and no legend settles it: `--assume`.

Only what would be refused is assumed: masks of two values whatever they are, colours
that nothing names, and numbers with gaps. Where two readings are as likely (0, 128 and
255, instance ids), nothing is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from kerasseg.data.reading.legends.legend import Legend
from kerasseg.data.reading.legends.legend_entry import Colour
from kerasseg.data.reading.masks.class_table import listed, percent, share
from kerasseg.data.reading.masks.colour_table import BORDER, voc_colours
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.data.reading.masks.mask_layers import Layers, MaskFile
from kerasseg.data.reading.masks.mask_survey import (
    Look,
    Seen,
    colours_in,
    totals,
)
from kerasseg.data.reading.masks.two_values import SMOOTH
from kerasseg.taxonomy import IGNORE

WHITE = 200
"""From which level on the highest of many may be white that was smoothed."""
BETWEEN = 0.15
"""Share of the pixels at most between black and white, where two values were smoothed:
of a disc of 60 pixels 0.1. A photograph in gray has 0.6 to 0.9 of them."""
MOST_COLOURS = 64
SOLID = 0.75
"""Share of the colours that must fill two by two pixels somewhere."""
LOOKED_AT = 20
"""Files in which colours of smoothed borders have to show."""
MOST_IDS = 32
"""Numbers with gaps above which they count objects rather than classes."""


def flags_for(looks: Sequence[Look]) -> tuple[MaskFlags, str] | None:
    """The flags that numbers or gray levels call for, and a sentence that says so; None
    where it is open what they mean."""
    if any(look.fraction is not None for look in looks):
        return None
    if not all(look.gray or look.form == "palette" for look in looks):
        return None
    seen = totals((look.file, look.numbers) for look in looks)
    values = list(seen)
    if len(values) < 2 or values[0] < 0:
        return None
    if values[0] == 0 and len(values) == 2:
        part = percent(share(seen, values[1:]))
        says = f"Assumed: 0 is the background, {values[1]} the foreground, {part} of "
        return MaskFlags(binary=True), f"{says}the pixels (--binary)."
    if _smoothed(seen, lossy=any(look.lossy for look in looks)):
        part = percent(share(seen, [v for v in values if v > IGNORE // 2]))
        says = f"Assumed: black is the background, white the foreground, {part} of the "
        says += "pixels, and the levels between are their smoothed borders (--binary)."
        return MaskFlags(binary=True), says
    several = len(looks) == 1 or all(one.files > 1 for one in seen.values())
    if IGNORE not in seen and values[-1] < IGNORE and several:
        if len(values) <= MOST_IDS:
            says = f"Assumed: the numbers {listed(values)} are {len(values)} classes "
            return MaskFlags(compact=True), f"{says}(--compact)."
    return None


def legend_for(colours: Collection[Colour], files: Sequence[MaskFile]) -> Legend | None:
    """A class for each colour, called by it, such as colour_ff8000; None where they
    come of smoothing or a JPEG.

    The border of VOC's objects is no class of theirs.
    """
    if len(colours) > MOST_COLOURS:
        return None
    plain = [file for file in files if not isinstance(file, Layers)][:LOOKED_AT]
    found = [colours_in(file) for file in plain]
    seen, solid = (set[int]().union(*(one[part] for one in found)) for part in (0, 1))
    if len(solid) < SOLID * len(seen):
        return None
    kept = sorted(colours)
    if {*kept} - {BORDER} <= voc_colours():
        kept = [colour for colour in kept if colour != BORDER]
    names = tuple(f"colour_{r:02x}{g:02x}{b:02x}" for r, g, b in kept)
    says = f"Assumed: each of the {len(kept)} colours is a class, called by its number."
    cure = " Lines 'name R G B' in classes.txt name them."
    return Legend(names, tuple(kept), notes=(says + cure,))


def _smoothed(seen: Mapping[int, Seen], lossy: bool) -> bool:
    """Whether gray levels are black and white with soft borders."""
    low, *_, high = seen
    if low > 0 or not WHITE <= high <= 255 or not (lossy or len(seen) > SMOOTH):
        return False
    total = sum(one.pixels for one in seen.values())
    between = sum(o.pixels for v, o in seen.items() if high / 8 < v < high * 7 / 8)
    return between < BETWEEN * total
