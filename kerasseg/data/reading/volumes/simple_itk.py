"""NRRD and MetaImage (.nrrd, .nhdr, .mha, .mhd), by SimpleITK."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.optional_packages import require
from kerasseg.data.reading.pictures.number_types import kept_type
from kerasseg.data.reading.volumes.volume_file import Part, VolumeFile

TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""ITK's world runs to the left, to the back and to the head (LPS+)."""


def opened(path: Path) -> VolumeFile:
    """The header of such a file."""
    sitk = require("SimpleITK", path)
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise UserError(_said(path, error)) from error
    shape = tuple(map(int, reader.GetSize()))
    if len(shape) != 3:
        raise UserError(
            f"{path} has {len(shape)} axes ({' x '.join(map(str, shape))}); a volume "
            "has 3. Save its channels as components of each voxel."
        )
    channels = reader.GetNumberOfComponents()
    dtype = np.dtype(_type_of(sitk, reader.GetPixelID(), path))

    def read(part: Part) -> np.ndarray:
        bounds = [p.indices(n)[:2] for p, n in zip(part, shape, strict=True)]
        reader.SetExtractIndex([begin for begin, _ in bounds])
        reader.SetExtractSize([end - begin for begin, end in bounds])
        try:
            voxels = sitk.GetArrayFromImage(reader.Execute())  # (k, j, i[, C])
        except RuntimeError as error:
            raise UserError(_said(path, error)) from error
        voxels = voxels if channels > 1 else voxels[..., None]
        return voxels.transpose(2, 1, 0, 3)

    affine = np.eye(4)
    direction = np.array(reader.GetDirection()).reshape(3, 3)
    affine[:3, :3] = direction * np.array(reader.GetSpacing())
    affine[:3, 3] = reader.GetOrigin()
    return VolumeFile(
        path, shape, channels, kept_type(dtype, path), TO_RAS @ affine, read
    )


def _type_of(sitk: Any, pixel: int, path: Path) -> str:
    """NumPy's name of ITK's type: "vector of 16-bit signed integer" -> "int16"."""
    words = sitk.GetPixelIDValueAsString(pixel).removeprefix("vector of ")
    bits = words.split("-")[0].split()[0]
    if words.endswith("float"):
        return f"float{bits}"
    if words.endswith("signed integer") and bits.isdecimal():
        return f"{'u' * ('unsigned' in words)}int{bits}"
    raise UserError(f"{path} holds {words}. Save it with whole numbers or floats.")


def _said(path: Path, error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    words = " ".join((lines or ["no reason given"])[-1].split())[:200]
    return f"{path} cannot be read ({words}). Copy it again."
