"""Instances from a semantic label: the connected pieces of its classes."""

from __future__ import annotations

import numpy as np

from kerasseg.labels.connected import connected
from kerasseg.taxonomy import IGNORE


def connected_instances(
    label: np.ndarray, background: int = 0, ignore: int = IGNORE
) -> np.ndarray:
    """Numbers the 8-connected pieces of every class.

    Cells that touch stay one instance. Only labels that keep a gap of background
    between neighbours, as U-Net's do, show their borders.

    Args:
        label: (H, W) class ids.
        background: the class id that holds no instances.
        ignore: the id of ignored pixels, which hold none either.

    Returns:
        (H, W) int32: 0 where there is no instance, else 1, 2, ...

    >>> connected_instances(np.array([[1, 1, 0, 1, 2, 255]]))
    array([[1, 1, 0, 2, 3, 0]], dtype=int32)
    """
    return connected(label, connectivity=8, background=(background, ignore))
