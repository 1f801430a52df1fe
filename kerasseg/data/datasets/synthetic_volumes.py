"""Drawn volumes as a dataset: for a first run on volumes and for tests."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated

from kerasseg import UserError
from kerasseg.console.flags import COUNT_OR_0, SEED, SIDE, Number
from kerasseg.data.datasets.synthetic import STRIDE
from kerasseg.data.sample import Sample, Samples
from kerasseg.data.synthetic.volumes import IMAGES, TAXONOMY, volume
from kerasseg.taxonomy import Taxonomy
from kerasseg.volume_format import Spacing, VolumeFormat, standardised


def load(
    *,
    train: Annotated[int, COUNT_OR_0] = 40,
    val: Annotated[int, COUNT_OR_0] = 10,
    test: Annotated[int, COUNT_OR_0] = 0,
    shape: Annotated[tuple[int, int, int], Number(1, SIDE)] = (16, 32, 32),
    spacing: Annotated[Spacing, Number(0, above=True)] = (2.0, 1.0, 1.0),
    seed: Annotated[int, SEED] = 0,
) -> tuple[Taxonomy, dict[str, Samples]]:
    """Drawn volumes of layers, tubes and balls with exact labels; a volume is given by
    its seed and number.

    Args:
        train: Number of volumes to train on.
        val: Number of volumes to validate on.
        test: Number of volumes to test on.
        shape: Depth, height and width of a volume, voxels.
        spacing: Millimetres between voxels along depth, height and width.
        seed: Another seed gives other volumes.

    Raises:
        UserError: numbers that no volumes have.
    """
    counts = {"train": train, "val": val, "test": test}
    for split, count in counts.items():
        if not 0 <= count <= STRIDE:
            raise UserError(f"--{split} must be 0 to {STRIDE} volumes, got {count}.")
    if min(shape) < 1:
        raise UserError(f"--shape must be three numbers above 0, got {shape}.")
    made = VolumeFormat("zscore", None, spacing)
    read = partial(_standardised, shape=shape, spacing=spacing, seed=seed)
    return TAXONOMY, {
        split: Samples(
            range(i * STRIDE, i * STRIDE + count),
            read,
            image_format=IMAGES,
            volume=made,
        )
        for i, (split, count) in enumerate(counts.items())
        if count
    }


def _standardised(number: int, shape, spacing, seed: int) -> Sample:
    sample = volume(number, shape, spacing, seed)
    return replace(sample, image=standardised(sample.image))
