"""What an image of a data set is: its bands, the type of its numbers, their range.

The records say it (`dataset.json`), a run and each exported file repeat it, and the
first layers of a network are made from it. Needs NumPy only, so devices read it too.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.slice_format import SliceFormat

TYPES = ("uint8", "uint16", "int16", "float32")
"""The types of numbers that records hold."""
RGB_BANDS = ("red", "green", "blue")
GRAY_BANDS = ("gray",)


MOST_NAMED = 16
"""Bands of which a message names all."""


def listed_bands(bands: tuple[str, ...]) -> str:
    """ "red, green, blue", or "band_1, band_2, ..., band_100" """
    if len(bands) > MOST_NAMED:
        bands = (*bands[:2], "...", bands[-1])
    return ", ".join(bands)


@dataclass(frozen=True)
class BandStatistics:
    """The values of one band in the training split, without nodata.

    low, high: the percentiles 0.5 and 99.5. deviation: standard deviation.
    All are in the units of the data.
    """

    smallest: float
    largest: float
    mean: float
    deviation: float
    low: float
    high: float


@dataclass(frozen=True)
class InputRange:
    """How the first layers of a network bring each band to the same range.

    A value v of band b becomes (min(max(v, low[b]), high[b]) - mean[b]) / deviation[b];
    a band with deviation 0 says nothing and becomes 0. The four tuples have one number
    for each band. low and high are infinite, all of them, where nothing is clipped.

    picture: the network is to see low..high as it sees 0..255 of a picture, whatever
        mean and deviation are.

    Raises UserError when these do not fit together.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    picture: bool = False

    def __post_init__(self) -> None:
        numbers = self.low, self.high, self.mean, self.deviation
        if not self.low or len(set(map(len, numbers))) > 1:
            raise UserError(
                "A range needs low, high, mean and deviation of each band, got "
                f"{', '.join(str(len(each)) for each in numbers)} of them."
            )
        limits = np.isfinite([self.low, self.high])
        if not (limits.all() or not (limits.any() or self.picture)):
            raise UserError(
                "The limits of a range must be finite, or infinite for all bands; got "
                f"{self.low} to {self.high}."
            )
        if not np.isfinite([self.mean, self.deviation]).all():
            raise UserError(
                f"Mean and deviation of a range must be finite, got {self.mean} and "
                f"{self.deviation}."
            )
        if not np.all(np.less_equal(self.low, self.high)) or min(self.deviation) < 0:
            raise UserError(
                f"A range goes from low to high and its deviation is not negative, got "
                f"{self.low} to {self.high}, deviation {self.deviation}."
            )


