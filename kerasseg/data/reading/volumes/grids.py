"""Whether two volumes lie on the same voxels."""

from __future__ import annotations

import itertools

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.volumes.volume import geometry_of
from kerasseg.data.reading.volumes.volume_file import VolumeFile
from kerasseg.volume_format import orientation

TOLERANCE = 0.1
"""Of the smallest side of a voxel; headers round."""


def require_same(first: VolumeFile, other: VolumeFile, what: str) -> None:
    """Raises UserError where the voxels of two files differ in number or place.

    what: of the other, for the message: "label".

    Axes may be stored in another order or direction: voxels are held against each
    other as they lie in the world. Of stacks that tell no place, numbers are all.
    """
    sizes = [geometry_of(one).source_shape for one in (first, other)]
    if sizes[0] != sizes[1]:
        a, b = (" x ".join(map(str, size)) for size in sizes)
        raise UserError(
            f"{other.path} has {b} voxels, {first.path.name} has {a} (depth x height x "
            f"width). Give the {what} that belongs to it."
        )
    if first.oriented != other.oriented:
        mute = other if first.oriented else first
        raise UserError(
            f"{mute.path} does not say how it lies, and the volume it belongs to does. "
            f"Save image and {what} in one format that does, as NIfTI."
        )
    if not first.oriented:
        return
    corners = [corners_of(one) for one in (first, other)]
    apart = float(np.linalg.norm(corners[0] - corners[1], axis=1).max())
    if apart > TOLERANCE * min(geometry_of(first).spacing):
        raise UserError(
            f"{other.path} lies {apart:.3g} mm off {first.path.name} (their affines "
            f"differ). Save the {what} on the voxels of its image."
        )


def corners_of(opened: VolumeFile) -> np.ndarray:
    """Millimetres (8, 3) of the centres of the corner voxels, in the order of RAS+."""
    axes, flips = orientation(opened.affine)
    found = []
    for upper in itertools.product((False, True), repeat=3):
        index = np.zeros(3)
        for axis, flip, end in zip(axes, flips, upper, strict=True):
            index[axis] = (opened.shape[axis] - 1) * (end != flip)
        found.append(opened.affine[:3, :3] @ index + opened.affine[:3, 3])
    return np.array(found)
