"""Where foreground begins in masks of two values: --binary, --alpha, --threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from kerasseg import UserError
from kerasseg.data.reading.masks.class_table import listed
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.data.reading.masks.mask_survey import Look, unpacked

By = Literal["ids", "colours"]
BACKGROUNDS = ("background", "_background_", "bg")
"""What legends and layers call the class of what is nothing else."""
MUCH = 0.3
"""Share of pixels far from both values from which on masks are not two smoothed values:
on borders alone they are fewer."""
SMOOTH = 8
"""Different values above which a mask of two values was smoothed."""


@dataclass(frozen=True)
class Foreground:
    """Values above `above` are foreground. by: what values a palette stands for."""

    above: float
    by: By = "colours"

    def __str__(self) -> str:
        return "not 0" if self.above == 0 else f"above {self.above:g}"


def foreground(looks: Sequence[Look], flags: MaskFlags) -> Foreground:
    """Of gray levels, or of the brightest channel of colours.

    Raises UserError where it is not clear, with the flag that settles it.
    """
    by = _palette_by(looks, flags)
    counts: dict[int, int] = {}
    for look in looks:
        if look.fraction is not None:
            raise UserError(
                f"Mask {look.file}: It holds {look.fraction:g}, no whole number. Say "
                "--threshold 0.5 in place of --binary, if these are probabilities."
            )
        for value, pixels in levels(look, by).items():
            if value not in flags.ignore:
                counts[value] = counts.get(value, 0) + pixels
    lossy = any(look.lossy for look in looks)
    colours = {c for look in looks if not look.gray for c in _colours(look)}
    if len(colours) > 2 and not lossy and by == "colours":
        some = listed([unpacked(c) for c in sorted(colours)], 4)
        raise UserError(
            f"The masks hold {len(colours)} colours ({some}), --binary is for two "
            "values. Name the colours in classes.txt: lines 'name R G B'."
        )
    return Foreground(above(counts, lossy, looks[0], "--binary"), by)


def above(counts: Mapping[int, int], lossy: bool, first: Look, flag: str) -> float:
    """The value above which foreground begins: 0 for two values, the middle for
    smoothed ones, which are few between the two.

    counts: pixels of each value.

    Raises UserError where the two disagree and nothing says that it was smoothed.
    """
    values = sorted(counts)
    if len(values) < 2:
        return 0
    low, high = values[0], values[-1]
    middle = 127 if high <= 255 else 32767
    between = [v for v in values if 0 < v <= middle and v != high]
    if flag == "--binary" and not lossy and len(values) <= SMOOTH:
        # 0, 128, 255: a trimap, in which the third value is neither
        between += [v for v in values if middle < v < high * 7 / 8]
    if low < 0 or (len(values) == 2 and low > 0):
        raise UserError(
            f"Mask {first.file}: the masks hold {listed(values)}, and {flag} expects 0 "
            f"and another value. Say --threshold {high} if foreground begins there."
        )
    if not between:
        return 0
    gray = sum(n for v, n in counts.items() if high / 8 < v < high * 7 / 8)
    few = gray < MUCH * sum(counts.values())
    if (lossy or len(values) > SMOOTH) and high > middle and few:
        return middle
    if values == [0, 1, 255]:
        raise UserError(
            f"The masks hold 0, 1 and 255 (such as {first.file}). Leave out {flag} if "
            "255 means ignore; say --threshold 1 if it is foreground too."
        )
    void = f", or --ignore {values[1]} too if it is void" if len(values) == 3 else ""
    raise UserError(
        f"The masks hold {len(values)} values ({listed(values)}), {flag} is for two. "
        f"Leave it out if they are class ids; else say where foreground begins, "
        f"such as --threshold {values[1]} for all that is not 0{void}."
    )


def levels(look: Look, by: By) -> dict[int, int]:
    """Pixels of each gray level, of the brightest channel, or of each palette index."""
    if look.form == "numbers" or (look.form == "palette" and by == "ids"):
        return look.counts
    out: dict[int, int] = {}
    for code, pixels in look.counts.items():
        colour = max(look.palette[code], 0) if look.form == "palette" else code
        level = max(unpacked(colour))
        out[level] = out.get(level, 0) + pixels
    return out


def _colours(look: Look) -> set[int]:
    return set(look.palette.values() if look.form == "palette" else look.counts)


def _palette_by(looks: Sequence[Look], flags: MaskFlags) -> By:
    if flags.read_as != "auto":
        return flags.read_as
    palettes = [look for look in looks if look.form == "palette"]
    if not palettes or any(len(look.counts) > 2 for look in palettes):
        return "colours"
    for look in palettes:
        for index, colour in look.palette.items():
            if (index != 0) != (colour > 0):
                raise UserError(
                    f"Mask {look.file}: palette index {index} has the colour "
                    f"{unpacked(max(colour, 0))}. Say --read-as ids if all but index 0 "
                    "is foreground, --read-as colours if all but black is."
                )
    return "ids"


def threshold(looks: Sequence[Look], value: float) -> Foreground:
    """For --threshold VALUE: foreground is what is not below it.

    Raises UserError for a value that belongs to another range of numbers.
    """
    import numpy as np

    high = max(_high(look) for look in looks)
    uneven = any(look.fraction is not None for look in looks)
    if 0 < value < 1 < high and not uneven:
        raise UserError(
            f"The masks hold whole numbers up to {high:g}: say --threshold in these "
            f"units, such as --threshold {value * (255 if high > 1 else 1):g}."
        )
    return Foreground(float(np.nextafter(np.float32(value), np.float32(-np.inf))))


def _high(look: Look) -> float:
    if look.form == "numbers":
        return look.high
    return max(levels(look, "colours"), default=0)
