"""Sample: one labelled image, as every dataset adapter yields it. Samples: a split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


class Decoded(bytes):
    """Encoded bytes that know the array (read-only) that was decoded from them."""

    pixels: np.ndarray

    @classmethod
    def to(cls, pixels: np.ndarray, encoded: bytes) -> Decoded:
        """`encoded`, with `pixels` uint8 (H, W, 3), which becomes read-only."""
        decoded = cls(encoded)
        decoded.pixels = pixels
        pixels.flags.writeable = False
        return decoded


@dataclass(frozen=True, eq=False)
class Sample:
    """One image and its labels.

    id: unique within its split; for messages and for names of files made from it.
    image: uint8 (H, W, 3) RGB.
    label: uint8 (H, W) class ids, 255 = ignore.
    instance: uint16 (H, W) object ids, 0 = none; or None.
    encoded: the source file's own JPEG or PNG bytes of `image`, kept as they are in
        records; empty where there is no such file.
    sequence: the drive, video or patient it comes from; "" where unknown.
    """

    id: str
    image: np.ndarray
    label: np.ndarray
    instance: np.ndarray | None = None
    encoded: bytes = b""
    sequence: str = ""


@dataclass(frozen=True)
class Samples:
    """A split still in its source: `read(entry)` gives the Sample of an entry.

    sequence: the drive or video of an entry, known without reading it; None where the
        source does not tell.
    id: the id of an entry's sample, likewise.
    """

    entries: Sequence[Any]
    read: Callable[[Any], Sample]
    sequence: Callable[[Any], str] | None = None
    id: Callable[[Any], str] | None = None

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Sample]:
        return map(self.read, self.entries)
