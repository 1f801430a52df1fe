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
from kerasseg.fit import from_settings, streams, training_data
from kerasseg.fit.networks import networks_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from kerasseg.fit.trainer import Trainer
    from kerasseg.fit.training_data import TrainingData

STEPS, WAITED = 10, 3
"""Steps after the first, which traces and compiles, and those of them that do not
count: their batches were made while it was traced."""


def main(argv: list[str]) -> None:
    recipe, out = map(Path, argv)
    began = time.perf_counter()
    settings = config.parse([str(recipe)])
    used = from_settings.devices_of(settings)
    data = training_data.read(settings, out.parent, used)
    networks = networks_of(settings, data, used)
    trainer = networks.trainer
    stream = iter(streams.stream_of(settings, data.records))
    ready = time.perf_counter() - began
    first = _seconds(lambda: trainer.train_on_batch(next(stream)))
    each = [
        _seconds(lambda: trainer.train_on_batch(next(stream))) for _ in range(STEPS)
    ]
    step = statistics.mean(each[WAITED:])
    judging, image = _validation(networks.judge, settings, data)
    traced = first - step + judging
    if settings.fit.statistics:  # traces another pass through the same network
        traced += judging
    costs = {"ready": ready, "traced": traced, "step": step, "image": image}
    atomic.write_json(out, costs)


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _validation(
    judge: Trainer, settings: config.Config, data: TrainingData
) -> tuple[float, float]:
    """Seconds for tracing, and for a whole image, or a patch of a volume."""
    from kerasseg.data import pipeline, smaller

    read = settings.data
    size = data.size if data.volume else read.size
    some = pipeline.at_once(read.batch, data.size)
    place, size = smaller.instead(data.records, read.val, size, read.smaller)
    val = pipeline.batches(place, read.val, batch_size=some, size=size)
    batch = next(iter(val.take(1)))
    first, again = (_seconds(lambda: judge.test_on_batch(batch)) for _ in range(2))
    return max(0.0, first - again), again / len(batch["image"])


if __name__ == "__main__":
    main(sys.argv[1:])
