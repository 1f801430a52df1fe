"""Cuts large images, or images of many sizes, into tiles of one size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from kerasseg.data.sample import Sample
from kerasseg.taxonomy import IGNORE


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
    if sample.label.shape == tuple(size):
        yield sample
        return
    height, width = size
    below, right = (
        max(0, want - have) for want, have in zip(size, sample.label.shape, strict=True)
    )

    def padded(pixels: np.ndarray, border: int, value: int = 0) -> np.ndarray:
        if not below and not right:
            return pixels
        return cv2.copyMakeBorder(pixels, 0, below, 0, right, border, value=(value,))

    image = padded(sample.image, cv2.BORDER_REFLECT)
    label = padded(sample.label, cv2.BORDER_CONSTANT, IGNORE)
    instance = sample.instance
    if instance is not None:
        instance = padded(instance, cv2.BORDER_CONSTANT)
    for top in _starts(label.shape[0], height):
        for left in _starts(label.shape[1], width):
            part = np.s_[top : top + height, left : left + width]
            yield Sample(
                f"{sample.id}-{top}-{left}",
                np.ascontiguousarray(image[part]),
                np.ascontiguousarray(label[part]),
                None if instance is None else np.ascontiguousarray(instance[part]),
                sequence=sample.sequence or sample.id,
            )


def _starts(length: int, tile: int) -> list[int]:
    """Where tiles begin, so that all of `length` is covered and none sticks out."""
    count = -(-length // tile)
    return [min(number * tile, length - tile) for number in range(count)]
