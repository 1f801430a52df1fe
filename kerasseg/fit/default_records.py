"""Draws synthetic road scenes or volumes as records, for a training that is given
none."""

from __future__ import annotations

import functools
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from kerasseg import config

TRAIN, VAL = 896, 64
"""Numbers of scenes in the two splits."""
SIZE = {"height": 96, "width": 128}
"""Size of a scene, pixels."""


def write(records: Path, settings: config.Config) -> None:
    """Draws scenes, volumes where --data.size or --data.crop has three sides, and
    writes the splits train and val, as for any other data set; nothing where the folder
    holds records already."""
    from kerasseg.data import records as shards
    from kerasseg.data.datasets import synthetic_volumes
    from kerasseg.data.synthetic import TAXONOMY, scene
    from kerasseg.data.writing.worker import end_with_parent

    if (records / "dataset.json").exists():
        return
    data, seed = settings.data, settings.seed
    if 3 in (len(data.size), len(data.crop)):
        print(f"Drawing synthetic volumes into {records}")
        taxonomy, drawn = synthetic_volumes.load(seed=seed)
        shards.write_splits({**drawn}, records, taxonomy=taxonomy, progress=False)
        return
    print(f"Drawing synthetic road scenes into {records}")
    # spawn: a forked TensorFlow hangs.
    with ProcessPoolExecutor(
        mp_context=get_context("spawn"), initializer=end_with_parent
    ) as pool:
        draw = functools.partial(scene, seed, **SIZE)
        splits: dict[str, Any] = {
            "train": pool.map(draw, range(TRAIN), chunksize=16),
            "val": pool.map(draw, range(10**6, 10**6 + VAL), chunksize=16),
        }
        shards.write_splits(splits, records, taxonomy=TAXONOMY, progress=False)
