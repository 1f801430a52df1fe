"""Drawn road scenes as a dataset: for the first run, for tests and for benchmarks."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from kerasseg import UserError
from kerasseg.console.flags import COUNT_OR_0, SEED, SIDE, Number
from kerasseg.data.sample import Samples
from kerasseg.data.synthetic import TAXONOMY, scenes
from kerasseg.taxonomy import Taxonomy

STRIDE = 1_000_000
"""Splits begin this far apart, so that the val scenes stay whatever `train` is."""


def load(
    *,
    train: Annotated[int, COUNT_OR_0] = 200,
    val: Annotated[int, COUNT_OR_0] = 50,
    test: Annotated[int, COUNT_OR_0] = 0,
    height: Annotated[int, Number(1, SIDE)] = 96,
    width: Annotated[int, Number(1, SIDE)] = 128,
    seed: Annotated[int, SEED] = 0,
) -> tuple[Taxonomy, dict[str, Samples]]:
    """Drawn road scenes with exact labels; a scene is given by its seed and number.

    Args:
        train: Number of scenes to train on.
        val: Number of scenes to validate on.
        test: Number of scenes to test on.
        height: Height of a scene, pixels.
        width: Width of a scene, pixels.
        seed: Another seed gives other scenes.

    Raises:
        UserError: numbers that no scenes have.
    """
    counts = {"train": train, "val": val, "test": test}
    for split, count in counts.items():
        if not 0 <= count <= STRIDE:
            raise UserError(f"--{split} must be 0 to {STRIDE} scenes, got {count}.")
    read = partial(_scene, height=height, width=width, seed=seed)
    return TAXONOMY, {
        split: Samples(range(i * STRIDE, i * STRIDE + count), read)
        for i, (split, count) in enumerate(counts.items())
        if count
    }


def _scene(number: int, height: int, width: int, seed: int):
    return next(iter(scenes(1, height, width, seed=seed, start=number)))
