"""Which loss for what: the same small U-Net trained with several losses in turns.

    python -m benchmarks.losses ../shared/data WORK [--steps 160] [--seed 0]

Prepares the nuclei of the Data Science Bowl 2018, the membranes of ISBI 2012 and the
road scenes of CamVid in WORK, trains the same network from the same seed for the same
steps with each loss, and prints one table for each data set: mean IoU, boundary F1 and,
where there are objects, their F1, all on the validation split, with the processor
seconds of each training. What stands in WORK already is not trained again, so that a
stopped benchmark goes on. One small network and one seed: differences of a point are
noise.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path

BATCH = 8
SETS = {
    "nuclei": ("dsb2018", "dsb2018", ["--cut", "256", "256"]),
    "membranes": ("isbi2012", "isbi2012", ["--cut", "256", "256"]),
    "road": ("camvid", "camvid", ["--size", "176", "240"]),
}
"""Name -> adapter of prepare, folder of the data, options of prepare."""

LOSSES = {
    "cross_entropy": ["cross_entropy=1"],
    "focal": ["focal=1"],
    "top_k": ["top_k=1"],
    "soft_dice": ["soft_dice=1"],
    "cross_entropy + soft_dice": ["cross_entropy=1", "soft_dice=1"],
    "cross_entropy + lovasz_softmax": ["cross_entropy=1", "lovasz_softmax=1"],
    "unified_focal": ["unified_focal=1"],
}
"""What the table says -> --fit.loss."""


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="folder of dsb2018, isbi2012, camvid")
    parser.add_argument("work", type=Path, help="folder for records and runs")
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    arguments = parser.parse_args(argv)
    for name in arguments.sets:
        records = prepared(name, arguments.data, arguments.work)
        rows = {
            title: trained(records, loss, arguments) for title, loss in LOSSES.items()
        }
        print_table(name, rows, arguments)


def prepared(name: str, data: Path, work: Path) -> Path:
    """The folder of records, made if it is not there."""
    adapter, folder, options = SETS[name]
    records = work / "records" / name
    if not (records / "dataset.json").exists():
        call("prepare", adapter, str(data / folder), str(records), *options)
    return records


def trained(records: Path, loss: list[str], arguments: argparse.Namespace) -> dict:
    """The scores of a training, and its processor seconds."""
    run = f"{records.name}-{'-'.join(loss)}-{arguments.steps}-{arguments.seed}"
    cache = arguments.work / "scores" / f"{run}.json"
    if cache.exists():
        return json.loads(cache.read_text())
    described = json.loads((records / "dataset.json").read_text())
    samples = described["splits"]["train"]["samples"]
    epochs = max(1, round(arguments.steps * BATCH / samples))
    out = arguments.work / "runs"
    seconds = call(
        *("train", "--data.records", str(records), "--data.crop", "128", "128"),
        *("--data.batch", str(BATCH), "--model.name", "unet_small"),
        *("--model.options", "filters=8", "depth=3"),
        *("--fit.loss", *loss, "--fit.class_weights", "none"),
        *("--fit.epochs", str(epochs), "--fit.learning_rate", "4e-3"),
        *("--fit.ema", "0.95", "--seed", str(arguments.seed), "--export", "False"),
        *("--out", str(out), "--name", run),
    )
    newest = max(out.glob(f"{run}-*"), key=lambda folder: folder.stat().st_mtime)
    scores = json.loads((newest / "metrics.json").read_text())
    kept = {key: scores.get(key) for key in ("miou", "boundary_f1", "object_f1")}
    kept["seconds"] = seconds
    cache.parent.mkdir(parents=True, exist_ok=True)
    cache.write_text(json.dumps(kept))
    return kept


def call(command: str, *arguments: str) -> float:
    """Runs a command of kerasseg; the processor seconds that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", f"kerasseg.{command}", *arguments], check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def print_table(
    name: str, rows: dict[str, dict], arguments: argparse.Namespace
) -> None:
    print(f"\n{name}: about {arguments.steps} steps of {BATCH}, seed {arguments.seed}")
    print("| loss | mIoU | boundary F1 | object F1 | processor seconds |")
    print("|---|---|---|---|---|")
    for title, row in rows.items():
        values = (row["miou"], row["boundary_f1"], row["object_f1"])
        said = ("-" if value is None else f"{value:.3f}" for value in values)
        print(f"| {title} | {' | '.join(said)} | {row['seconds']:.0f} |", flush=True)


if __name__ == "__main__":
    main()
