"""Finds signs that a mask was resized or blurred as if it were a picture."""

from __future__ import annotations

import numpy as np

STEPS = 100
"""Places with a jump of ids below which a mask is too plain to be judged."""


def in_between(ids: np.ndarray) -> tuple[float, int]:
    """How often a pixel holds an id strictly between those of its two neighbours.

    Ids are names, so between class 2 and class 7 there is no reason for a 4: but
    bilinear interpolation makes one. Looked at along rows and columns, at every place
    whose two neighbours differ by more than 1. Gives the share of such places whose
    middle lies between, and how many different ids stand there; (0, 0) for masks with
    fewer than `STEPS` such places. Ids (H, W); those below 0 are left out.
    """
    found, jumps, kinds = 0, 0, set()
    for lines in (ids, ids.T):
        before, middle, after = lines[:, :-2], lines[:, 1:-1], lines[:, 2:]
        low, high = np.minimum(before, after), np.maximum(before, after)
        jump = (high - low > 1) & (low >= 0)
        between = jump & (middle > low) & (middle < high)
        jumps += int(jump.sum())
        found += int(between.sum())
        kinds |= set(np.unique(middle[between]).tolist())
    return (found / jumps, len(kinds)) if jumps >= STEPS else (0.0, 0)
