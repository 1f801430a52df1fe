"""Reading records: this version against an older one, and bands against bare inflate.

Seconds are of the processor, in one thread: work of others beside it counts little.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from benchmarks.speed.turns import Missing, Part, Side, peer
from benchmarks.speed.work import Work

READER = Path(__file__).parents[1] / "peer/kerasseg_reader.py"
BANDS, SIZE = 8, (256, 256)


def versions(work: Work) -> Part:
    """The same RGB records, read by both versions in processes of their own."""

    def side(folder: str) -> Side:
        if not folder:
            raise Missing("say --old FOLDER, a checkout of another version")
        records = str(work.records())
        command = [sys.executable, str(READER), str(Path(folder).resolve()), records]
        return peer(command, {"batch": work.batch, "count": work.count})

    here = str(Path(__file__).parents[2])
    return Part(
        f"reading RGB records, batches of {work.batch}, processor seconds",
        work.count - work.batch,
        "this version",
        {"this version": lambda: side(here), "the old one": lambda: side(work.old)},
        (("this version", "the old one", "this version / the old one"),),
    )


def bands(work: Work) -> Part:
    """Records of eight bands of 12 bits in uint16."""
    import tensorflow as tf

    from kerasseg.data import pipeline, records
    from kerasseg.data.format.encode import IMAGE, LABEL
    from kerasseg.data.format.example import FEATURES

    folder = _written(work)
    paths = [str(path) for path in records.shard_paths(folder, "train")]
    held = [
        tf.io.parse_single_example(record, FEATURES)[IMAGE].numpy()
        for record in tf.data.TFRecordDataset(paths)
    ]

    def in_tensorflow(label: bool) -> Iterable:
        def inflated(record):
            example = tf.io.parse_single_example(record, FEATURES)
            image = tf.io.decode_compressed(example[IMAGE], "ZSTD")
            if not label:
                return image
            return image, tf.io.decode_compressed(example[LABEL], "ZSTD")

        options = tf.data.Options()
        options.autotune.enabled = False
        options.threading.private_threadpool_size = 1
        return tf.data.TFRecordDataset(paths).map(inflated).with_options(options)

    def in_memory():
        import imagecodecs

        return map(imagecodecs.zstd_decode, held)

    def ours():
        return pipeline.batches(folder, "train", batch_size=work.batch, threads=1)

    batches = "kerasseg, batches"
    with_label = "tf.data: read, inflate image and label"
    alone = "tf.data: read, inflate the image"
    frames = "zstd of the same bytes in memory"
    return Part(
        f"reading {BANDS} bands of uint16, {SIZE[0]}x{SIZE[1]}, processor seconds",
        len(held),
        batches,
        {
            batches: lambda: Side(_processor(ours)),
            with_label: lambda: Side(_processor(lambda: in_tensorflow(True))),
            alone: lambda: Side(_processor(lambda: in_tensorflow(False))),
            frames: lambda: Side(_processor(in_memory)),
        },
        tuple(
            (name, batches, f"rate of kerasseg / rate of '{name}'")
            for name in (with_label, alone, frames)
        ),
    )


def _processor(source: Callable[[], Iterable]) -> Callable[[], float]:
    def turn() -> float:
        began = time.process_time()
        deque(source(), maxlen=0)
        return time.process_time() - began

    return turn


def _written(work: Work) -> Path:
    from kerasseg.data import records
    from kerasseg.data.sample import Sample, Samples
    from kerasseg.data.synthetic import scene
    from kerasseg.image_format import ImageFormat
    from kerasseg.taxonomy import Taxonomy

    def read(number: int) -> Sample:
        """Mixtures of red, green and blue, with the noise of a sensor."""
        drawn = scene(0, number % 16, height=SIZE[0], width=SIZE[1])
        random = np.random.default_rng(number)
        mixed = drawn.image @ random.uniform(0, 5, (3, BANDS))
        mixed += random.normal(0, 8, mixed.shape)
        image = mixed.clip(0, 4095).astype(np.uint16)
        return Sample(str(number), image, drawn.label % work.classes)

    out = Path(work.folder, "bands")
    names = tuple(f"band{number}" for number in range(BANDS))
    samples = Samples(
        range(min(work.count, 64)),
        read,
        image_format=ImageFormat.of(names, "uint16"),
    )
    taxonomy = Taxonomy.numbered(work.classes)
    records.write(samples, out, "train", taxonomy=taxonomy, progress=False)
    return out
