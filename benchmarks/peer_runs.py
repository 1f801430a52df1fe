"""What comparisons for equal minutes share: arrays for peers, and processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data import records


def arrays_of(
    folder: Path, image_of: Callable[[np.ndarray], np.ndarray]
) -> dict[str, np.ndarray]:
    """x0, y0, ... of the split train and vx0, vy0, ... of val, as peers read them."""
    found = {}
    for split, prefix in (("train", ""), ("val", "v")):
        for number, sample in enumerate(records.read(folder, split)):
            found[f"{prefix}x{number}"] = image_of(sample.image)
            found[f"{prefix}y{number}"] = sample.label
    return found


def python(words: list[str], folder: Path | None = None) -> str:
    """What Python says, started in a folder, where it may leave files; raises UserError
    with the end of its errors if it fails."""
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, cwd=folder
    )
    if done.returncode:
        raise UserError(done.stderr.strip()[-2000:])
    return done.stdout
