"""Maps of object ids: of connected components, and where objects touch."""

from __future__ import annotations

import numpy as np

from kerasseg import UserError
from kerasseg.labels.connected import connected


def touching(instance: np.ndarray) -> np.ndarray:
    """Pixels to clear so that no two objects touch, not even at a corner.

    instance: (H, W) object ids, 0 = none. Returns (H, W) bool. Of two neighbouring
    pixels of different objects the one of the larger object is taken, so the gap is
    one pixel wide: the background ridge between touching cells that U-Net (Ronneberger
    et al. 2015, section 3.1) has in its training labels.
    """
    areas = np.bincount(instance.ravel())
    areas[0] = 0
    rank = np.empty(areas.size, np.int64)
    rank[np.argsort(areas, kind="stable")] = np.arange(areas.size)
    size = np.where(instance > 0, rank[instance] + 1, 0)  # larger object, larger number
    cleared = np.zeros(instance.shape, bool)
    for down, right in (0, 1), (1, 0), (1, 1), (1, -1):
        one, other = _shifted(down, right)
        a, b = size[one], size[other]
        touch = (a > 0) & (b > 0)
        cleared[one] |= touch & (a > b)
        cleared[other] |= touch & (b > a)
    return cleared


def components(mask: np.ndarray) -> np.ndarray:
    """(H, W) mask -> (H, W) uint16 ids of its 4-connected components, 0 outside.

    4-connected: two cells whose corners meet across a thin membrane are two cells.

    Raises UserError for more components than there are ids.
    """
    ids = connected(np.asarray(mask) != 0, connectivity=4)
    if ids.max(initial=0) > np.iinfo(np.uint16).max:
        raise UserError(
            f"The mask has {ids.max()} components, ids end at 65535. Cut the image "
            "into smaller ones."
        )
    return ids.astype(np.uint16)


def _shifted(down: int, right: int) -> tuple[tuple[slice, slice], ...]:
    """Two windows: a pixel, and its neighbour `down` rows and `right` columns on."""
    from_column, to_column = max(0, -right), max(0, right)
    one = np.s_[: -down or None, from_column : -to_column or None]
    other = np.s_[down:, to_column : -from_column or None]
    return one, other
