"""The types of numbers that records hold, and the pixels that hold no measurement."""

from __future__ import annotations

import numpy as np

from kerasseg import UserError
from kerasseg.image_format import TYPES

KEPT_AS = {
    **{name: name for name in TYPES},
    "bool": "uint8",
    "int8": "int16",
    "float16": "float32",
    **dict.fromkeys(("uint32", "int32", "uint64", "int64", "float64"), "float32"),
}
"""Type of a file -> type of the picture. Each keeps every number, but for those that
`in_kept_type` checks."""


def kept_type(dtype: np.dtype, file: object) -> str:
    """The type that pixels of a type become.

    Raises UserError for complex numbers, texts and objects.
    """
    name = dtype.newbyteorder("=").name
    if name not in KEPT_AS:
        raise UserError(
            f"{file} holds numbers of type {name}. Save it as {', '.join(TYPES)}."
        )
    return KEPT_AS[name]


def notes_of(dtype: np.dtype) -> tuple[str, ...]:
    """What reading numbers of a type may change."""
    rounded = dtype.kind == "f" and dtype.itemsize > 4
    return (f"numbers of {dtype.newbyteorder('=').name} become float32",) * rounded


def in_kept_type(
    pixels: np.ndarray, valid: np.ndarray | None, file: object
) -> tuple[np.ndarray, tuple[str, ...]]:
    """(H, W, C) of any type in one that records hold, and what was changed by it.

    1-bit becomes 0 and 255. 32- and 64-bit numbers become float32 where that changes
    none of the valid ones; doubles are rounded, which is said.

    Raises UserError where numbers would change by more than rounding.
    """
    kept = kept_type(pixels.dtype, file)
    if pixels.dtype == bool:
        return pixels.astype(np.uint8) * np.uint8(255), ()
    if pixels.dtype.itemsize < 4 or pixels.dtype.name == "float32":
        return pixels.astype(kept, copy=False), ()
    with np.errstate(over="ignore"):
        found = pixels.astype(kept)
    wrong = np.isfinite(pixels) & ~np.isfinite(found)
    exact = found.astype(np.float64) == pixels
    if pixels.dtype.kind in "iu":
        wrong |= ~exact
    if valid is not None:
        wrong &= valid[..., None]
    if wrong.any():
        raise UserError(
            f"{file} holds {pixels[wrong][0]} in {pixels.dtype.name}, which float32 "
            "cannot hold exactly. Save it as uint16, int16 or float32, scaled as you "
            "need."
        )
    rounded = pixels.dtype.kind == "f" and not np.all(exact | np.isnan(pixels))
    return found, ("float64 is rounded to float32",) if rounded else ()


def valid_pixels(pixels: np.ndarray, nodata: float | None) -> np.ndarray | None:
    """(H, W) bool of (H, W, C): False where nothing was measured; None for nowhere.

    Invalid are NaN and infinity in any band, and the nodata value in all bands, which
    is the rule of GDAL's masks: 0 and 255 are colours of single bands too.
    """
    valid = None
    if pixels.dtype.kind == "f":
        finite = np.isfinite(pixels)
        if not finite.all():
            valid = finite.all(-1)
    if nodata is not None and not np.isnan(nodata):
        with np.errstate(over="ignore"):
            value = pixels.dtype.type(nodata) if pixels.dtype.kind == "f" else nodata
        found = (pixels == value).all(-1)
        if found.any():
            valid = ~found if valid is None else valid & ~found
    return valid


def both(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray | None:
    """Where two masks are valid; None where both are all over."""
    if one is None or other is None:
        found = other if one is None else one
    else:
        found = one & other
    return None if found is None or found.all() else found
