"""Writes class ids on the voxels of the file that came, in its format and place."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from kerasseg.data.reading.optional_packages import require
from kerasseg.data.reading.volumes.volume import suffix_of
from kerasseg.files import atomic
from kerasseg.volume_format import VolumeGeometry, spacing_of, to_source

SAME = (".nii", ".nii.gz", ".npy", ".npz", ".tif", ".tiff", ".nrrd", ".mha", ".zarr")
"""Formats that are written as they came."""
INSTEAD = {".nhdr": ".nrrd", ".mhd": ".mha"}
"""Of two files each: written as one."""
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def suffix_for(source: Path) -> str:
    """The end of the name of a result: that of the source; of folders with slices
    .nii.gz."""
    suffix = suffix_of(source)
    return suffix if suffix in SAME else INSTEAD.get(suffix, ".nii.gz")


def write(
    label: np.ndarray, geometry: VolumeGeometry, source: Path, file: Path, aside: Path
) -> None:
    """Writes ids (D, H, W), on the voxels of `source`, to `aside`, as `file` is to be.

    NIfTI keeps the header of the source: affine, codes, units, description.
    """
    suffix = suffix_of(file)
    ids = to_source(label, geometry.affine)  # (I, J, K)
    if suffix in (".nii", ".nii.gz"):
        _nifti(ids, geometry, source, aside, suffix == ".nii.gz")
    elif suffix in (".nrrd", ".mha"):
        _simple_itk(ids, geometry, aside, suffix)
    elif suffix in (".tif", ".tiff"):
        _tiff(label, geometry, aside)
    elif suffix == ".zarr":
        _zarr(label, aside)
    else:
        with aside.open("wb") as opened:
            (np.save if suffix == ".npy" else np.savez_compressed)(opened, label)


def _nifti(
    ids: np.ndarray, geometry: VolumeGeometry, source: Path, aside: Path, packed: bool
) -> None:
    nibabel = require("nibabel", source)
    kind, header = nibabel.Nifti1Image, None
    if suffix_of(source) in (".nii", ".nii.gz"):
        image = nibabel.load(source)
        kind, header = type(image), image.header.copy()
        header["cal_min"], header["cal_max"] = 0, 0  # a window of gray values
        header.set_slope_inter(1, 0)
    image = kind(ids, geometry.affine, header, dtype=ids.dtype)
    if header is None:
        image.header.set_xyzt_units("mm")
    with aside.open("wb") as opened:
        if not packed:
            image.to_stream(opened)
            return
        # No name and no time inside: the same answer is the same file.
        with gzip.GzipFile("", "wb", 5, opened, mtime=0) as stream:
            image.to_stream(stream)


def _simple_itk(
    ids: np.ndarray, geometry: VolumeGeometry, aside: Path, suffix: str
) -> None:
    sitk = require("SimpleITK", aside)
    image = sitk.GetImageFromArray(np.ascontiguousarray(ids.transpose(2, 1, 0)))
    affine = LPS @ geometry.affine
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetSpacing(lengths.tolist())
    image.SetDirection((affine[:3, :3] / lengths).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    with atomic.scratch(aside.parent) as folder:  # its writers go by the ending
        written = folder / f"label{suffix}"
        sitk.WriteImage(image, str(written), useCompression=True)
        shutil.move(written, aside)


def _tiff(label: np.ndarray, geometry: VolumeGeometry, aside: Path) -> None:
    tifffile = require("tifffile", aside)
    z, y, x = spacing_of(geometry.affine)
    options: dict[str, Any] = {
        "imagej": label.dtype.kind == "u",
        "metadata": {"axes": "ZYX", "spacing": z, "unit": "mm"},
        "resolution": (1 / x, 1 / y),
    }
    with tifffile.TiffWriter(aside, imagej=options.pop("imagej")) as writer:
        writer.write(np.ascontiguousarray(label), compression="zlib", **options)


def _zarr(label: np.ndarray, aside: Path) -> None:
    zarr = require("zarr", aside)
    array = zarr.open(str(aside), mode="w", shape=label.shape, dtype=label.dtype)
    array[:] = label
