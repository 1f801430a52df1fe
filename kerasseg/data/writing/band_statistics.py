"""Counts the values of each band while records are written: `BandStatistics` of them.

What is kept can be merged in any order and gives the same numbers: whole counts, and
sums without rounding. So shards may be written by any number of processes.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Callable
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from kerasseg.data.sample import Sample
from kerasseg.image_format import BandStatistics

PERCENTILES = 0.5, 99.5
"""What `BandStatistics` calls low and high."""
MOST_BINS = 1 << 15
"""Of the histogram of one float32 band."""
PENDING = 1 << 20
"""Values of a float32 band that are gathered before they are put into bins."""


def add_bands(counters: list[BandCounter], sample: Sample) -> None:
    """Counts the valid pixels of a sample, one counter for each band."""
    image, valid = sample.image, sample.valid
    pixels = image.reshape(-1, image.shape[-1]) if valid is None else image[valid]
    for one, values in zip(counters, np.ascontiguousarray(pixels.T), strict=True):
        one.add(values)


def counter(type: str, values: dict | None = None) -> BandCounter:
    """A counter for a type of numbers: an empty one, or of what `to_json` gave."""
    made: BandCounter = FloatCounter() if type == "float32" else WholeCounter(type)
    if values:
        made.load(values)
    return made


class WholeCounter:
    """Of whole numbers of 8 or 16 bits: how often each occurs, so all is exact."""

    def __init__(self, type: str) -> None:
        info = np.iinfo(type)
        self.first = int(info.min)
        self.counts = np.zeros(int(info.max) - self.first + 1, np.int64)

    def add(self, values: np.ndarray) -> None:
        """Counts values (N,) of the band's type."""
        # As bits, negative numbers come after the others: these trade places.
        bits = values.view(f"u{values.itemsize}")
        found = np.bincount(bits, minlength=len(self.counts))
        self.counts += np.roll(found, -self.first) if self.first else found

    def merge(self, other: WholeCounter) -> None:
        """Counts what another counter holds."""
        self.counts += other.counts

    def statistics(self) -> BandStatistics | None:
        """Of all values; None where there is none."""
        places = np.flatnonzero(self.counts)
        if not places.size:
            return None
        values, counts = places + self.first, self.counts[places]
        ends = np.cumsum(counts)
        pairs = list(zip(values.tolist(), counts.tolist(), strict=True))

        def value_at(rank: int) -> float:
            return float(values[np.searchsorted(ends, rank, "right")])

        return _statistics(
            int(ends[-1]),
            Fraction(sum(value * count for value, count in pairs)),
            Fraction(sum(value**2 * count for value, count in pairs)),
            (float(values[0]), float(values[-1])),
            value_at,
        )

    def to_json(self) -> dict:
        """Values for a JSON file, which `load` reads."""
        return {"counts": _packed(self.counts)}

    def load(self, values: dict) -> None:
        """Takes over what `to_json` gave."""
        self.counts = _unpacked(values["counts"])


