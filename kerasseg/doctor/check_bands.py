"""Finds bands that say nothing, are cut off, missing or exchanged, and empty images."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from kerasseg.doctor.facts import Facts
from kerasseg.doctor.finding import Finding, error, shots, warning
from kerasseg.doctor.images import LEVELS, BandFacts
from kerasseg.doctor.survey import Survey

NOISE = 0.2
"""Correlation of neighbouring pixels below which an image holds nothing but noise, if
its deviation is also below 1 / 255 of what the set holds. Of noise it is 0. The least
of every fourth image: CamVid and DSB nuclei 0.87, ISBI membranes 0.80, Sentinel 0.73.
"""

SATURATED = 0.01
"""Share of a band's pixels that may hold its largest value."""
SATURATED_PICTURE = 0.25
"""The same for pictures of 8 bits, in which white is a colour: paper, sky. CamVid has
0.14 in its brightest band."""
MIRRORED = 3.0
"""Bands are taken for exchanged in some images if their difference is the same in all
but for its sign: its amount, in units of its own spread. Around 0, 1.1 is usual."""
CLEAR = 0.25
"""That amount must also be so much of the bands' own deviation: noise has less."""
EXCHANGED = 6
"""Images below which that proves nothing."""

EMPTY = 0.01
"""Share of pixels with one suspicious value in all bands that is worth a word."""
MUCH_EMPTY = 0.1
"""The same of a single image."""


def _known(survey: Survey) -> list[tuple[Facts, BandFacts]]:
    """Images with pixels that were measured."""
    return [
        (facts, facts.bands)
        for facts in survey.good
        if facts.bands is not None and facts.bands.invalid < 1
    ]


def blank(survey: Survey) -> list[Finding]:
    """Images of one colour, or of noise alone; a low range is no fault."""
    known = _known(survey)
    if not known:
        return []
    if survey.images.format.is_picture:
        spread = np.full(survey.images.format.channels, 255.0)
    else:
        spread = _largest(known) - np.min([b.smallest for _, b in known], 0)
    empty = [
        facts
        for facts, bands in known
        if not bands.deviation.any()
        or ((bands.deviation < spread / 255).all() and bands.structure < NOISE)
    ]
    if not empty:
        return []
    says = f"{shots(empty, len(survey.good))}: the image is of one colour, or holds "
    says += "nothing but noise."
    return [warning("blank", says, "Remove them, unless they are meant.", empty)]


def constant(survey: Survey) -> list[Finding]:
    """Bands of one value: in all images, or in some."""
    names = survey.images.format.bands
    known = [(f, b) for f, b in _known(survey) if b.deviation.any()]
    if not known or len(names) == 1:
        return []
    flat = np.array([bands.deviation == 0 for _, bands in known])  # (N, C)
    always = np.asarray(flat.all(0))
    found = []
    if always.any():
        says = f"The {_bands(names, always)} one value in all images: nothing can be "
        says += "learned from it."
        keep = " ".join(str(i + 1) for i in range(len(names)) if not always[i])
        fix = f"Look whether the files are whole; --image-bands {keep} of prepare "
        fix += "folder leaves it out."
        found.append(warning("bands", says, fix, [known[0][0]]))
    # A map of kinds may hold one kind alone, and a lake is flat.
    measured = np.median([bands.levels for _, bands in known], 0) > LEVELS
    values = np.array([bands.smallest for _, bands in known])
    missing = flat & ~always & measured & np.isin(values, _nothing(survey))
    some = [f for (f, _), row in zip(known, missing, strict=True) if row.any()]
    if some:
        says = f"{shots(some, len(survey.good))}: {_bands(names, missing.any(0))} one "
        says += "value there "
        says += f"({', '.join(f'{value:g}' for value in np.unique(values[missing]))}), "
        says += "and many in other images: as if it was missing."
        fix = "Export these images again with all bands, or remove them."
        found.append(warning("bands", says, fix, some))
    return found


def _nothing(survey: Survey) -> list[float]:
    """Values that often mean that there is none."""
    return [0.0, -9999.0, *survey.images.format.limits]


