"""Checks of volumes: the size of their voxels."""

from __future__ import annotations

import numpy as np

from kerasseg.doctor.finding import Finding, warning
from kerasseg.doctor.survey import Survey

APART = 2.0
"""How many times larger voxels may be along an axis than others of their set: a
network learns sizes in voxels."""


def spacing(survey: Survey) -> list[Finding]:
    """Volumes whose voxels are much larger or smaller than those of most."""
    known = [f for f in survey.good if f.entry.volume]
    if not known:
        return []
    sides = np.array([f.entry.volume.spacing for f in known if f.entry.volume])
    median = np.median(sides, axis=0)
    apart = np.maximum(sides / median, median / sides).max(axis=1) > APART
    found = [facts for facts, far in zip(known, apart, strict=True) if far]
    if not found:
        return []
    first = sides[apart][0]
    names = ", ".join(facts.entry.id for facts in found[:3])
    return [
        warning(
            "spacing",
            f"{len(found)} of {len(known)} volumes ({names}) have voxels over "
            f"{APART:g} times larger or smaller than most, such as {_mm(first)}; the "
            f"median is {_mm(median)}.",
            f"Prepare them with --spacing {' '.join(f'{mm:.3g}' for mm in median)}, or "
            "take them out.",
            found,
        )
    ]


def _mm(sides: np.ndarray) -> str:
    return f"{' x '.join(f'{mm:.3g}' for mm in sides)} mm"
