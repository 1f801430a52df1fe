"""Numbers and pictures of requests, as the signatures take them."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import numpy as np

from kerasseg.serve.errors import invalid_argument

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


def exactly(value: np.ndarray, dtype: Any) -> np.ndarray | None:
    """The same numbers in another type, or None where it cannot hold one of them."""
    if value.dtype == dtype:
        return value
    if value.dtype.name == "bfloat16":  # to NumPy it is no kind of float
        value = value.astype(np.float32)
    if value.dtype.kind not in "iuf" or np.dtype(dtype).kind not in "iuf":
        return None
    with np.errstate(all="ignore"):
        cast = value.astype(dtype)
        # NumPy calls int64 to float64 safe, which rounds from 2^53 on.
        same_kind = value.dtype.kind == np.dtype(dtype).kind
        if same_kind and np.can_cast(value.dtype, dtype):
            return cast
        # Compared in the type that came: in the other one they might be equal again.
        same = np.array_equal(cast.astype(value.dtype), value, value.dtype.kind == "f")
        inside = (
            np.dtype(dtype).kind == "f"
            or not value.size
            or (
                value.min() >= np.iinfo(dtype).min
                and value.max() <= np.iinfo(dtype).max
            )
        )
    return cast if same and inside else None


def of_json(name: str, value: Any, dtype: Any) -> np.ndarray:
    """The array of nested lists of numbers. Floats are rounded to `dtype`, as they have
    no type in JSON. Raises ServingError."""
    if isinstance(value, np.ndarray):
        array = value
    else:
        try:
            array = np.array(value)
        except (ValueError, TypeError, OverflowError) as error:
            raise _no_numbers(name, str(error).split(". ")[0]) from error
    if array.dtype.kind not in "iuf":
        raise _no_numbers(name, "it holds something else than numbers")
    if np.issubdtype(dtype, np.floating):
        with np.errstate(all="ignore"):
            array = array.astype(dtype)
        if not np.isfinite(array).all():
            raise _no_numbers(name, f"it holds a number too large for {dtype.__name__}")
        return array
    cast = exactly(array, dtype)
    if cast is None:
        raise _no_numbers(name, f"it holds something else than {dtype.__name__}")
    return cast


def _no_numbers(name: str, why: str):
    return invalid_argument(f"Input '{name}' is not an array of numbers: {why}.")


def from_base64(name: str, value: Any) -> bytes:
    """The bytes of a text in base64: with + and /, or - and _ in their place; wrapped
    into lines or not; with = at the end or not. Raises ServingError."""
    try:
        text = value.encode("ascii").translate(_STANDARD, b" \t\r\n").rstrip(b"=")
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except (AttributeError, binascii.Error, ValueError) as error:
        hint = " Leave out what stands before the comma." if _is_url(value) else ""
        raise invalid_argument(
            f"Input '{name}' holds text that is not base64.{hint}"
        ) from error


def _is_url(value: Any) -> bool:
    """Whether it is what a browser's toDataURL gives: data:image/png;base64,..."""
    return isinstance(value, str) and value.startswith("data:")


_STANDARD = bytes.maketrans(b"-_", b"+/")


def size_of(encoded: bytes) -> tuple[int, int]:
    """Height and width that the header of a JPEG or PNG promises; 0, 0 where it cannot
    be read, which the network's graph says in words."""
    if encoded[:8] == PNG:
        width, height = encoded[16:20], encoded[20:24]
        return int.from_bytes(height, "big"), int.from_bytes(width, "big")
    if encoded[:3] != JPEG:
        return 0, 0
    at = 2
    while at + 9 <= len(encoded) and encoded[at] == 0xFF:
        marker = encoded[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = encoded[at + 5 : at + 7], encoded[at + 7 : at + 9]
            return int.from_bytes(height, "big"), int.from_bytes(width, "big")
        elif marker in (0x01, *range(0xD0, 0xD9)):  # without a length
            at += 2
        else:
            at += 2 + int.from_bytes(encoded[at + 2 : at + 4], "big")
    return 0, 0


def within_one(values: np.ndarray) -> bool:
    """Whether pixels are all within 0..1, but not all 0: as if divided by 255."""
    if values.dtype.kind not in "iuf" or not values.size:
        return False
    return bool(values.min() >= 0 and 0 < values.max() <= 1)
