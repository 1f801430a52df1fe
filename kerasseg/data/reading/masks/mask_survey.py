"""Looks at the masks of a data set once: which values stand in them, and how often."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.masks.mask_decoders import File, Stored
from kerasseg.data.reading.masks.mask_layers import Page, stored

Form = Literal["numbers", "palette", "colours"]
FEW = 32
"""Values of a mask from which on it may be gray levels."""
NO_COLOUR = -1
"""Of a palette index that the palette does not have."""
BITS = np.array([1 << 16, 1 << 8, 1], np.uint32)


@dataclass(frozen=True)
class Look:
    """What one mask file holds.

    form: numbers; palette indices; colours, in which all three channels may be equal.
    counts: pixels of each number or index, or of each colour as R << 16 | G << 8 | B.
    palette: the colour of each index that occurs.
    alpha: pixels of each transparency; empty where the file has none.
    missing: pixels that are no number. fraction: a number that is not whole, or None.
    low, high: the smallest and the largest number. nodata: as the file says it.
    lossy: the format, where it changes numbers. pages: how many the file has.
    gradual: of neighbours that differ, the share that differs by 1 or 2; 0 for files of
        few values.
    lonely: of pixels at borders, the share that equals none of its four neighbours.
    void_255: index 255 has no colour of its own in the palette, so it means ignore.
    """

    file: File | Page
    form: Form
    counts: dict[int, int]
    palette: dict[int, int] = field(default_factory=dict)
    alpha: dict[int, int] = field(default_factory=dict)
    missing: int = 0
    fraction: float | None = None
    low: float = 0
    high: float = 0
    nodata: float | None = None
    lossy: str = ""
    pages: int = 1
    gradual: float = 0
    lonely: float = 0
    void_255: bool = False

    @property
    def gray(self) -> bool:
        """Whether the file has no colour: numbers, or equal channels."""
        return self.form == "numbers" or (
            self.form == "colours" and all(is_gray(code) for code in self.counts)
        )

    @property
    def numbers(self) -> dict[int, int]:
        """Pixels of each number; of gray colours the level of one channel."""
        if self.form != "colours":
            return self.counts
        return {code & 255: pixels for code, pixels in self.counts.items()}


@dataclass
class Seen:
    """A value that occurs: its pixels, the files that have it, the first of them."""

    pixels: int
    files: int
    first: File | Page


def look(file: File | Page) -> Look:
    """Reads one mask file.

    Raises UserError for a file that cannot be decoded, or has other than 1 or 3
    channels (alpha aside).
    """
    return look_of(stored(file), file)


def look_of(found: Stored, file: File | Page) -> Look:
    """The same of a mask, or a part of one, that has been decoded; `file` is its name.

    Raises UserError as `look`.
    """
    alpha = {} if found.alpha is None else counted(found.alpha)
    facts: dict[str, Any] = {"alpha": alpha, "lossy": found.lossy, "pages": found.pages}
    pixels = found.pixels
    if pixels.ndim == 3:
        if pixels.shape[-1] != 3 or pixels.dtype != np.uint8:
            raise UserError(
                f"Mask {file} has {pixels.shape[-1]} channels of {pixels.dtype}. Masks "
                "hold one number a pixel or 8-bit RGB; if each channel is a class, say "
                "--per-class channels."
            )
        counts = counted(packed(pixels))
        if len(counts) > FEW and all(is_gray(code) for code in counts):
            gray = pixels[..., 0]
            facts |= {"gradual": _gradual(gray), "lonely": _lonely(gray)}
        return Look(file, "colours", counts, **facts)
    if found.palette is not None:
        counts = counted(pixels)
        colours = {i: _colour(found.palette, i) for i in counts}
        void = not own_colour_255(found.palette)
        if len(counts) > FEW:
            facts["lonely"] = _lonely(pixels)
        return Look(file, "palette", counts, colours, void_255=void, **facts)
    return _numbers(file, found, facts)


def _numbers(file: File | Page, found: Stored, facts: dict[str, Any]) -> Look:
    pixels, missing, fraction = found.pixels, 0, None
    if pixels.dtype.kind == "f":
        known = pixels[~np.isnan(pixels)]
        missing = pixels.size - known.size
        if np.isinf(known).any():
            raise UserError(
                f"Mask {file} holds infinity. Class ids are whole numbers: save it "
                "again."
            )
        if known.size and np.abs(known).max() >= 1 << 53:
            if found.nodata is not None:  # such as -3.4e38
                missing += int((known == found.nodata).sum())
                known = known[known != found.nodata]
        if known.size and np.abs(known).max() >= 1 << 53:
            raise UserError(
                f"Mask {file} holds {known[np.abs(known).argmax()]}. Class ids are "
                "small whole numbers: save it again."
            )
        uneven = known[known != np.rint(known)]
        fraction = float(uneven[0]) if uneven.size else None
        pixels = known if known.size else np.zeros(0)
        counts = {} if fraction is not None else counted(pixels.astype(np.int64))
    else:
        counts = counted(pixels)
    low, high = (pixels.min(), pixels.max()) if pixels.size else (0, 0)
    return Look(
        file,
        "numbers",
        counts,
        missing=missing,
        fraction=fraction,
        low=float(low),
        high=float(high),
        nodata=found.nodata,
        gradual=_gradual(found.pixels) if len(counts) > FEW else 0,
        lonely=_lonely(found.pixels) if len(counts) > FEW else 0,
        **facts,
    )


def _gradual(pixels: np.ndarray) -> float:
    steps = np.abs(np.diff(pixels.astype(np.float32), axis=1))
    changes = int((steps > 0).sum())
    return float(((steps > 0) & (steps <= 2)).sum() / changes) if changes else 0.0


def _lonely(pixels: np.ndarray) -> float:
    right, down = np.diff(pixels, axis=1) != 0, np.diff(pixels, axis=0) != 0
    ways = [
        np.pad(right, ((0, 0), side), constant_values=True) for side in ((1, 0), (0, 1))
    ] + [
        np.pad(down, (side, (0, 0)), constant_values=True) for side in ((1, 0), (0, 1))
    ]
    inner = np.zeros(pixels.shape, bool)
    inner[1:-1, 1:-1] = True
    borders = int((np.logical_or.reduce(ways) & inner).sum())
    alone = int((np.logical_and.reduce(ways) & inner).sum())
    return alone / borders if borders else 0.0


def colours_in(file: File | Page) -> tuple[set[int], set[int]]:
    """The packed colours of a mask, and those of them that fill two by two pixels
    somewhere: colours of a smoothed border are lines of one pixel."""
    found = stored(file).pixels
    codes = packed(found) if found.ndim == 3 else found
    first = codes[:-1, :-1]
    alike = (first == codes[1:, 1:]) & (first == codes[1:, :-1])
    alike &= first == codes[:-1, 1:]
    return set(np.unique(codes).tolist()), set(np.unique(first[alike]).tolist())


def own_colour_255(palette: np.ndarray) -> bool:
    """Whether index 255 of a palette has a colour that no other index has: else the
    palette was filled up with it, and 255 means ignore as elsewhere."""
    if len(palette) < 256:
        return False
    return not (palette[:255] == palette[255]).all(-1).any()


def _colour(palette: np.ndarray, index: int) -> int:
    """The colour of an index; `NO_COLOUR` beyond the end of the palette."""
    return int(palette[index] @ BITS) if index < len(palette) else NO_COLOUR


def counted(values: np.ndarray) -> dict[int, int]:
    """Pixels of each value, in the order of the values.

    Masks hold long runs of one value: counting runs is many times faster than sorting.
    """
    flat = values.ravel()
    if not flat.size:
        return {}
    if flat.dtype == np.uint8:
        counts = np.bincount(flat, minlength=256)
        used = np.flatnonzero(counts)
        return dict(zip(used.tolist(), counts[used].tolist(), strict=True))
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    lengths = np.diff(np.append(starts, flat.size))
    present, inverse = np.unique(flat[starts], return_inverse=True)
    totals = np.bincount(inverse.ravel(), lengths).astype(np.int64)
    return dict(zip(present.tolist(), totals.tolist(), strict=True))


def packed(rgb: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 -> (H, W) uint32, R << 16 | G << 8 | B."""
    red, green, blue = (rgb[..., i].astype(np.uint32) for i in range(3))
    return red << 16 | green << 8 | blue


def unpacked(code: int) -> tuple[int, int, int]:
    """The colour (R, G, B) of a number of `packed`."""
    return code >> 16, code >> 8 & 255, code & 255


def is_gray(code: int) -> bool:
    """Whether the three channels of a packed colour are equal."""
    return code == (code & 255) * 0x010101


def totals(counts: Iterable[tuple[File | Page, dict[int, int]]]) -> dict[int, Seen]:
    """The values of all files, in their order."""
    out: dict[int, Seen] = {}
    for file, values in counts:
        for value, pixels in values.items():
            if value in out:
                out[value].pixels += pixels
                out[value].files += 1
            else:
                out[value] = Seen(pixels, 1, file)
    return dict(sorted(out.items()))
