"""Zarr arrays, and OME-Zarr images, of which the first level is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.optional_packages import require
from kerasseg.data.reading.volumes.volume_file import VolumeFile, of_array

MILLIMETRES = {
    **{"nanometer": 1e-6, "micrometer": 1e-3, "millimeter": 1.0},
    **{"centimeter": 10.0, "meter": 1e3, "angstrom": 1e-7},
}
"""Of the units of OME-Zarr."""


def opened(path: Path) -> VolumeFile:
    """The shape of an array (D, H, W[, C]), or of an OME-Zarr image by its axes."""
    zarr = require("zarr", path)
    found = zarr.open(str(path), mode="r")
    if isinstance(found, zarr.Array):
        return of_array(path, found.shape, found.dtype, lambda part: found[part])
    attributes = dict(found.attrs)
    scales = attributes.get("ome", attributes).get("multiscales")
    if not scales:
        raise UserError(
            f"{path} is a group without an OME-Zarr image. Name the array in it."
        )
    return _ome(path, found, scales[0])


def _ome(path: Path, group: Any, image: dict) -> VolumeFile:
    """axes of any order among t, c, z, y, x; t must have one entry."""
    level = image["datasets"][0]
    array = group[level["path"]]
    names = [axis["name"].lower() for axis in image["axes"]]
    scale = dict.fromkeys(names, 1.0)
    for step in level.get("coordinateTransformations", ()):
        if step["type"] == "scale":
            scale = dict(zip(names, step["scale"], strict=True))
    sizes = dict(zip(names, array.shape, strict=True))
    others = [n for n in names if n not in "czyx" and sizes[n] > 1]
    if others or not {"z", "y", "x"} <= set(names):
        raise UserError(
            f"{path} has the axes {', '.join(f'{n}={sizes[n]}' for n in names)}; a "
            "volume has z, y, x and channels."
        )
    units = {a["name"].lower(): a.get("unit", "micrometer") for a in image["axes"]}
    z, y, x = (scale[n] * MILLIMETRES.get(units[n], 1e-3) for n in "zyx")
    wanted = [n for n in "zyxc" if n in names]

    def read(part: tuple[slice, ...]) -> np.ndarray:
        slices = dict(zip("zyx", part, strict=True))
        voxels = array[tuple(slices.get(n, slice(None)) for n in names)]
        kept = [n for n in names if n in wanted]
        only = tuple(slice(None) if n in wanted else 0 for n in names)
        return voxels[only].transpose([kept.index(n) for n in wanted])

    shape = tuple(sizes[n] for n in wanted)
    return of_array(path, shape, array.dtype, read, (z, y, x))
