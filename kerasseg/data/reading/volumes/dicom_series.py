"""A folder of DICOM slices as one volume, sorted by where they lie.

PS3.3, C.7.6.2: position and orientation of a slice in the patient, left, back, head.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.optional_packages import require
from kerasseg.data.reading.pictures import dicom
from kerasseg.data.reading.volumes.volume_file import Part, VolumeFile

TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
UNEVEN = 0.1
"""Share of the usual distance by which two slices may lie nearer or further."""
TAGS = (
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows"),
    *("Columns", "SeriesInstanceUID", "Modality", "NumberOfFrames"),
)


def opened(folder: Path) -> VolumeFile:
    """The headers of all slices, which are put in order.

    Raises UserError for slices of several series, without a place, in the same place,
    or with gaps between them.
    """
    pydicom = require("pydicom", folder)
    files = [f for f in sorted(folder.iterdir()) if f.is_file() and f.name[0] != "."]
    found = []
    for file in files:
        try:
            found.append((file, pydicom.dcmread(file, specific_tags=[*TAGS])))
        except pydicom.errors.InvalidDicomError:
            continue  # a note beside them
    slices = [(f, h) for f, h in found if "Rows" in h]
    if not slices:
        raise UserError(f"{folder} holds no DICOM images. Check the path.")
    _refuse_several(folder, slices)
    normal, across, down = _axes(slices)
    places = np.array([_position(h) @ normal for _, h in slices])
    order = np.argsort(places, kind="stable")
    slices = [slices[i] for i in order]
    step = _step(places[order], slices, folder)
    affine = np.eye(4)
    head = slices[0][1]
    row, column = map(float, head.PixelSpacing)  # between rows, between columns
    affine[:3, :3] = np.stack([across * column, down * row, normal * step], axis=1)
    affine[:3, 3] = _position(head)
    types = [dicom.header(file).type for file, _ in (slices[0], slices[-1])]
    kind = types[0] if len(set(types)) == 1 else "float32"

    def read(part: Part) -> np.ndarray:
        columns, rows, depth = part
        pages = [_slice(file, kind)[rows, columns] for file, _ in slices[depth]]
        return np.stack(pages, axis=2).transpose(1, 0, 2)[..., None]

    return VolumeFile(
        folder,
        (int(head.Columns), int(head.Rows), len(slices)),
        1,
        kind,
        TO_RAS @ affine,
        read,
        modality=str(head.get("Modality", "")),
    )


def _slice(file: Path, kind: str) -> np.ndarray:
    """(H, W) of one slice, in its units."""
    stored = dicom.stored(file, 0)
    pixels = stored.pixels[..., 0]
    if stored.pixels.shape[-1] > 1:
        raise UserError(f"{file} is a coloured DICOM image; a volume has gray slices.")
    if not np.can_cast(pixels.dtype, kind, "same_kind"):
        limits = np.iinfo(kind)
        if pixels.min() < limits.min or pixels.max() > limits.max:
            raise UserError(f"{file} holds numbers that {kind} of its series cannot.")
    return pixels.astype(kind)


def _refuse_several(folder: Path, slices: list[tuple[Path, Any]]) -> None:
    series = Counter(str(h.get("SeriesInstanceUID", "")) for _, h in slices)
    if len(series) > 1:
        (first, count), (second, other) = series.most_common(2)
        raise UserError(
            f"{folder} holds {len(series)} DICOM series ({first[-12:]}: {count} "
            f"slices, {second[-12:]}: {other}). Give each a folder of its own."
        )
    for file, head in slices:
        if int(head.get("NumberOfFrames", 1) or 1) > 1:
            raise UserError(
                f"{file} holds {head.NumberOfFrames} frames (enhanced DICOM), which is "
                "not read as a volume. Convert it to NIfTI with dcm2niix."
            )
        missing = [tag for tag in TAGS[:5] if tag not in head]
        if missing:
            raise UserError(
                f"{file} does not say where it lies ({', '.join(missing)} missing). "
                "Remove it: it is no slice of a volume."
            )


def _axes(slices: list[tuple[Path, Any]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors: from slice to slice, along a row, along a column."""
    file, head = slices[0]
    across, down = np.array(head.ImageOrientationPatient, float).reshape(2, 3)
    for other, one in slices[1:]:
        turned = np.abs(np.array(one.ImageOrientationPatient, float).reshape(2, 3))
        same = np.allclose(turned, np.abs([across, down]), atol=1e-3)
        size = (one.Rows, one.Columns) == (head.Rows, head.Columns)
        if not same or not size or one.PixelSpacing != head.PixelSpacing:
            raise UserError(
                f"{other} lies otherwise than {file.name} of the same folder, or has "
                "another size. Give each series a folder of its own."
            )
    return np.cross(across, down), across, down


def _position(head: Any) -> np.ndarray:
    return np.array(head.ImagePositionPatient, float)


def _step(places: np.ndarray, slices: list[tuple[Path, Any]], folder: Path) -> float:
    """Millimetres from slice to slice; of one alone 1."""
    if len(places) == 1:
        return 1.0
    steps = np.diff(places)
    usual = float(np.median(steps))
    twice = int(np.argmin(steps))
    if steps[twice] < 1e-3:
        raise UserError(
            f"{slices[twice][0]} and {slices[twice + 1][0].name} lie in the same place "
            f"({places[twice]:g} mm). Remove one of them."
        )
    gap = int(np.argmax(np.abs(steps - usual)))
    if abs(steps[gap] - usual) > UNEVEN * usual:
        raise UserError(
            f"{folder} lacks slices: from {places[gap]:g} to {places[gap + 1]:g} mm "
            f"({slices[gap][0].name}, {slices[gap + 1][0].name}) are {steps[gap]:g} "
            f"mm, elsewhere {usual:g}. Copy the series again."
        )
    return float(np.mean(steps))
