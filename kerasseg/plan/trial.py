"""`python -m kerasseg.plan.trial RECIPE.toml OUT.json`: one recipe's step, measured.

A process of its own: out of memory ends it (on a CPU as std::bad_alloc or a signal, on
a GPU with memory that stays taken), and nothing else.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from kerasseg import config
from kerasseg.files import atomic
from kerasseg.fit import from_settings, training_data
from kerasseg.fit.networks import networks_of

if TYPE_CHECKING:
    from kerasseg.fit.trainer import Trainer

STEPS = 5
"""Measured after the first, which traces and compiles."""


def main(argv: list[str]) -> None:
    recipe, out = map(Path, argv)
    began = time.perf_counter()
    settings = config.parse([str(recipe)])
    used = from_settings.devices_of(settings)
    data = training_data.read(settings, out.parent, used)
    networks = networks_of(settings, data, used)
    trainer = networks.trainer
    stream = iter(from_settings.stream_of(settings, data.records))
    trainer.train_on_batch(next(stream))
    ready = time.perf_counter() - began
    seconds = []
    for _ in range(STEPS):
        at = time.perf_counter()
        trainer.train_on_batch(next(stream))
        seconds.append(time.perf_counter() - at)
    atomic.write_json(
        out,
        {
            "ready": ready,
            "step": statistics.median(seconds),
            "image": _seconds_of_an_image(networks.judge, settings, data),
        },
    )


def _seconds_of_an_image(judge: Trainer, settings: config.Config, data) -> float:
    """Of validation, for a whole image, or a patch of a volume."""
    from kerasseg.data import pipeline

    read = settings.data
    size = data.size if data.volume else read.size
    val = pipeline.batches(data.records, read.val, batch_size=read.batch, size=size)
    batch = next(iter(val.take(1)))
    judge.test_on_batch(batch)
    at = time.perf_counter()
    judge.test_on_batch(batch)
    return (time.perf_counter() - at) / len(batch["image"])


if __name__ == "__main__":
    main(sys.argv[1:])