def saturated(survey: Survey) -> list[Finding]:
    """Bands whose largest value stands for all that is larger."""
    known = _known(survey)
    if not known:
        return []
    image_format = survey.images.format
    largest, share = _largest(known), saturation(survey)
    limit = SATURATED_PICTURE if image_format.is_picture else SATURATED
    cut = (share > limit) & (np.median([b.levels for _, b in known], 0) > LEVELS)
    if not cut.any():
        return []
    listed = ", ".join(
        f"{name} {share[i]:.1%} at {largest[i]:g}"
        for i, name in enumerate(image_format.bands)
        if cut[i]
    )
    bands = np.flatnonzero(cut)
    worst = sorted(
        (pair for pair in known if (pair[1].largest == largest)[bands].any()),
        key=lambda pair: -max(_at(pair[1], largest)[bands]),
    )
    says = f"Many pixels hold the largest value of their band ({listed}): what was "
    says += "brighter is cut off."
    fix = "Export the images again in a wider range or type, if the source has more; "
    fix += "else nothing can be done, and it does little harm."
    return [warning("saturated", says, fix, [facts for facts, _ in worst])]


def saturation(survey: Survey) -> np.ndarray:
    """(C,) share of the pixels that hold the largest value of the set."""
    known = _known(survey)
    largest = _largest(known)
    return np.mean([_at(bands, largest) for _, bands in known], 0)


def _largest(known: list[tuple[Facts, BandFacts]]) -> np.ndarray:
    return np.max([bands.largest for _, bands in known], 0)


def _at(bands: BandFacts, largest: np.ndarray) -> np.ndarray:
    return np.where(bands.largest == largest, bands.at_largest, 0)


def exchanged(survey: Survey) -> list[Finding]:
    """Files that hold two bands in the other order, such as BGR among RGB.

    Seen where the difference of the two is large and even but for its sign. In ordinary
    photographs it varies, and nothing can be told.
    """
    names, known = survey.images.format.bands, _known(survey)
    if len(names) < 2 or len(known) < EXCHANGED:
        return []
    means = np.array([bands.mean for _, bands in known])
    deviations = np.array([bands.deviation for _, bands in known])
    measured = np.median([bands.levels for _, bands in known], 0) > LEVELS
    found = []
    for one, other in combinations(np.flatnonzero(measured), 2):
        difference = means[:, one] - means[:, other]
        amount = np.abs(difference)
        middle = float(np.median(amount))
        spread = 1.4826 * float(np.median(np.abs(amount - middle)))
        fewer = difference < 0 if (difference < 0).mean() <= 0.5 else difference > 0
        rest = amount[fewer]
        if fewer.sum() < 2 or middle <= MIRRORED * spread:
            continue
        if middle < CLEAR * float(np.median(deviations[:, [one, other]])):
            continue
        if np.median(np.abs(rest - middle)) > 2 * max(spread, 0.02 * middle):
            continue  # a kind of its own
        usual = np.median(means[~fewer], 0)
        there = np.median(means[fewer], 0)
        as_it_is = abs(there[one] - usual[one]) + abs(there[other] - usual[other])
        turned = abs(there[one] - usual[other]) + abs(there[other] - usual[one])
        if turned >= 0.5 * as_it_is:
            continue  # one of the two differs, as height does in mountains
        strength = middle / max(spread, 1e-9)
        found.append((strength, one, other, fewer))
    if not found:
        return []
    _, one, other, fewer = max(found, key=lambda entry: entry[0])
    files = [f for (f, _), is_fewer in zip(known, fewer, strict=True) if is_fewer]
    says = f"{shots(files, len(survey.good))}: the bands {names[one]} and "
    says += f"{names[other]} seem to be exchanged, for they differ from each other as "
    says += "in the other images, but the other way round."
    fix = "Look at them, and save them with the bands in the order of the others."
    return [warning("order", says, fix, files)]


def nodata(survey: Survey) -> list[Finding]:
    """Pixels where nothing was measured: many, or such that nobody says so."""
    good = [(f, f.bands) for f in survey.good if f.bands is not None]
    if not good:
        return []
    found = []
    nothing = [facts for facts, bands in good if bands.invalid >= 1]
    if nothing:
        says = f"{shots(nothing, len(good))}: no pixel was measured (nodata, NaN or "
        says += "transparent)."
        fix = "They teach nothing: remove them. If pixels were measured, correct the "
        fix += "nodata value of the files (gdal_edit.py -unsetnodata FILE.tif)."
        kind = error if len(nothing) == len(good) else warning
        found.append(kind("nodata", says, fix, nothing))
    invalid = float(np.mean([bands.invalid for _, bands in good]))
    if invalid > 0.5 and len(nothing) < len(good):
        says = f"In {invalid:.0%} of the pixels nothing was measured (nodata, NaN or "
        says += "transparent): they are ignored."
        fix = "Check that the nodata value of the files is right (gdalinfo FILE), and "
        fix += "cut images to what was measured."
        found.append(warning("nodata", says, fix, [facts for facts, _ in good]))
    known = [(f, b) for f, b in good if b.invalid < 1]
    return found + (_unsaid(survey, known) or _in_one_band(survey, known))


