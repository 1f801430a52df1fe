"""Three planes through a volume as one picture: axial, coronal and sagittal."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np


def through(there: np.ndarray) -> tuple[int, int, int]:
    """z, y, x of the planes that hold most of a mask (D, H, W); the middle without."""
    found = []
    for axis in range(3):
        others = tuple(one for one in range(3) if one != axis)
        counts = np.count_nonzero(there, axis=others)
        middle = there.shape[axis] // 2
        found.append(int(counts.argmax()) if counts.any() else middle)
    return found[0], found[1], found[2]


def side_by_side(
    volume: np.ndarray,
    places: Sequence[int],
    spacing: Sequence[float],
    outside: int = 0,
) -> np.ndarray:
    """The planes at z, y and x of a volume (D, H, W, ...), (h, w, ...) of its type.

    The axial plane is seen from the feet, the patient's right on the left side, his
    front above, as radiologists do; the coronal from the front, the sagittal from the
    left, both with the head above. Pixels are square, of the smallest spacing; nothing
    is interpolated, so labels stay labels. outside: fills what is below shorter planes.
    """
    z, y, x = places
    # Upwards is towards the front or the head: rows are turned.
    planes = [
        (volume[z, ::-1, ::-1], (1, 2)),
        (volume[::-1, y, ::-1], (0, 2)),
        (volume[::-1, ::-1, x], (0, 1)),
    ]
    unit = min(spacing)
    square = []
    for plane, axes in planes:
        height, width = (
            max(1, round(side * spacing[axis] / unit))
            for side, axis in zip(plane.shape, axes, strict=False)
        )
        square.append(_nearest(plane, height, width))
    high = max(len(plane) for plane in square)
    for number, plane in enumerate(square):
        below = np.full((high - len(plane), *plane.shape[1:]), outside, plane.dtype)
        square[number] = np.concatenate([plane, below])
    return np.concatenate(square, axis=1)


def _nearest(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    """(h, w, ...) -> (height, width, ...)."""
    rows, columns = (
        cv2.resize(
            np.arange(have, dtype=np.float32)[:, None],
            (1, want),
            interpolation=cv2.INTER_NEAREST_EXACT,
        )[:, 0].astype(int)
        for have, want in zip(plane.shape, (height, width), strict=False)
    )
    return plane[rows][:, columns]
