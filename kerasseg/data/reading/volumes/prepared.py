"""What is done to a volume between its file and a network, in training as later."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kerasseg.data.reading.volumes.resampling import resampled, shape_at
from kerasseg.data.reading.volumes.volume import Volume
from kerasseg.volume_format import VolumeFormat, standardised

WHOLLY = 1 - 1e-4
"""A share of 1, but for rounding."""


def prepared(volume: Volume, made: VolumeFormat, type: str = "float32") -> Volume:
    """The volume on voxels of the spacing of its set, and standardised, if that is so.

    type: of the images of the set (`ImageFormat.type`). A volume that was resampled to
    whole numbers is rounded and clipped to their limits.
    """
    image, geometry, valid = volume.image, volume.geometry, volume.valid
    if made.spacing:
        shape = shape_at(image.shape[:3], geometry.spacing, made.spacing)
        sides = zip(image.shape, geometry.spacing, shape, strict=False)
        z, y, x = (side * mm / new for side, mm, new in sides)
        geometry = replace(geometry, spacing=(z, y, x))
        image = resampled(image, shape)
        if valid is not None:
            share = resampled(valid[..., None], shape, order=1)[..., 0]
            valid = share > WHOLLY
    if made.normalise == "zscore":
        image = standardised(image, valid)
    elif type != "float32" and image.dtype != type:
        limits = np.iinfo(type)
        image = np.clip(np.rint(image), limits.min, limits.max)
    return Volume(image.astype(type, copy=False), geometry, valid)
