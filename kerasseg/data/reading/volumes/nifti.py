"""NIfTI-1 and NIfTI-2, plain and compressed, by nibabel."""

from __future__ import annotations

import gzip
import io
import shutil
import tempfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.optional_packages import require
from kerasseg.data.reading.pictures.number_types import kept_type
from kerasseg.data.reading.volumes.volume_file import Part, VolumeFile

IN_MEMORY = 64 << 20
"""Bytes of an unpacked file from which on it lies on the disk: its parts are read from
there, so a large volume never stands in the memory as a whole."""


def opened(path: Path) -> VolumeFile:
    """The header of a NIfTI file; of a compressed one all of it is unpacked first, for
    only its end tells whether it is whole."""
    nibabel = require("nibabel", path)
    image = nibabel.load(path)
    if not isinstance(image, nibabel.Nifti1Pair):
        raise UserError(f"{path} is not a NIfTI file. Rename it, or convert it.")
    shape = _without_ones(image.shape)
    if len(shape) not in (3, 4) or not all(shape):
        sides = " x ".join(map(str, image.shape))
        raise UserError(
            f"{path} has {len(image.shape)} axes ({sides}); a volume has 3, and a "
            "fourth for channels."
        )
    slope, intercept = image.dataobj.slope, image.dataobj.inter
    scaled = (slope, intercept) != (1, 0)
    kind = "float32" if scaled else kept_type(image.get_data_dtype(), path)
    if scaled and (whole := _whole_type(image.get_data_dtype(), slope, intercept)):
        kind = whole
    unpacked: list[Any] = []

    def read(part: Part) -> np.ndarray:
        if not unpacked:
            unpacked.append(_proxy(image, path))
        rest = (slice(None),) * len(shape[3:])
        ones = (0,) * (len(image.shape) - len(shape))
        voxels = np.asarray(unpacked[0][(*part, *rest, *ones)])
        voxels = voxels if rest else voxels[..., None]
        return voxels.astype(kind) if scaled else voxels

    return VolumeFile(
        path,
        (shape[0], shape[1], shape[2]),
        shape[3] if len(shape) == 4 else 1,
        kind,
        np.asarray(image.affine, np.float64),
        read,
    )


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A fourth or later axis of one entry is none."""
    kept = list(map(int, shape))
    while len(kept) > 3 and kept[-1] == 1:
        kept.pop()
    return tuple(kept)


def _whole_type(dtype: np.dtype, slope: float, intercept: float) -> str:
    """int16 or uint8, uint16 where scaled numbers of 8 or 16 bits are whole and fit;
    else ""."""
    if dtype.kind not in "iu" or dtype.itemsize > 2:
        return ""
    if not (float(slope).is_integer() and float(intercept).is_integer()):
        return ""
    info = np.iinfo(dtype)
    ends = [value * slope + intercept for value in (info.min, info.max)]
    for name in ("uint8", "uint16", "int16"):
        if np.iinfo(name).min <= min(ends) and max(ends) <= np.iinfo(name).max:
            return name
    return ""


def _proxy(image: Any, path: Path) -> Any:
    """nibabel's array that reads the parts it is asked for."""
    if not path.name.lower().endswith(".gz"):
        _refuse_short(image, path)
        return image.dataobj
    large = image.header.get_data_offset() + _bytes_of(image) > IN_MEMORY
    target: IO[bytes] = tempfile.TemporaryFile() if large else io.BytesIO()
    with gzip.open(path, "rb") as packed:  # to its end, where its checksum is
        shutil.copyfileobj(packed, target, 1 << 20)
    if target.tell() < image.header.get_data_offset() + _bytes_of(image):
        raise UserError(f"{path} was cut short. Copy it again.")
    target.seek(0)
    return type(image).from_stream(target).dataobj


def _bytes_of(image: Any) -> int:
    return int(np.prod(image.shape, dtype=np.int64)) * image.get_data_dtype().itemsize


def _refuse_short(image: Any, path: Path) -> None:
    if path.stat().st_size < image.header.get_data_offset() + _bytes_of(image):
        raise UserError(f"{path} was cut short. Copy it again.")
