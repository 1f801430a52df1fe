"""Where the id of a label map changes from one pixel to the next."""

from __future__ import annotations

import numpy as np


def borders(
    label: np.ndarray,
    *,
    both_sides: bool = False,
    valid: np.ndarray | None = None,
) -> np.ndarray:
    """Marks the pixels at which a label map changes its id.

    Neighbours are the four pixels above, below, left and right. The edge of the map is
    no border.

    Args:
        label: (H, W) ids of any integer or boolean type.
        both_sides: False marks the left or upper pixel of two that differ, which makes
            a line one pixel wide. True marks both.
        valid: (H, W) bool. Two neighbours make a border only if both are valid. All
            pixels are valid by default, ignored ones (255) too: then the rim of an
            ignored area is a border.

    Returns:
        (H, W) bool.

    >>> borders(np.array([[1, 1, 2, 2]])).astype(int)
    array([[0, 1, 0, 0]])
    >>> borders(np.array([[1, 1, 2, 2]]), both_sides=True).astype(int)
    array([[0, 1, 1, 0]])
    """
    marked = np.zeros(label.shape, bool)
    for first, second in (np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:]):
        differ = label[first] != label[second]
        if valid is not None:
            differ &= valid[first] & valid[second]
        marked[first] |= differ
        if both_sides:
            marked[second] |= differ
    return marked
