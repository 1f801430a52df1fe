"""What a person knows of an answer: an organ is one piece, and has no holes."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasseg import UserError


def cleaned(
    label: np.ndarray, exclusive: bool = True, largest: bool = False, fill: bool = False
) -> np.ndarray:
    """Class ids (D, H, W), or where classes overlap 0 and 1 (D, H, W, C), made clean.

    largest: of each class but 0, the background, the largest piece is kept; pieces hang
        together by sides, edges or corners. What is dropped becomes 0.
    fill: background that a class encloses becomes that class. What another class is
        stays. Done after `largest`.

    The label is changed in place where it can be. Raises UserError without scipy.
    """
    if not largest and not fill:
        return label
    if not exclusive:
        planes = [
            cleaned(label[..., c], True, largest, fill) for c in range(label.shape[-1])
        ]
        return np.stack(planes, -1)
    ndimage = _ndimage()
    label = label if label.flags.writeable else label.copy()
    if largest:
        _keep_largest(label, ndimage)
    if fill:
        _fill_holes(label, ndimage)
    return label


def _keep_largest(label: np.ndarray, ndimage: Any) -> None:
    around = np.ones((3,) * label.ndim, bool)
    for value, box in _boxes(label, ndimage):
        part = label[box]
        mask = part == value
        pieces, count = ndimage.label(mask, around)
        if count > 1:
            sizes = np.bincount(pieces.ravel())
            sizes[0] = 0
            part[mask & (pieces != sizes.argmax())] = 0


def _fill_holes(label: np.ndarray, ndimage: Any) -> None:
    for value, box in _boxes(label, ndimage):
        part = label[box]
        filled = ndimage.binary_fill_holes(part == value)
        part[filled & (part == 0)] = value


def _boxes(label: np.ndarray, ndimage: Any) -> list[tuple[int, tuple[slice, ...]]]:
    """Each id above 0 that occurs, and the box that it lies in."""
    found = ndimage.find_objects(label)
    return [(value, box) for value, box in enumerate(found, 1) if box is not None]


def _ndimage() -> Any:
    try:
        from scipy import ndimage
    except ImportError as error:
        raise UserError(
            "--largest and --fill-holes need scipy, which is missing. Install it with: "
            "pip install 'kerasseg[volumes]'."
        ) from error
    return ndimage
