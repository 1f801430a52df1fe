"""From a volume to its class ids, patch by patch, slab by slab."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from kerasseg.image_format import ImageFormat
from kerasseg.inference.answers import Each, ids_of, stacked
from kerasseg.inference.mirror import mean_over_mirrored
from kerasseg.inference.volumes import window
from kerasseg.inference.volumes.restoring import resized
from kerasseg.inference.volumes.window import Advance
from kerasseg.taxonomy import Tensor
from kerasseg.volume_format import VolumeFormat

Shape = tuple[int, int, int]
"""(D, H, W)."""


@dataclass(frozen=True)
class VolumeSegmenter:
    """A network with its sliding window.

    probabilities_of: normalised float32 (1, d, h, w, C) -> (1, d, h, w, K).
    size: its d, h, w. exclusive: see `kerasseg.taxonomy.Taxonomy`.
    mirror: axes (0, 1, 2 for D, H, W) along which patches are mirrored too; the mean
        over all combinations.
    overlap: share of a side that patches have in common.
    outside: what the network sees beyond the border of a volume.
    """

    probabilities_of: Callable[[np.ndarray], Tensor]
    size: Shape
    exclusive: bool = True
    mirror: tuple[int, ...] = ()
    overlap: float = 0.5
    outside: float | tuple[float, ...] = 0.0

    def patches(self, shape: Shape) -> int:
        """How many patches a volume takes: how often `advance` is called."""
        return window.patches(shape, self.size, self.overlap)

    def slabs(
        self,
        volume: np.ndarray,
        shape: Shape | None = None,
        advance: Advance | None = None,
    ) -> Iterator[np.ndarray]:
        """Probabilities of a volume (D, H, W, C), float32 (planes, H, W, K) from its
        first plane to its last. shape: stretched to this (D, H, W), linearly."""
        axes = tuple(1 + axis for axis in self.mirror)
        network = functools.partial(mean_over_mirrored, self.probabilities_of, axes)
        options = self.overlap, self.outside, advance
        found = window.slabs(network, volume, self.size, *options)
        return resized(found, volume.shape[0], shape or volume.shape[:3])

    def __call__(
        self,
        volume: np.ndarray,
        each: Each | None = None,
        shape: Shape | None = None,
        advance: Advance | None = None,
    ) -> np.ndarray:
        """Volume (D, H, W, C) -> ids (D, H, W), where classes overlap 0 and 1 (D, H, W,
        K), at `shape`. each: is given the probabilities, slab by slab."""
        slabs = self.slabs(volume, shape, advance)
        depth = (shape or volume.shape)[0]

        def ids(slab: np.ndarray) -> np.ndarray:
            if each:
                each(slab)
            return ids_of(slab, self.exclusive)

        return stacked(map(ids, slabs), depth)


def outside_of(
    volume: VolumeFormat | None, image_format: ImageFormat
) -> float | tuple[float, ...]:
    """What is taken to lie beyond the border of a volume, as in the training
    (`kerasseg.data.patches.fill_of`): the mean of the set, 0 where each volume was
    standardised."""
    if (volume and volume.normalise == "zscore") or not image_format.statistics:
        return 0.0
    means = [band.mean for band in image_format.statistics]
    return tuple(means if image_format.type == "float32" else np.round(means).tolist())
