"""2.5-D: a slice of a volume as a picture, with its neighbours as further bands.

Networks of pictures, and their pretrained encoders, see so a little of the third axis.
Records of such pictures, their runs and files for devices say how they were made, so
`predict` makes them of a volume likewise. Needs NumPy only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.volume_format import VolumeFormat


@dataclass(frozen=True)
class SliceFormat:
    """count: slices (z) in a picture, an odd number: one, and as many on both sides.
    volume: what all volumes have in common that the pictures were cut from.

    Raises UserError for another count.
    """

    count: int
    volume: VolumeFormat

    def __post_init__(self) -> None:
        if self.count < 1 or self.count % 2 == 0:
            raise UserError(
                "A picture is made of an odd number of slices, itself in the middle, "
                f"got {self.count}. Say 1, 3 or 5."
            )

    @property
    def offsets(self) -> range:
        """Of the slices in a picture, from the one that it stands for: -1, 0, 1."""
        return range(-(self.count // 2), self.count // 2 + 1)

    def bands(self, channels: tuple[str, ...]) -> tuple[str, ...]:
        """Names of the bands of a picture: "mr-1", "mr", "mr+1"."""
        return tuple(
            f"{name}{offset:+d}" if offset else name
            for offset in self.offsets
            for name in channels
        )

    def picture(self, volume: np.ndarray, number: int) -> np.ndarray:
        """A slice of a volume (D, H, W, C) -> (H, W, count * C); beyond the first and
        the last slice these are repeated."""
        last = len(volume) - 1
        near = [min(max(number + offset, 0), last) for offset in self.offsets]
        return np.concatenate([volume[one] for one in near], axis=-1)

    def same_kind(self, other: SliceFormat) -> bool:
        """Whether pictures of both fit one network."""
        return self.count == other.count and self.volume.same_kind(other.volume)

    def __str__(self) -> str:
        """For messages: "slices of volumes, 3 in a picture; voxels of 3 x 1 x 1 mm (z,
        y, x; median), normalised by zscore"."""
        return f"slices of volumes, {self.count} in a picture; {self.volume}"

    def to_json(self) -> dict[str, Any]:
        """Numbers and words, as they stand in `dataset.json`."""
        return {"count": self.count, "volume": self.volume.to_json()}

    @classmethod
    def from_json(cls, values: dict[str, Any] | None) -> SliceFormat | None:
        """What `to_json` wrote; None is None.

        Raises KeyError or TypeError for values of another form, UserError for values
        that do not fit together.
        """
        if values is None:
            return None
        volume = VolumeFormat.from_json(values["volume"])
        if volume is None:
            raise TypeError("'volume' is null")
        return cls(int(values["count"]), volume)
