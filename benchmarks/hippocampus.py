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
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from benchmarks.peer_runs import arrays_of, python
from kerasseg.console import command

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
        np.savez(arrays, **arrays_of(asked.records, lambda x: x[..., 0]))
        for side in asked.sides:
            if side == "kerasseg":
                line, dice = _kerasseg(asked, Path(folder))
            else:
                line, dice = _monai(asked, arrays, side)
            each = ", ".join(f"{one:.4f}" for one in dice)
            about = f"{NAMES[side]:18}  Dice {np.mean(dice):.4f} ({each})  {line}"
            print(about, flush=True)


def _kerasseg(asked: Hippocampus, folder: Path) -> tuple[str, list[float]]:
    flags = [str(RECIPE), "--data.records", str(asked.records), "--out", str(folder)]
    flags += ["--fit.minutes", str(asked.minutes), "--name", "ours", "--no-export"]
    python(["-m", "kerasseg.train", *flags])
    run = folder / "ours-1"
    kept = json.loads((run / "metrics.json").read_text())
    rows = (run / "log.csv").read_text().splitlines()
    return f"{len(rows) - 1} epochs", kept["case_dice"][1:]


def _monai(asked: Hippocampus, arrays: Path, side: str) -> tuple[str, list[float]]:
    script = str(HERE / "peer/monai_volumes.py")
    told = python([script, str(arrays), str(asked.minutes), side]).splitlines()[-1]
    kept = json.loads(told)
    line = f"{kept['steps']} steps, {kept['parameters']:,} parameters"
    return line, list(np.mean(kept["dice"], axis=0))


if __name__ == "__main__":
    main()
