"""Connected pieces: which pixels of one id hang together."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import cv2
import numpy as np


def connected(
    label: np.ndarray,
    *,
    connectivity: Literal[4, 8],
    background: Collection[int] = (0,),
) -> np.ndarray:
    """Numbers the connected pieces of a label map.

    Args:
        label: (H, W) ids, integer or boolean. A piece has one id throughout.
        connectivity: 4 joins pixels that share a side, 8 also those that share only a
            corner.
        background: ids that make no piece.

    Returns:
        (H, W) int32: 0 on the background, and 1, 2, ... on the pieces, lower ids first.

    >>> diagonal = np.eye(3, dtype=int)
    >>> int(connected(diagonal, connectivity=8).max())
    1
    >>> int(connected(diagonal, connectivity=4).max())
    3
    """
    pieces = np.zeros(label.shape, np.int32)
    count = 0
    for value in np.unique(label):
        if value in background:
            continue
        mask = label == value
        found, numbers = cv2.connectedComponents(
            mask.astype(np.uint8), connectivity=connectivity
        )
        pieces[mask] = numbers[mask] + count
        count += found - 1
    return pieces
