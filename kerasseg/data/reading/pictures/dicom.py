"""DICOM images, by pydicom: rescaled to their units, padding left out.

PS3.3, C.7.6.3 (pixels), C.7.5.1.1.2 (padding), C.11.1 (modality LUT: slope, intercept).
Windows of display (VOI LUT) are not applied.
"""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.optional_packages import require
from kerasseg.data.reading.pictures.picture import READ_AGAIN, Header, Stored
from kerasseg.data.reading.pictures.picture_formats import check_size
from kerasseg.image_format import GRAY_BANDS, RGB_BANDS

GRAYS, COLOURS = ("MONOCHROME1", "MONOCHROME2"), ("RGB", "YBR")
DECODERS = "pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg"


def header(file: Path | EmbeddedFile) -> Header:
    """The header of a DICOM image."""
    found = _opened(file, pixels=False)
    pages = int(found.get("NumberOfFrames", 1) or 1)
    bands = _bands(found, file)
    return Header(int(found.Rows), int(found.Columns), bands, _type(found), pages)


def stored(file: Path | EmbeddedFile, frame: int) -> Stored:
    """The pixels of a frame, in the units of the modality (Hounsfield units for CT).

    Raises UserError that names the file where it is damaged, or of a kind not read.
    """
    found = _opened(file, pixels=True)
    bands, size = _bands(found, file), (int(found.Rows), int(found.Columns))
    check_size(*size)
    data = _decoded(found, file)
    if int(found.get("NumberOfFrames", 1) or 1) > 1:
        data = data[frame]
    data = data.reshape(*size, len(bands))
    if bands != GRAY_BANDS:
        return Stored(data, bands)
    valid = _valid(found, data)
    low, high = _limits(found)
    values = data.astype(np.int64)
    if found.PhotometricInterpretation == "MONOCHROME1":
        values = low + high - values
    slope, intercept = _rescale(found)
    kind = _type(found)
    if kind == "float32":
        pixels = (values * slope + intercept).astype(np.float32)
    else:
        whole = values * int(slope) + int(intercept)
        seen = whole if valid is None else whole[valid]
        info = np.iinfo(kind)
        if seen.size and (seen.min() < info.min or seen.max() > info.max):
            raise UserError(
                f"{file} holds {seen.min()} to {seen.max()} after rescaling, which "
                f"{kind} cannot hold. Save it as TIFF of float32."
            )
        pixels = np.clip(whole, info.min, info.max).astype(kind)
    return Stored(pixels, bands, valid=valid)


def _bands(found: Any, file: object) -> tuple[str, ...]:
    if "Rows" not in found or "PhotometricInterpretation" not in found:
        raise UserError(
            f"{file} is a DICOM file without an image. Remove it from the dataset."
        )
    kind = str(found.PhotometricInterpretation)
    if kind in GRAYS and found.get("SamplesPerPixel", 1) == 1:
        return GRAY_BANDS
    if kind.startswith(COLOURS) and found.get("BitsAllocated") == 8:
        return RGB_BANDS
    raise UserError(
        f"{file} is a DICOM image of {kind} with {found.get('BitsAllocated')} bits, "
        "which is not read. Convert it to PNG or TIFF."
    )


def _rescale(found: Any) -> tuple[float, float]:
    slope, intercept = found.get("RescaleSlope"), found.get("RescaleIntercept")
    return (
        1.0 if slope is None else float(slope),
        0.0 if intercept is None else float(intercept),
    )


def _limits(found: Any) -> tuple[int, int]:
    """The smallest and largest stored number."""
    bits = int(found.get("BitsStored", found.BitsAllocated))
    if found.get("PixelRepresentation", 0):
        return -(1 << bits - 1), (1 << bits - 1) - 1
    return 0, (1 << bits) - 1


def _type(found: Any) -> str:
    """The type that holds all an image of this header can hold; int16 where it may be
    negative, as CT is."""
    if str(found.PhotometricInterpretation).startswith(COLOURS):
        return "uint8"
    slope, intercept = _rescale(found)
    if not (slope.is_integer() and intercept.is_integer()):
        return "float32"
    ends = [value * slope + intercept for value in _limits(found)]
    if min(ends) >= 0 and max(ends) <= 65535:
        return "uint8" if max(ends) <= 255 else "uint16"
    return "int16" if int(found.BitsAllocated) <= 16 else "float32"


def _valid(found: Any, data: np.ndarray) -> np.ndarray | None:
    """(H, W) bool, False for padding; None where there is none."""
    padding = found.get("PixelPaddingValue")
    if padding is None:
        return None
    end = found.get("PixelPaddingRangeLimit")
    low, high = sorted((int(padding), int(padding if end is None else end)))
    inside = (data[..., 0].astype(np.int64) >= low) & (data[..., 0] <= high)
    return ~inside if inside.any() else None


def _decoded(found: Any, file: object) -> np.ndarray:
    try:
        return np.asarray(found.pixel_array)
    except (RuntimeError, NotImplementedError, ImportError, AttributeError) as error:
        syntax = found.file_meta.get("TransferSyntaxUID")
        if syntax is None or not syntax.is_compressed:
            raise
        raise UserError(
            f"{file} is a DICOM image compressed as {syntax.name}, for which a decoder "
            f"is missing or fails. Install decoders: {DECODERS}. Is it there already, "
            f"the file is damaged:{READ_AGAIN.lower()}"
        ) from error


def _opened(file: Path | EmbeddedFile, pixels: bool) -> Any:
    pydicom = require("pydicom", file)
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # else on the terminal
    where = io.BytesIO(file.read_bytes()) if isinstance(file, EmbeddedFile) else file
    return pydicom.dcmread(where, stop_before_pixels=not pixels)