@dataclass(frozen=True)
class ImageFormat:
    """Bands, type and statistics of the images of a data set. The default is RGB of 8
    bits, as all records without an entry `image` hold.

    bands: a name for each channel, in their order.
    type: one of `TYPES`.
    nodata: the value that means "nothing was measured here", in the files of the
        source; None where there is none. Records hold 0 there, and ignore as the label.
    statistics: one entry for each band; () where they were not counted (RGB of 8 bits).
    display: the three bands (numbers from 0) that pictures show as red, green, blue.
    chosen: which bands of the source's files these are, as numbers from 0; () for all.
    alpha: "valid" where pixels of the source count as nodata when their alpha is 0.
        With `chosen` it lets `predict` read a file as the training did.
    slices: of pictures that are slices of volumes, how they were cut; None of others.

    Raises UserError when these do not fit together.
    """

    bands: tuple[str, ...] = RGB_BANDS
    type: str = "uint8"
    nodata: float | None = None
    statistics: tuple[BandStatistics, ...] = ()
    display: tuple[int, int, int] = (0, 1, 2)
    chosen: tuple[int, ...] = ()
    alpha: str = "drop"
    slices: SliceFormat | None = None

    def __post_init__(self) -> None:
        if not self.bands or len(set(self.bands)) != len(self.bands):
            raise UserError(
                f"The bands of an image need different names, got {self.bands}."
            )
        if self.type not in TYPES:
            raise UserError(
                f"Images hold {', '.join(TYPES)}, not {self.type}. Convert them first."
            )
        if self.statistics and len(self.statistics) != self.channels:
            raise UserError(
                f"Expected statistics of {self.channels} bands, got "
                f"{len(self.statistics)}."
            )
        if self.chosen and len(self.chosen) != self.channels:
            raise UserError(
                f"Expected {self.channels} chosen bands, got {len(self.chosen)}."
            )
        if not all(0 <= band < self.channels for band in self.display):
            raise UserError(
                f"The bands to show are numbers from 0 to {self.channels - 1}, got "
                f"{self.display}."
            )
        if self.slices and self.channels % self.slices.count:
            raise UserError(
                f"Expected the bands of {self.slices.count} slices, got "
                f"{self.channels}."
            )

    @classmethod
    def of(
        cls, bands: tuple[str, ...], type: str = "uint8", nodata: float | None = None
    ) -> ImageFormat:
        """The format of these bands; shown are red, green and blue where they have
        these names, else the first three bands, or the first one as gray."""
        if set(RGB_BANDS) <= set(bands):
            red, green, blue = (bands.index(name) for name in RGB_BANDS)
            return cls(bands, type, nodata, display=(red, green, blue))
        shown = (0, 1, 2) if len(bands) >= 3 else (0, 0, 0)
        return cls(bands, type, nodata, display=shown)

    def of_slices(self, slices: SliceFormat) -> ImageFormat:
        """Of volumes of this format: the format of pictures that are cut from them. The
        slice that a picture stands for is shown, its first channel."""
        middle = slices.count // 2 * self.channels
        shown = (middle, middle, middle)
        return ImageFormat(
            slices.bands(self.bands), self.type, display=shown, slices=slices
        )

    @property
    def of_volumes(self) -> ImageFormat:
        """Of pictures that are slices: the format of the volumes that they are of."""
        if self.slices is None:
            return self
        sides, count = self.slices.count // 2, self.channels // self.slices.count
        return ImageFormat.of(self.bands[sides * count :][:count], self.type)

    @property
    def channels(self) -> int:
        """C, the number of bands."""
        return len(self.bands)

    @property
    def is_rgb8(self) -> bool:
        """Whether images are ordinary pictures: red, green, blue of 8 bits."""
        return self.bands == RGB_BANDS and self.type == "uint8"

    @property
    def is_picture(self) -> bool:
        """Whether 0..255 is the natural range: RGB or gray, of 8 bits."""
        return self.type == "uint8" and self.bands in (RGB_BANDS, GRAY_BANDS)

    @property
    def limits(self) -> tuple[float, float]:
        """The smallest and largest number of the type; infinite for float32."""
        if self.type == "float32":
            return -np.inf, np.inf
        info = np.iinfo(self.type)
        return float(info.min), float(info.max)

    def same_kind(self, other: ImageFormat) -> bool:
        """Whether images of both fit one network: the same bands and type."""
        one, two = self.slices, other.slices
        alike = one.same_kind(two) if one and two else one is two
        return alike and (self.bands, self.type) == (other.bands, other.type)

    def with_statistics(self, statistics: tuple[BandStatistics, ...]) -> ImageFormat:
        """The same format with these statistics."""
        return replace(self, statistics=tuple(statistics))

    def __str__(self) -> str:
        """For messages: "4 bands (red, green, blue, nir) of uint16"."""
        count = "1 band" if self.channels == 1 else f"{self.channels} bands"
        slices = f", {self.slices}" if self.slices else ""
        return f"{count} ({listed_bands(self.bands)}) of {self.type}{slices}"

    def to_json(self) -> dict[str, Any]:
        """Lists and numbers, as they stand in `dataset.json`; there is an entry
        `slices` where pictures are slices."""
        values: dict[str, Any] = {
            "bands": list(self.bands),
            "type": self.type,
            "nodata": self.nodata,
            "statistics": [asdict(band) for band in self.statistics],
            "display": list(self.display),
            "chosen": list(self.chosen),
            "alpha": self.alpha,
        }
        if self.slices:
            values["slices"] = self.slices.to_json()
        return values

    @classmethod
    def from_json(cls, values: dict[str, Any] | None) -> ImageFormat:
        """The format that `to_json` wrote; None, as in old files, is RGB of 8 bits.

        Raises KeyError or TypeError for values of another form, UserError for values
        that do not fit together.
        """
        if values is None:
            return RGB
        red, green, blue = values["display"]
        return cls(
            tuple(values["bands"]),
            values["type"],
            values["nodata"],
            tuple(BandStatistics(**band) for band in values["statistics"]),
            (red, green, blue),
            tuple(values.get("chosen", ())),
            values.get("alpha", "drop"),
            SliceFormat.from_json(values.get("slices")),
        )


RGB = ImageFormat()
"""Ordinary pictures: red, green and blue of 8 bits."""
GRAY = ImageFormat.of(GRAY_BANDS)
"""Gray pictures of 8 bits, one band."""
