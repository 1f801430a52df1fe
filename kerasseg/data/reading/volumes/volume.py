"""The one reader of volumes: any format, as (D, H, W, C) in RAS+, whole or in part."""

from __future__ import annotations

import importlib
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.pictures.picture import READ_AGAIN
from kerasseg.data.reading.volumes.volume_file import Part, VolumeFile
from kerasseg.volume_format import VolumeGeometry, orientation, spacing_of, to_volume

FORMATS = {
    **dict.fromkeys((".nii", ".nii.gz"), "nifti"),
    **dict.fromkeys((".nrrd", ".nhdr", ".mha", ".mhd"), "simple_itk"),
    **dict.fromkeys((".tif", ".tiff"), "tiff_stack"),
    **dict.fromkeys((".npy", ".npz"), "numpy_array"),
    ".zarr": "zarr_array",
}
"""End of a name -> module here that opens it. Folders without one hold slices."""
SLICES, DICOM = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp"), (".dcm", ".ima", "")


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels as they were read. image: (D, H, W, C). valid: bool (D, H, W), False where
    a number was none (NaN, infinity, padding), which is 0 then; None: all are valid."""

    image: np.ndarray
    geometry: VolumeGeometry
    valid: np.ndarray | None = None


def suffix_of(path: Path) -> str:
    """The end of a name that tells the format, in small letters: ".nii.gz"."""
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else path.suffix.lower()


def stem_of(path: Path) -> str:
    """The name without that end; of a folder of slices its whole name."""
    suffix = suffix_of(path)
    return path.name[: -len(suffix)] if suffix in FORMATS else path.name


def is_volume(path: Path) -> bool:
    """Whether a name is one of a volume; a folder may hold slices."""
    if path.name.startswith("."):  # "._x.nii.gz" of macOS among them
        return False
    return suffix_of(path) in FORMATS or (path.is_dir() and bool(_kind_of(path)))


def open_volume(path: Path) -> VolumeFile:
    """A volume's header, and a function that reads its voxels.

    Raises UserError, in one line, for a file that is missing, damaged, or no volume.
    """
    if not path.exists():
        raise UserError(f"{path} does not exist. Check the path.")
    kind = FORMATS.get(suffix_of(path)) or (_kind_of(path) if path.is_dir() else "")
    if not kind:
        raise UserError(
            f"{path} is not a volume: expected {', '.join(FORMATS)}, or a folder with "
            "the slices of one (DICOM, PNG, TIFF)."
        )
    module = importlib.import_module(f"{__package__}.{kind}")
    opened: VolumeFile = _or_damaged(path, lambda: module.opened(path))
    try:
        orientation(opened.affine)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return opened


def read(
    source: str | Path | VolumeFile,
    place: tuple[int, int, int] = (0, 0, 0),
    size: tuple[int, int, int] | None = None,
) -> Volume:
    """The voxels of a volume (D, H, W, C), in the type of its file (`kept_type`).

    place, size: of a block, z, y, x; None: the whole volume.

    Raises UserError as `open_volume` does.
    """
    opened = source if isinstance(source, VolumeFile) else open_volume(Path(source))
    whole = geometry_of(opened)
    part, geometry = _part(opened, place, size or whole.source_shape), whole
    if size and size != whole.source_shape:
        geometry = VolumeGeometry(
            whole.spacing, whole.affine, whole.shape, place, whole.source_shape
        )
    voxels = _or_damaged(opened.path, lambda: opened.read(part))
    image = to_volume(voxels, opened.affine)
    image = np.ascontiguousarray(image, image.dtype.newbyteorder("="))
    valid = _valid(image, opened)
    if valid is not None:
        image = np.where(valid[..., None], image, image.dtype.type(0))
    if opened.type == "float32" and image.dtype != np.float32:
        image = image.astype(np.float32)
    return Volume(image.astype(opened.type, copy=False), geometry, valid)


def geometry_of(opened: VolumeFile) -> VolumeGeometry:
    """Where the voxels of the whole volume lie."""
    return VolumeGeometry(spacing_of(opened.affine), opened.affine, opened.shape)


def expect_channels(opened: VolumeFile, count: int) -> None:
    """Raises UserError where a file has another number of channels."""
    if opened.channels == count:
        return
    axes = " x ".join(map(str, (*opened.shape, opened.channels)))
    raise UserError(
        f"{opened.path} has 4 axes ({axes}): {opened.channels} channels or points of "
        f"time; expected {count}. Split it, or name its channels with --bands."
        if opened.channels > 1
        else f"{opened.path} has 1 channel, expected {count}. Add the others."
    )


def _part(
    opened: VolumeFile, place: tuple[int, int, int], size: tuple[int, int, int]
) -> Part:
    """Slices of the file's axes i, j, k for a block of the volume."""
    axes, flips = orientation(opened.affine)
    slices = [slice(None)] * 3
    for axis, flip, begin, side in zip(
        axes, flips, place[::-1], size[::-1], strict=True
    ):
        length = opened.shape[axis]
        begin = length - begin - side if flip else begin
        slices[axis] = slice(begin, begin + side)
    return slices[0], slices[1], slices[2]


def _valid(image: np.ndarray, opened: VolumeFile) -> np.ndarray | None:
    if image.dtype.kind != "f":
        return None
    valid = np.isfinite(image).all(axis=-1)
    largest = np.finfo(np.float32).max
    if image.dtype.itemsize > 4 and (np.abs(image[valid]) > largest).any():
        raise UserError(f"{opened.path} holds numbers above {largest:.1e}. Scale them.")
    return None if valid.all() else valid


def _kind_of(folder: Path) -> str:
    """The module for a folder of slices; "" where it holds none."""
    files = [f for f in folder.iterdir() if f.is_file() and not f.name.startswith(".")]
    if (folder / ".zarray").exists() or (folder / "zarr.json").exists():
        return "zarr_array"
    if any(f.suffix.lower() in SLICES for f in files):
        return "picture_slices"
    dicom = any(f.suffix.lower() in DICOM and _is_dicom(f) for f in files)
    return "dicom_series" if dicom else ""


def _is_dicom(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(132)[128:] == b"DICM"


def _or_damaged(path: Path, read):
    """What `read` gives; whatever a library raises becomes one line."""
    try:
        return read()
    except (UserError, MemoryError, FileNotFoundError, PermissionError):
        raise
    except (Exception, zlib.error) as error:
        words = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(
            f"{path} cannot be read as a volume ({words}).{READ_AGAIN}"
        ) from error
