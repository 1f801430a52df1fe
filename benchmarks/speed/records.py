"""Records: writing them, and reading them into batches."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from benchmarks.speed.machine import cores
from benchmarks.speed.turns import Part, Side
from benchmarks.speed.work import Work


def write(work: Work) -> Part:
    """`write_splits` of images whose bytes are kept, in one process."""
    files, copy = work.files(), Path(work.folder, "copy")

    def copying():
        with copy.open("wb") as out:
            for pair in files:
                for file in pair:
                    out.write(file.read_bytes())

    def touching():  # and what any check of the pixels costs
        with copy.open("wb") as out:
            for pair in files:
                image, label = (file.read_bytes() for file in pair)
                cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
                pixels = cv2.imdecode(np.frombuffer(label, np.uint8), -1)
                out.write(image + cv2.imencode(".png", pixels)[1].tobytes())

    return Part(
        f"writing records, {work.count} JPEGs of {work.size[0]}x{work.size[1]}",
        work.count,
        "kerasseg",
        {
            "kerasseg": lambda: Side(
                lambda: work.write_records(Path(work.folder, "again"))
            ),
            "copying the bytes": lambda: Side(copying),
            "decode, encode label, copy": lambda: Side(touching),
        },
    )


def read(work: Work) -> Part:
    """Batches as in training, shuffled. From the first one on: not counted is how long
    each side needs to start."""
    return Part(
        f"reading, batches of {work.batch}",
        work.count - work.batch,
        "kerasseg",
        {
            "kerasseg": lambda: _reader(_from_records(work)),
            "tf.data from files": lambda: _reader(
                lambda: iter(from_files(work).batch(work.batch).prefetch(2))
            ),
            "cv2.imdecode, bytes in memory": lambda: _reader(_decoded(work)),
        },
    )


def from_files(work: Work):
    """tf.data of decoded (image, label (H, W, 1)) as tutorials write it."""
    import tensorflow as tf

    def decode(image, label):
        image = tf.io.decode_jpeg(tf.io.read_file(image), channels=3)
        label = tf.io.decode_png(tf.io.read_file(label), channels=1)
        return (
            tf.ensure_shape(image, (*work.size, 3)),
            tf.ensure_shape(label, (*work.size, 1)),
        )

    names = tuple(
        [str(f) for f in column] for column in zip(*work.files(), strict=True)
    )
    files = tf.data.Dataset.from_tensor_slices(names).shuffle(work.count)
    return files.map(decode, num_parallel_calls=tf.data.AUTOTUNE)


def _from_records(work: Work):
    from kerasseg.data import pipeline

    # Endless as in training, but cut: it must not read on in the others' turns.
    endless = pipeline.batches(
        work.records(), "train", batch_size=work.batch, training=True
    )
    return lambda: iter(endless.take(work.count // work.batch))


def _decoded(work: Work):
    """The least that any reader must do: decode, in one thread a core."""
    cv2.setNumThreads(1)
    held = [
        [np.frombuffer(file.read_bytes(), np.uint8) for file in pair]
        for pair in work.files()
    ]

    def decode(pair):
        return cv2.imdecode(pair[0], cv2.IMREAD_COLOR), cv2.imdecode(pair[1], -1)

    def batches():
        with ThreadPoolExecutor(cores()) as pool:
            yield from zip(*[pool.map(decode, held)] * work.batch, strict=True)

    return batches


def _reader(start) -> Side:
    def turn() -> float:
        source = start()
        next(source)
        began = time.perf_counter()
        deque(source, maxlen=0)
        return time.perf_counter() - began

    return Side(turn)