class FloatCounter:
    """Of float32: limits, sums, and a histogram over the order of the numbers.

    Read as whole numbers, the bits of float32 are in the order of the values (once
    those of negative ones are turned round). A bin holds 2 ** `shift` neighbours in
    this order. shift is 0, which is exact, while there are at most `MOST_BINS`
    different values, and as small as possible after: bins are narrow where the values
    lie, whatever their unit. A percentile is off by less than the width of its bin:
    1 / 64 of the value at worst, if the numbers fill all that float32 can say.
    """

    def __init__(self) -> None:
        self.total, self.shift = 0, 0
        self.sum, self.squares = Fraction(0), Fraction(0)
        self.limits = math.inf, -math.inf
        self.keys, self.counts = np.zeros(0, np.uint32), np.zeros(0, np.int64)
        self._pending: list[np.ndarray] = []

    def add(self, values: np.ndarray) -> None:
        """Counts values (N,) float32."""
        if not values.size:
            return
        # Around the mean of this image: squares of large numbers lose the small ones.
        wide = values.astype(np.float64)
        mean = float(wide.mean())
        wide -= mean
        rest, square = Fraction(float(wide.sum())), Fraction(float((wide * wide).sum()))
        whole = Fraction(mean)
        self.sum += len(values) * whole + rest
        self.squares += square + 2 * whole * rest + len(values) * whole**2
        self._count(len(values), float(values.min()), float(values.max()))
        self._pending.append(_keys(values))
        if sum(map(len, self._pending)) > PENDING:
            self.put_into_bins()

    def merge(self, other: FloatCounter) -> None:
        """Counts what another counter holds."""
        self.put_into_bins()
        other.put_into_bins()
        self.sum += other.sum
        self.squares += other.squares
        self._count(other.total, *other.limits)
        self._widen(other.shift)
        keys = other.keys >> np.uint32(self.shift - other.shift)
        self._add_bins(keys, other.counts)

    def statistics(self) -> BandStatistics | None:
        """Of all values; None where there is none."""
        self.put_into_bins()
        if not self.total:
            return None
        ends = np.cumsum(self.counts)

        def value_at(rank: int) -> float:
            place = int(np.searchsorted(ends, rank, "right"))
            first = int(self.keys[place]) << self.shift
            edges = _values(np.array([first, first + (1 << self.shift) - 1], np.uint32))
            low, high = np.fmax(edges[0], smallest), np.fmin(edges[1], largest)
            before, count = ends[place] - self.counts[place], self.counts[place]
            return float(low + (high - low) * ((rank - before + 0.5) / count))

        smallest, largest = self.limits
        return _statistics(self.total, self.sum, self.squares, self.limits, value_at)

    def to_json(self) -> dict:
        """Values for a JSON file, which `load` reads."""
        self.put_into_bins()
        return {
            "total": self.total,
            "limits": self.limits if self.total else [0.0, 0.0],
            "sums": [
                [part.numerator, part.denominator] for part in (self.sum, self.squares)
            ],
            "shift": self.shift,
            "keys": _packed(self.keys.astype(np.int64)),
            "counts": _packed(self.counts),
        }

    def load(self, values: dict) -> None:
        """Takes over what `to_json` gave."""
        if not values["total"]:
            return
        low, high = values["limits"]
        self.total, self.limits, self.shift = (
            values["total"],
            (low, high),
            values["shift"],
        )
        self.sum, self.squares = (Fraction(*part) for part in values["sums"])
        self.keys = _unpacked(values["keys"]).astype(np.uint32)
        self.counts = _unpacked(values["counts"])

    def _count(self, total: int, smallest: float, largest: float) -> None:
        self.total += total
        self.limits = min(self.limits[0], smallest), max(self.limits[1], largest)

    def put_into_bins(self) -> None:
        """Counts the values that were only kept until now."""
        if self._pending:
            keys = np.sort(np.concatenate(self._pending))
            self._pending = []
            self._add_bins(keys >> np.uint32(self.shift), np.ones(len(keys), np.int64))

    def _add_bins(self, keys: np.ndarray, counts: np.ndarray) -> None:
        """Adds bins that are in order; equal ones may come one after the other."""
        if len(self.keys):
            keys, counts = np.append(self.keys, keys), np.append(self.counts, counts)
            order = np.argsort(keys, kind="stable")
            keys, counts = keys[order], counts[order]
        self.keys, self.counts = keys, counts
        self._widen(self.shift + _shift_for(keys))

    def _widen(self, shift: int) -> None:
        """Makes the bins as wide as `shift` says, if they are narrower."""
        wider = max(shift, self.shift)
        keys = self.keys >> np.uint32(wider - self.shift)
        self.keys, self.counts = _summed(keys, self.counts)
        self.shift = wider


BandCounter: TypeAlias = WholeCounter | FloatCounter
"""The values of one band."""


def _statistics(
    total: int,
    sum: Fraction,
    squares: Fraction,
    limits: tuple[float, float],
    value_at: Callable[[int], float],
) -> BandStatistics:
    """value_at: the value of a rank, from 0. Percentiles between two are linear."""
    mean = sum / total
    found = []
    for percent in PERCENTILES:
        rank, rest = divmod(Fraction(percent) * (total - 1), 100)
        low = value_at(int(rank))
        high = value_at(int(rank) + 1) if rest else low
        found.append(low + (high - low) * float(rest / 100))
    # Rounding of the parts could leave a little, or a little less than nothing.
    square = max(float(squares / total - mean**2), 0.0)
    deviation = math.sqrt(square) if limits[0] < limits[1] else 0.0
    return BandStatistics(*limits, float(mean), deviation, found[0], found[1])


def _keys(values: np.ndarray) -> np.ndarray:
    """float32 (N,) -> uint32 (N,) in the same order; 0 and -0 are one."""
    bits = (values + np.float32(0)).view(np.uint32)
    return np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))


def _values(keys: np.ndarray) -> np.ndarray:
    """What `_keys` was made of, float64, without loss."""
    positive = keys >> 31
    bits = np.where(positive, keys ^ np.uint32(1 << 31), ~keys)
    return bits.astype(np.uint32).view(np.float32).astype(np.float64)


def _shift_for(keys: np.ndarray) -> int:
    """The smallest shift that leaves at most `MOST_BINS` different keys; they rise.

    Two neighbours stay apart while the highest bit in which they differ does.
    """
    differ, shift = keys[1:] ^ keys[:-1], 0
    while np.count_nonzero(differ >= 1 << shift) >= MOST_BINS:
        shift += 1
    return shift


def _summed(keys: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bins in order, equal ones added."""
    if not len(keys):
        return keys, counts
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    return keys[starts], np.add.reduceat(counts, starts)


def _packed(numbers: np.ndarray) -> str:
    """int64 (N,) as text; what is empty or rises slowly takes little room."""
    steps = np.diff(numbers, prepend=0).astype("<i8")
    return base64.b64encode(zlib.compress(steps.tobytes(), 1)).decode()


def _unpacked(text: str) -> np.ndarray:
    return np.cumsum(np.frombuffer(zlib.decompress(base64.b64decode(text)), "<i8"))