def _unsaid(survey: Survey, known: list[tuple[Facts, BandFacts]]) -> list[Finding]:
    """One value in all bands of many pixels, that the files do not call nodata."""
    shares: dict[float, float] = {}
    for _, bands in known:
        shares[bands.empty] = shares.get(bands.empty, 0.0) + bands.at_empty
    value, total = max(shares.items(), key=lambda pair: pair[1], default=(0.0, 0.0))
    files = [f for f, b in known if b.empty == value and b.at_empty >= EMPTY]
    much = any(b.at_empty >= MUCH_EMPTY for _, b in known if b.empty == value)
    if not files or (total / len(known) < EMPTY and not much):
        return []
    says = f"{shots(files, len(survey.good))}: {total / len(known):.1%} of all pixels "
    says += f"hold {value:g} in every band, and the files do not say that this means "
    says += "nodata."
    fix = "If nothing was measured there, say so in the files (gdal_edit.py -a_nodata "
    fix += f"{value:g} FILE.tif): these pixels are then ignored."
    return [warning("nodata", says, fix, files)]


def _in_one_band(survey: Survey, known: list[tuple[Facts, BandFacts]]) -> list[Finding]:
    """-9999 and the like in single bands, where pixels of the others were measured."""
    image_format = survey.images.format
    marks = [-9999.0]
    if image_format.type == "int16":
        marks.append(image_format.limits[0])
    smallest = np.array([bands.smallest for _, bands in known])
    marked = np.isin(smallest, marks)
    if image_format.channels == 1 or not marked.any():
        return []
    bands = marked.any(0)
    files = [f for (f, _), row in zip(known, marked, strict=True) if row.any()]
    values = ", ".join(f"{value:g}" for value in np.unique(smallest[marked]))
    says = f"{shots(files, len(survey.good))}: {_bands(image_format.bands, bands)} "
    says += f"{values}, which often means that nothing was measured; the network would "
    says += "take it for a number."
    fix = "Fill these pixels in"
    if not bands.all():
        keep = " ".join(str(i + 1) for i in np.flatnonzero(~bands))
        fix += f", or leave the band out: --image-bands {keep} of prepare folder"
    return [warning("nodata", says, f"{fix}.", files)]


def _bands(names: tuple[str, ...], chosen: Any) -> str:
    listed = [name for name, wanted in zip(names, chosen, strict=True) if wanted]
    if len(listed) == 1:
        return f"band {listed[0]} holds"
    return f"bands {', '.join(listed)} hold"


def used_bits(survey: Survey) -> str:
    """ "3 to 4011 (12 of 16 bits)": the values of all bands; "" where unknown."""
    known = _known(survey)
    if not known:
        return ""
    low = min(float(bands.smallest.min()) for _, bands in known)
    high = float(_largest(known).max())
    text = f"{low:g} to {high:g}"
    kind = survey.images.format.type
    if kind == "uint16":
        text += f" ({max(1, int(high).bit_length())} of 16 bits)"
    return text


def rows(survey: Survey) -> list[tuple[str, float, float, float, float, float]]:
    """Of each band: name, smallest, largest, mean, deviation, share at the largest."""
    known = _known(survey)
    if not known:
        return []
    share = saturation(survey)
    weights = np.array([f.size[0] * f.size[1] * (1 - b.invalid) for f, b in known])
    means = np.array([b.mean for _, b in known])
    squares = np.array([b.deviation**2 + b.mean**2 for _, b in known])
    mean = np.average(means, 0, weights)
    square = np.average(squares, 0, weights)
    deviation = np.sqrt(np.maximum(0, square - mean**2))
    smallest = np.min([b.smallest for _, b in known], 0)
    columns = smallest, _largest(known), mean, deviation, share
    return [
        (name, *(float(column[i]) for column in columns))  # type: ignore[misc]
        for i, name in enumerate(survey.images.format.bands)
    ]
