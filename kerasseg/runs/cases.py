"""The volumes of a split of records, whole: blocks of large ones are put together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.sample import Sample
from kerasseg.volume_format import VolumeGeometry

BLOCK = "@"
"""Stands between the id of a volume and the place of its block."""


@dataclass
class _Blocks:
    """What is known so far of a volume that comes in blocks."""

    image: np.ndarray
    label: np.ndarray
    known: np.ndarray  # bool (D, H, W)

    def add(self, sample: Sample, geometry: VolumeGeometry) -> None:
        sides = sample.image.shape[:3]
        where = tuple(
            slice(first, first + side)
            for first, side in zip(geometry.place, sides, strict=True)
        )
        self.image[where], self.label[where] = sample.image, sample.label
        self.known[where] = True


def cases(records: str | Path, split: str) -> Iterator[Sample]:
    """The samples of a split of volumes; of blocks the volume that they are of.

    A volume in blocks is held until its last block has come. Raises UserError where one
    never does.
    """
    from kerasseg.data import records as shards

    waiting: dict[str, _Blocks] = {}
    for sample in shards.read(records, split):
        geometry = sample.volume
        if geometry is None or not geometry.whole:
            yield sample
            continue
        name = sample.id.rpartition(BLOCK)[0]
        if name not in waiting:
            known = np.zeros(geometry.whole, bool)
            image, label = (
                np.empty((*geometry.whole, *part.shape[3:]), part.dtype)
                for part in (sample.image, sample.label)
            )
            waiting[name] = _Blocks(image, label, known)
        blocks = waiting[name]
        blocks.add(sample, geometry)
        if blocks.known.all():
            del waiting[name]
            whole = replace(geometry, place=(0, 0, 0), whole=())
            yield Sample(
                name, blocks.image, blocks.label, sequence=sample.sequence, volume=whole
            )
    if waiting:
        name = next(iter(waiting))
        raise UserError(
            f"Split '{split}' of {records} lacks blocks of the volume '{name}'. "
            "Prepare it again."
        )
