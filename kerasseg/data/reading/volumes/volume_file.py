"""What every format of volumes is opened as."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.pictures.number_types import kept_type

Part: TypeAlias = tuple[slice, slice, slice]
"""Of the axes i, j, k of a file's array."""


@dataclass(frozen=True, eq=False)
class VolumeFile:
    """A volume whose header was read, and whose voxels were not.

    shape: of its array (I, J, K). channels: numbers of each voxel.
    type: one of `kerasseg.image_format.TYPES`, which keeps what the file holds.
    affine: (4, 4), see `kerasseg.volume_format.VolumeGeometry`.
    read: the voxels of a part, (i, j, k, C), in a type that fits into `type`.
    oriented: whether the file tells how the volume lies; a plain stack does not.
    says_spacing: whether the file tells the size of its voxels; else they are of 1 mm.
    modality: "CT", "MR", ... where the file tells it; bands: names of channels.
    """

    path: Path
    shape: tuple[int, int, int]
    channels: int
    type: str
    affine: np.ndarray
    read: Callable[[Part], np.ndarray]
    oriented: bool = True
    says_spacing: bool = True
    modality: str = ""
    bands: tuple[str, ...] = ()


def of_array(
    path: Path,
    shape: tuple[int, ...],
    dtype: np.dtype,
    read: Callable[[tuple[slice, ...]], np.ndarray],
    spacing: tuple[float, float, float] | None = None,
    bands: tuple[str, ...] = (),
) -> VolumeFile:
    """A stack (D, H, W) or (D, H, W, C) without an orientation: it stays as it is.

    read: gives the part of such slices. spacing: millimetres (z, y, x), if known.

    Raises UserError for another number of axes.
    """
    if len(shape) not in (3, 4) or not all(shape):
        raise UserError(
            f"{path} has the axes {' x '.join(map(str, shape)) or 'of one number'}; a "
            "volume has depth, height and width, and channels behind them."
        )
    depth, height, width, *channels = shape
    z, y, x = spacing or (1.0, 1.0, 1.0)

    def part(ijk: Part) -> np.ndarray:
        voxels = np.asarray(read(ijk[::-1]))
        voxels = voxels if channels else voxels[..., None]
        return voxels.transpose(2, 1, 0, 3)

    return VolumeFile(
        path,
        (width, height, depth),
        channels[0] if channels else 1,
        kept_type(dtype, path),
        np.diag([x, y, z, 1.0]),
        part,
        oriented=False,
        says_spacing=spacing is not None,
        bands=bands,
    )
