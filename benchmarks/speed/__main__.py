"""`python -m benchmarks.speed [--only step,augment] [--quick] [--peers FOLDER]`."""

from __future__ import annotations

import gc
import importlib
import json
import tempfile
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import tyro

from benchmarks.speed import machine, table
from benchmarks.speed.turns import Part, peer, take_turns
from benchmarks.speed.work import Work
from kerasseg import UserError
from kerasseg.console import command, start_tensorflow
from kerasseg.files import atomic

PARTS = {
    "write": "records",
    "read": "records",
    "versions": "versions",
    "bands": "versions",
    "augment": "augmentation",
    "border": "augmentation",
    "step": "training",
    "epoch": "training",
    "inference": "inference",
    "inference1": "inference",
    "tiles": "inference",
}
"""Name of a part -> the module with the function of that name, which makes the Part."""
QUICK = {
    "model": "unet_small",
    "batch": 2,
    "size": (96, 128),
    "crop": (64, 96),
    "count": 16,
}


@dataclass(frozen=True)
class Benchmark:
    """Time kerasseg against what one would pick instead, in turns, in one run.

    Only ratios of one run mean anything; run it on an idle machine. --peers adds the
    sides of other environments (`benchmarks/peers.py` of the repository makes them).
    """

    only: str = ""
    """Parts to run, with commas: write read versions bands augment border step epoch
    inference (all cores) inference1 (one thread) tiles. Empty: all."""
    peers: str = ""
    """Folder with peers.json and the peers' environments."""
    old: str = ""
    """Checkout of another version of kerasseg, for the part `versions`."""
    out: str = ""
    """Folder for benchmark.md and benchmark.json, which grow part by part."""
    rounds: int = 11
    """Turns of each side that count, after one that does not."""
    limit: float = 90.0
    """Seconds after which a slow side stops, but not before its second turn."""
    quick: bool = False
    """Two rounds of small sizes and a small network: whether all runs, not how fast."""
    batch: int = 8
    """Images in a training step."""
    run: str = ""
    """A run or .keras file to time inference of; empty: the network of the trainings
    with random weights."""


@command
def main(argv: list[str]) -> None:
    asked = tyro.cli(Benchmark, args=argv, prog="python -m benchmarks.speed")
    names = _names(asked.only)
    peers = _peers(asked.peers)
    if asked.rounds < 1 or asked.batch < 1:
        raise UserError(
            "--rounds and --batch must be at least 1, got "
            f"{asked.rounds} and {asked.batch}."
        )
    start_tensorflow()
    warning, found = machine.warning(), []
    print("  ".join([machine.described(), warning]).strip(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        work = _work(asked, folder)
        for name in names:
            print(f"\n{name}", flush=True)
            result = measured(name, work, peers.get(name, {}), asked)
            found.append({"part": name, **table.summary(result)})
            print(f"\n{table.markdown(found[-1])}", end="", flush=True)
            if asked.out:
                _write(Path(asked.out), warning, found)


def measured(name: str, work: Work, peers: dict, asked: Benchmark):
    """The result of one part, with the sides of its peers."""
    import keras

    module = importlib.import_module(f"benchmarks.speed.{PARTS[name]}")
    part: Part = getattr(module, name)(work)
    others = {
        side: partial(peer, [*words], asdict(work)) for side, words in peers.items()
    }
    part = replace(part, sides=part.sides | others)
    result = take_turns(part, 2 if asked.quick else asked.rounds, asked.limit)
    keras.backend.clear_session()
    gc.collect()
    return result


def _work(asked: Benchmark, folder: str) -> Work:
    work = Work(folder, batch=asked.batch, run=asked.run, old=asked.old)
    if asked.quick:
        work = replace(work, **QUICK)
    if asked.run:
        from kerasseg import runs
        from kerasseg.inference.class_maps import network_size

        network = runs.load(Path(asked.run))
        size, classes = network_size(network), network.output_shape[-1]
        crop = tuple(map(min, work.crop, size))
        work = replace(work, size=size, crop=crop, classes=classes)
    return work


def _names(only: str) -> list[str]:
    names = [name.strip() for name in only.split(",") if name.strip()] or list(PARTS)
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        raise UserError(f"Unknown part '{unknown[0]}'. Known: {', '.join(PARTS)}.")
    return names


def _peers(folder: str) -> dict[str, dict[str, list[str]]]:
    """part -> name of a side -> the command that runs it."""
    if not folder:
        return {}
    file = Path(folder, "peers.json")
    if not file.is_file():
        raise UserError(
            f"{file} does not exist. Make it with python benchmarks/peers.py {folder}, "
            "from the repository."
        )
    return json.loads(file.read_text())


def _write(out: Path, warning: str, found: list[dict]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    head = machine.described()
    about = {"machine": head, "warning": warning, "parts": found}
    atomic.write_json(out / "benchmark.json", about)
    parts = "\n".join(map(table.markdown, found))
    lines = "\n\n".join(line for line in (head, warning) if line)
    atomic.write_text(out / "benchmark.md", f"{lines}\n\n{parts}")


if __name__ == "__main__":
    main()
