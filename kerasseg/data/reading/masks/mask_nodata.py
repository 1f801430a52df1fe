"""Values that the files of masks call nodata, and that are ignored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from kerasseg import UserError
from kerasseg.data.reading.legends.legend import Legend
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.data.reading.masks.mask_map import MaskMap
from kerasseg.data.reading.masks.mask_survey import Look
from kerasseg.taxonomy import IGNORE


def nodata_of(
    looks: Sequence[Look], flags: MaskFlags, mapping: MaskMap | None, legend: Legend
) -> tuple[float, ...]:
    """Values that files call nodata and that are ignored.

    Raises UserError for a value that is a class id as well.
    """
    found = {k.nodata: k for k in looks if k.nodata is not None}
    named = legend.stored_ids() if len(legend.names) > IGNORE else ()
    out = []
    for value, one in found.items():
        class_id = 0 <= value < IGNORE or value in named
        class_id = class_id and any(value in k.counts for k in looks)
        said = value in flags.ignore or flags.read_as == "ids" or mapping is not None
        if math.isnan(value):
            continue
        if class_id and not said:
            raise UserError(
                f"Mask {one.file} calls {value:g} nodata, and {value:g} may be a class "
                f"as well. Say --ignore {value:g} to ignore it, or --read-as ids to "
                "keep it as a class."
            )
        if not class_id:
            out.append(value)
    return tuple(sorted(out))


def without(one: Look, nodata: tuple[float, ...]) -> Look:
    """The look without its nodata pixels, which count as missing."""
    if one.nodata is None or one.nodata not in nodata or one.form != "numbers":
        return one
    counts = {v: n for v, n in one.counts.items() if v != one.nodata}
    lost = sum(one.counts.values()) - sum(counts.values())
    return replace(one, counts=counts, missing=one.missing + lost)
