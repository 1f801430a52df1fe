"""--data.normalise: from the statistics of records to a network's first layers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from kerasseg import UserError, config
from kerasseg.image_format import BandStatistics, ImageFormat, InputRange
from kerasseg.volume_format import VolumeFormat


def input_range_of(
    image_format: ImageFormat,
    normalise: Sequence[str] = ("auto",),
    volume: VolumeFormat | None = None,
) -> InputRange | None:
    """The range of a network's first layers by --data.normalise; None: no change.

    volume: of volumes. Where each was standardised as it was read, "auto" leaves the
    numbers as they are.

    Mean and deviation are those of the records, of all values. Where values are
    clipped, both are brought to what clipped values can have: a mean between the
    limits and half their distance as the largest deviation, so that a few huge numbers
    do not make all others the same.

    Raises UserError for wrong words, and where the records have no statistics to scale
    by.
    """
    name, low, high = config.normalisation(normalise)
    bands = image_format.channels
    if name == "auto" and volume and volume.normalise == "zscore":
        infinite = (math.inf,) * bands
        nothing = tuple(-x for x in infinite), infinite
        return InputRange(*nothing, (0.0,) * bands, (1.0,) * bands)
    if name == "auto":
        name = "none" if image_format.is_rgb8 else "percentile"
    if name == "none":
        return None
    if name == "range":
        ends = (low,) * bands, (high,) * bands
        return InputRange(*ends, ends[0], (high - low,) * bands, picture=True)
    known = image_format.statistics
    if not known:
        raise UserError(
            f"--data.normalise {name} needs the statistics of each band, and records "
            f"of {image_format} have none. Use --data.normalise range LOW HIGH, or "
            "none."
        )
    if name == "zscore":
        infinite = (math.inf,) * bands
        means = tuple(band.mean for band in known)
        deviations = tuple(band.deviation for band in known)
        return InputRange(tuple(-x for x in infinite), infinite, means, deviations)
    numbers = zip(*map(_clipped, known), strict=True)
    lows, highs, means, deviations = numbers
    return InputRange(lows, highs, means, deviations)


def normalisation_in_words(
    image_format: ImageFormat, data: config.Data, volume: VolumeFormat | None = None
) -> str:
    """What the first layers do, for the lines that a training begins with."""
    found = input_range_of(image_format, data.normalise, volume)
    if not found:
        return "numbers as they are"
    if (set(found.mean), set(found.deviation)) == ({0.0}, {1.0}):
        return "each volume standardised as it was read"
    if found.picture:
        return f"{found.low[0]:g} to {found.high[0]:g} seen as 0 to 255"
    what = "scaled by mean and deviation of each band"
    if math.isfinite(found.low[0]):
        what = f"clipped to the percentiles 0.5 and 99.5 and {what}"
    empty = [
        name
        for name, deviation in zip(image_format.bands, found.deviation, strict=True)
        if not deviation
    ]
    return what + (f"; always the same: {', '.join(empty)}" if empty else "")


def _clipped(band: BandStatistics) -> tuple[float, float, float, float]:
    """low, high, mean and deviation of a band that is clipped to its percentiles; to
    its smallest and largest value where both percentiles are the same number."""
    low, high = band.low, band.high
    if low >= high:
        low, high = band.smallest, band.largest
    mean = min(max(band.mean, low), high)
    return low, high, mean, min(band.deviation, (high - low) / 2)
