"""Speed of records: writing, and reading into batches, against the plainest other way.

    python benchmarks/records.py [--count 400] [--rounds 3] [--most 10000]

Images of 360 x 480 drawn as JPEG (quality 90) with PNG labels, in a temporary folder.
The sides take turns, so that a busy machine slows all of them alike; ratios of medians.

writing     `write_splits` of images whose bytes are kept, in one process. Against
            copying the same bytes of images and labels into one file, and against that
            plus reading them (decoding image and label once, encoding the label).
reading     `pipeline.batches` of 8, shuffled. Against cv2.imdecode of the same bytes
            held in memory, in one thread per core, and against a Torch DataLoader of 2
            workers that decodes files with cv2. From the first batch on: not counted is
            how long each needs to start.
growth      time per image of writing and reading from 100 records on; reading with
            its start.
"""

from __future__ import annotations

import argparse
import functools
import os
import statistics
import tempfile
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from kerasseg.data.datasets import Samples
from kerasseg.data.files import read_image, read_mask
from kerasseg.data.sample import Sample
from kerasseg.quiet import start_tensorflow
from kerasseg.taxonomy import Taxonomy

BATCH, HEIGHT, WIDTH = 8, 360, 480
TAXONOMY = Taxonomy.numbered(11)


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("--count", type=int, default=400)
    flags.add_argument("--rounds", type=int, default=3)
    flags.add_argument("--most", type=int, default=10_000)
    asked = flags.parse_args()
    start_tensorflow()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        files = draw(folder, asked.count)
        out = folder / "records"
        write(files, out)
        print(f"{os.cpu_count()} cores, {asked.count} images, {asked.rounds} rounds")
        writing(files, folder, asked.rounds)
        reading(files, out, asked.rounds)
        growth(files, folder, asked.most)


def draw(folder: Path, count: int) -> list[tuple[Path, Path]]:
    rng, files = np.random.default_rng(0), []
    for number in range(count):
        label = rng.integers(0, 11, (6, 8), np.uint8).repeat(60, 0).repeat(60, 1)
        noise = rng.integers(0, 256, (HEIGHT // 4, WIDTH // 4, 3), np.uint8)
        image = cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        image = image // 3 + (label[..., None] * 15)
        pair = folder / f"{number}.jpg", folder / f"{number}.png"
        cv2.imwrite(str(pair[0]), image, [cv2.IMWRITE_JPEG_QUALITY, 90])
        cv2.imwrite(str(pair[1]), label)
        files.append(pair)
    return files


def read(pair: tuple[Path, Path]) -> Sample:
    image, encoded = read_image(pair[0])
    return Sample(pair[0].stem, image, read_mask(pair[1])[0], None, encoded)


def write(files: list, out: Path) -> None:
    from kerasseg.data import records

    splits = {"train": Samples(files, read)}
    records.write_splits(splits, out, taxonomy=TAXONOMY, progress=False)


def batches(out: Path, count: int):
    from kerasseg.data import pipeline

    endless = pipeline.batches(out, "train", batch_size=BATCH, training=True)
    return iter(endless.take(count // BATCH))


def writing(files: list, folder: Path, rounds: int) -> None:
    def copying():
        with (folder / "copy").open("wb") as copy:
            for pair in files:
                for file in pair:
                    copy.write(file.read_bytes())

    def touching():  # and what any check of the pixels costs
        with (folder / "copy").open("wb") as copy:
            for pair in files:
                image, label = (file.read_bytes() for file in pair)
                cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
                pixels = cv2.imdecode(np.frombuffer(label, np.uint8), -1)
                copy.write(image + cv2.imencode(".png", pixels)[1].tobytes())

    compare(
        "writing",
        {
            "kerasseg": lambda: timed(lambda: write(files, folder / "again")),
            "copying bytes": lambda: timed(copying),
            "decode, encode label, copy": lambda: timed(touching),
        },
        rounds,
        len(files),
    )


def reading(files: list, out: Path, rounds: int) -> None:
    held = [
        [np.frombuffer(file.read_bytes(), np.uint8) for file in pair] for pair in files
    ]
    cores = os.cpu_count() or 1
    cv2.setNumThreads(1)

    def decode(pair):
        return cv2.imdecode(pair[0], cv2.IMREAD_COLOR), cv2.imdecode(pair[1], -1)

    def bare():
        with ThreadPoolExecutor(cores) as pool:
            yield from zip(*[pool.map(decode, held)] * BATCH, strict=True)

    sides = {"kerasseg": lambda: batches(out, len(files)), "cv2.imdecode": bare}
    try:
        import torch

        loader = torch.utils.data.DataLoader(
            [[str(f) for f in pair] for pair in files],
            BATCH,
            shuffle=True,
            num_workers=2,
            collate_fn=collated,
            persistent_workers=True,
        )
        sides["Torch DataLoader"] = lambda: iter(loader)
    except ImportError as error:
        print(f"left out: Torch DataLoader ({error})")
    sides = {name: functools.partial(steady, side) for name, side in sides.items()}
    compare("reading", sides, rounds, len(files) - BATCH)


def steady(start) -> float:
    """Seconds from the first batch to the last."""
    source = start()
    next(source)
    return timed(lambda: deque(source, maxlen=0))


def collated(pairs: list[tuple[str, str]]):
    import torch

    images = [cv2.imread(image)[..., ::-1] for image, _ in pairs]
    labels = [cv2.imread(label, cv2.IMREAD_UNCHANGED) for _, label in pairs]
    return torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(labels))


def growth(files: list, folder: Path, most: int) -> None:
    count = 100
    while count <= most:
        many = [(image, label, n) for n, (image, label) in cycled(files, count)]
        out = folder / f"of{count}"
        times = {}
        times["write"] = timed(lambda: write_many(many, out))  # noqa: B023
        times["read"] = timed(lambda: deque(batches(out, count), maxlen=0))  # noqa: B023
        shown = "   ".join(f"{n} {t / count * 1e3:6.2f} ms" for n, t in times.items())
        print(f"growth     {count:7} records: {shown} an image")
        count *= 10


def cycled(files: list, count: int):
    return ((number, files[number % len(files)]) for number in range(count))


def write_many(many: list, out: Path) -> None:
    from kerasseg.data import records

    splits = {"train": Samples(many, read_numbered)}
    records.write_splits(splits, out, taxonomy=TAXONOMY, progress=False)


def read_numbered(entry: tuple[Path, Path, int]) -> Sample:
    image, encoded = read_image(entry[0])
    return Sample(str(entry[2]), image, read_mask(entry[1])[0], None, encoded)


def compare(what: str, sides: dict, rounds: int, count: int) -> None:
    wall = {name: [] for name in sides}
    for side in sides.values():  # traces, starts processes, warms caches
        side()
    for _ in range(rounds):
        for name, side in sides.items():
            wall[name].append(side())
    ours = statistics.median(wall["kerasseg"])
    for name, times in wall.items():
        median = statistics.median(times)
        print(
            f"{what:10} {name:27} {median / count * 1e3:7.3f} ms an image; "
            f"kerasseg has {median / ours:5.2f} x its speed"
        )


def timed(side) -> float:
    begin = time.perf_counter()
    side()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
