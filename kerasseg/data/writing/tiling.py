"""Cuts large images, or images of many sizes, into tiles of one size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kerasseg.data.sample import Sample
from kerasseg.taxonomy import ignore_in


@dataclass(frozen=True)
class TiledSamples:
    """The tiles of samples, one after the other; pixels are copied, never resampled.

    Tiles of `size` (height, width) cover each image in a grid; the last row and column
    are moved inwards, so they overlap their neighbours. An image smaller than a tile
    is mirrored at its right and lower border, where the label says ignore. A tile has
    the id of its image and its row and column in pixels: "a-0-256".
    """

    samples: Iterable[Sample]
    size: tuple[int, int]

    def __iter__(self) -> Iterator[Sample]:
        for sample in self.samples:
            yield from _tiles(sample, self.size)


def _tiles(sample: Sample, size: tuple[int, int]) -> Iterator[Sample]:
    """One tile is copied at a time: the image may fill most of the memory."""
    if sample.label.shape[:2] == tuple(size):
        yield sample
        return
    height, width = size
    for top in _starts(sample.label.shape[0], height):
        for left in _starts(sample.label.shape[1], width):
            part = np.s_[top : top + height, left : left + width]
            yield replace(
                sample,
                id=f"{sample.id}-{top}-{left}",
                image=_mirrored(sample.image[part], size),
                label=_padded(sample.label[part], size, ignore_in(sample.label)),
                instance=None
                if sample.instance is None
                else _padded(sample.instance[part], size, 0),
                valid=None
                if sample.valid is None
                else _mirrored(sample.valid[part], size),
                encoded=b"",
                sequence=sample.sequence or sample.id,
            )


def _mirrored(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A copy of that size; what it is too small is mirrored, the border itself too."""
    return _grown(pixels, size, mode="symmetric")


def _padded(pixels: np.ndarray, size: tuple[int, int], value: int) -> np.ndarray:
    return _grown(pixels, size, mode="constant", constant_values=value)


def _grown(pixels: np.ndarray, size: tuple[int, int], **how: Any) -> np.ndarray:
    if pixels.shape[:2] == tuple(size):
        return pixels.copy()
    below, right = (
        want - have for want, have in zip(size, pixels.shape[:2], strict=True)
    )
    return np.pad(pixels, [(0, below), (0, right), (0, 0)][: pixels.ndim], **how)


def _starts(length: int, tile: int) -> list[int]:
    """Where tiles begin, so that all of `length` is covered and none sticks out."""
    count = -(-length // tile)
    return [max(0, min(number * tile, length - tile)) for number in range(count)]
