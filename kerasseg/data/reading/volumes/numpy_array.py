"""Volumes in .npy and .npz: (D, H, W) or (D, H, W, C), as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.volumes.volume_file import VolumeFile, of_array


def opened(path: Path) -> VolumeFile:
    """The shape of the array; of an .npz all of it is read."""
    if path.suffix.lower() == ".npy":
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        return of_array(path, array.shape, array.dtype, lambda part: array[part])
    with np.load(path, allow_pickle=False) as held:
        if len(held.files) != 1:
            raise UserError(
                f"{path} holds the arrays {', '.join(held.files) or 'none'}; expected "
                "one. Save image and label in files of their own."
            )
        whole = held[held.files[0]]
    return of_array(path, whole.shape, whole.dtype, lambda part: whole[part])
