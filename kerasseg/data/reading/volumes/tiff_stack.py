"""TIFF stacks: OME-TIFF, ImageJ's, and plain ones of one page a slice; by tifffile."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from kerasseg import UserError
from kerasseg.data.reading.volumes.volume_file import VolumeFile, of_array

MILLIMETRES = {
    **{"nm": 1e-6, "µm": 1e-3, "um": 1e-3, "micron": 1e-3, "\\u00B5m": 1e-3},
    **{"mm": 1.0, "cm": 10.0, "inch": 25.4},
}
"""Of the units of OME and ImageJ."""
DEPTH, CHANNELS = "ZQIT", "CS"
"""Letters of tifffile's axes that may stand for the depth, the first one there is, and
for channels."""


def opened(path: Path) -> VolumeFile:
    """The shape of a stack; its voxels are read page by page."""
    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        sizes = dict(zip(series.axes, series.shape, strict=True))
        large = {axis for axis, side in sizes.items() if side > 1} | {*"YX"}
        depth = next((axis for axis in DEPTH if axis in large), "")
        channels = next((axis for axis in CHANNELS if axis in large), "")
        if not depth or large - {depth, channels, "Y", "X"}:
            raise UserError(
                f"{path} has the axes "
                f"{', '.join(f'{a}={n}' for a, n in sizes.items())}; a volume has "
                "depth, height and width, and channels. Save it as a stack of slices."
            )
        order, dtype = series.axes, series.dtype
        spacing = _spacing(file)
        by_page = order == f"{depth}YX" and len(series.pages) == sizes[depth]
    wanted = [depth, "Y", "X", *channels]

    def read(part: tuple[slice, ...]) -> np.ndarray:
        begin, end, _ = part[0].indices(sizes[depth])
        if by_page:
            pages = tifffile.imread(path, key=range(begin, end))
            return pages.reshape(-1, *pages.shape[-2:])[(slice(None), *part[1:])]
        whole = tifffile.imread(path, series=0)
        only = tuple(slice(None) if axis in wanted else 0 for axis in order)
        kept = [axis for axis in order if axis in wanted]
        return whole[only].transpose([kept.index(axis) for axis in wanted])[part]

    shape = tuple(sizes[axis] for axis in wanted)
    return of_array(path, shape, dtype, read, spacing)


def _spacing(file: Any) -> tuple[float, float, float] | None:
    """Millimetres (z, y, x) that OME or ImageJ notes; None where one is missing."""
    if file.is_ome:
        for element in ElementTree.fromstring(file.ome_metadata).iter():
            if element.tag.endswith("}Pixels"):
                return _of_ome(element.attrib)
    if file.is_imagej and "spacing" in (noted := file.imagej_metadata or {}):
        unit = MILLIMETRES.get(str(noted.get("unit", "")))
        tags = file.pages[0].tags
        sides = [tags.get(f"{axis}Resolution") for axis in "YX"]
        if unit and all(sides):
            y, x = (side.value[1] / side.value[0] * unit for side in sides)
            return float(noted["spacing"]) * unit, y, x
    return None


def _of_ome(noted: dict[str, str]) -> tuple[float, float, float] | None:
    found = []
    for axis in "ZYX":
        side = noted.get(f"PhysicalSize{axis}")
        unit = MILLIMETRES.get(noted.get(f"PhysicalSize{axis}Unit", "µm"))
        if side is None or unit is None:
            return None
        found.append(float(side) * unit)
    return found[0], found[1], found[2]
