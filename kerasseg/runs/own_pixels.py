"""Images of records with their labels as they are stored: no label is resized.

An enlarged label would count some of its pixels twice, and a shrunk one would leave
some out; the answers are brought to the label's size instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from kerasseg.data import pipeline
from kerasseg.data import records as shards

AT_ONCE = 1 << 26
"""Numbers of the probabilities of a batch, 256 MiB: a batch of large images is
smaller."""


def batches(records: str | Path, split: str, batch: int) -> Iterator[dict[str, Any]]:
    """Batches of a split in its order, as `pipeline.batches` without a size; where the
    images differ in size, one by one."""
    described = shards.describe(records)
    known = described.split(split)
    if known.height is not None and known.width is not None:
        each = known.height * known.width * described.taxonomy.num_classes
        batch = max(1, min(batch, AT_ONCE // each))
        yield from pipeline.batches(
            records, split, batch_size=batch, instances=known.instances
        )
        return
    for sample in shards.read(records, split):
        parts: dict[str, Any] = {"image": sample.image, "label": sample.label}
        if known.instances:
            parts["instance"] = sample.instance
        yield {name: tf.constant(value[None]) for name, value in parts.items()}
