"""Time of a record, written and read, from 100 of them to 100 times as many.

    python benchmarks/growth.py [--most 10000]

Images of 360 x 480 in a temporary folder, one process. Both figures should stay level;
reading includes its start, which a few records do not make up for.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from collections import deque
from itertools import cycle, islice
from pathlib import Path

from benchmarks.speed.work import Work
from kerasseg.console import start_tensorflow
from kerasseg.data.reading.masks.mask import read_mask
from kerasseg.data.reading.pictures.image import read_image
from kerasseg.data.sample import Sample, Samples
from kerasseg.taxonomy import Taxonomy


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("--most", type=int, default=10_000)
    most, count = flags.parse_args().most, 100
    start_tensorflow()
    with tempfile.TemporaryDirectory() as folder:
        work = dataclasses.replace(Work(folder), count=100)
        files = work.files()
        while count <= most:
            out = Path(folder, f"of{count}")
            entries = list(enumerate(islice(cycle(files), count)))
            written = 1e3 * timed(lambda: write(entries, out)) / count  # noqa: B023
            seen = 1e3 * timed(lambda: read(out, count)) / count  # noqa: B023
            print(
                f"{count:7} records: written in {written:6.2f} ms, read in "
                f"{seen:6.2f} ms an image"
            )
            count *= 10


def write(entries: list, out: Path) -> None:
    from kerasseg.data import records

    splits = {"train": Samples(entries, sample)}
    taxonomy = Taxonomy.numbered(Work.classes)
    records.write_splits(splits, out, taxonomy=taxonomy, progress=False)


def read(out: Path, count: int) -> None:
    from kerasseg.data import pipeline

    batch = Work.batch
    endless = pipeline.batches(out, "train", batch_size=batch, training=True)
    deque(endless.take(count // batch), maxlen=0)


def sample(entry: tuple[int, tuple[Path, Path]]) -> Sample:
    number, (image_file, label_file) = entry
    image, encoded = read_image(image_file)
    return Sample(str(number), image, read_mask(label_file)[0], None, encoded)


def timed(action) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
