"""Grey levels: the unit of light, so that one policy fits bands of any range.

A policy's brightness, noise and fill are said in the levels of an ordinary picture,
0..255. A band of another kind is brought to such levels by its mean and deviation in
the training split: its mean is level 114, its deviation is 57 levels, as those of
ImageNet's pictures are (0.45 and 0.23 of 255).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kerasseg.image_format import ImageFormat

MEAN, DEVIATION = 114.0, 57.0
"""The level of a band's mean, and the levels of its standard deviation."""


@dataclass(frozen=True)
class Levels:
    """Band value = mean + (level - 114) * unit. All arrays are float32 (C,).

    mean: of each band, in its own numbers.
    unit: one level in the band's numbers; 0 for a band of one value.
    low, high: levels of the percentiles 0.5 and 99.5; the tone curve has its ends here.
    """

    mean: np.ndarray
    unit: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, image_format: ImageFormat) -> Levels | None:
        """None where the format does not say what a level is: numbers that are not of 8
        bits, without statistics. Without statistics, 8 bits are levels as they are."""
        count = image_format.channels
        if image_format.is_picture or not image_format.statistics:
            if image_format.type != "uint8":
                return None
            ends = np.zeros(count), np.full(count, 255.0)
            return cls(*_float32(np.full(count, MEAN), np.ones(count), *ends))
        bands = image_format.statistics
        mean, deviation, low, high = (
            np.array([getattr(band, name) for band in bands], np.float64)
            for name in ("mean", "deviation", "low", "high")
        )
        unit = deviation / DEVIATION
        low, high = (MEAN + (end - mean) * _inverse(unit) for end in (low, high))
        return cls(*_float32(mean, unit, low, high))

    @property
    def per_unit(self) -> np.ndarray:
        """Levels of one of the band's numbers; 0 for a band of one value."""
        return _inverse(self.unit).astype("float32")

    def values(self, level: float) -> np.ndarray:
        """(C,) float32: a level in each band's own numbers."""
        return self.mean + (level - np.float32(MEAN)) * self.unit


def fill_of(level: int, image_format: ImageFormat) -> int | np.ndarray:
    """What lies outside of the source: the level, or (C,) values of the image's type.

    Without statistics it is 0, as where nothing was measured.
    """
    if image_format.is_picture:
        return level
    levels = Levels.of(image_format)
    if levels is None:
        return np.zeros(image_format.channels, image_format.type)
    values = levels.values(level)
    if image_format.type == "float32":
        return values
    return np.clip(np.round(values), *image_format.limits).astype(image_format.type)


def _inverse(unit: np.ndarray) -> np.ndarray:
    return np.divide(1.0, unit, out=np.zeros_like(unit), where=unit > 0)


def _float32(*arrays: np.ndarray) -> list[np.ndarray]:
    return [array.astype("float32") for array in arrays]
