"""`python -m benchmarks.hippocampus RECORDS`: the recipe for volumes, and MONAI's.

Each side gets this machine for the same minutes, one after the other: the recipe
pipelines/volumes/hippocampus.toml with its whole walk of training (augmentation,
validation, checkpoints), and MONAI's DynUNet and BasicUNet with MONAI's own transforms,
loss and window (benchmarks/peer/monai_volumes.py), bare. All see the same standardised
volumes of the training split. The Dice is that of whole volumes of the split val,
mean over cases: of kerasseg the epoch with the best score there, as the recipe saves
it; of MONAI the network at the end.

Needs pip install torch monai beside kerasseg[volumes].
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from kerasseg.console import command
from kerasseg.data import records

HERE = Path(__file__).resolve().parent
RECIPE = HERE.parent / "pipelines/volumes/hippocampus.toml"
NAMES = {
    "kerasseg": "kerasseg, unet_3d",
    "dyn": "MONAI, DynUNet",
    "basic": "MONAI, BasicUNet",
}


@dataclass(frozen=True)
class Hippocampus:
    """Train each side for the same time and compare the Dice of whole volumes."""

    records: Annotated[Path, tyro.conf.Positional]
    """Folder that `prepare volumes` wrote of the hippocampus set."""
    minutes: float = 30
    """For each side."""
    sides: tuple[str, ...] = tuple(NAMES)
    """Of kerasseg, dyn, basic."""


@command
def main(argv: list[str]) -> None:
    prog = "python -m benchmarks.hippocampus"
    asked = tyro.cli(Hippocampus, args=argv, prog=prog)
    with tempfile.TemporaryDirectory() as folder:
        arrays = Path(folder) / "volumes.npz"
        np.savez(arrays, **_arrays(asked.records))
        for side in asked.sides:
            if side == "kerasseg":
                line, dice = _kerasseg(asked, Path(folder))
            else:
                line, dice = _monai(asked, arrays, side)
            each = ", ".join(f"{one:.4f}" for one in dice)
            print(
                flush=True,
                end=f"{NAMES[side]:18}  Dice {np.mean(dice):.4f} ({each})  {line}\n",
            )


def _arrays(path: Path) -> dict[str, np.ndarray]:
    found = {}
    for split, prefix in (("train", ""), ("val", "v")):
        for number, sample in enumerate(records.read(path, split)):
            found[f"{prefix}x{number}"] = sample.image[..., 0]
            found[f"{prefix}y{number}"] = sample.label
    return found


def _kerasseg(asked: Hippocampus, folder: Path) -> tuple[str, list[float]]:
    flags = [str(RECIPE), "--data.records", str(asked.records), "--out", str(folder)]
    flags += ["--fit.minutes", str(asked.minutes), "--name", "ours", "--no-export"]
    _run("-m", "kerasseg.train", *flags)
    run = folder / "ours-1"
    kept = json.loads((run / "metrics.json").read_text())
    rows = (run / "log.csv").read_text().splitlines()
    return f"{len(rows) - 1} epochs", kept["case_dice"][1:]


def _monai(asked: Hippocampus, arrays: Path, side: str) -> tuple[str, list[float]]:
    script = str(HERE / "peer/monai_volumes.py")
    told = _run(script, str(arrays), str(asked.minutes), side).splitlines()[-1]
    kept = json.loads(told)
    line = f"{kept['steps']} steps, {kept['parameters']:,} parameters"
    return line, list(np.mean(kept["dice"], axis=0))


def _run(*words: str) -> str:
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    main()
