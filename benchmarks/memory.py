"""Peak memory of a training against the bare Keras step, and with each setting.

python benchmarks/memory.py [--model unet] [--size 512 512] [--batch 4] [--steps 2]

Each side runs in a process of its own, one after the other: what is measured is the
largest resident memory of the process (ru_maxrss), less that of a process that only
imports and builds the network. Seconds are of the last step.

bare: `compile` and `train_on_batch` of the network as Keras builds it, AdamW.
kerasseg: the step of `python -m kerasseg.train`: augmentation, one-hot, confusion
matrix, running means of the weights, guard.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import tyro

SIDES = {
    "nothing": {},
    "bare": {},
    "kerasseg": {},
    "accumulate = 2": {"accumulate": 2},
    "accumulate = 4": {"accumulate": 4},
    "remat": {"remat": True},
    "mixed_bfloat16": {"precision": "mixed_bfloat16"},
    "mixed_float16": {"precision": "mixed_float16"},
    "remat, accumulate = 4": {"accumulate": 4, "remat": True},
}
"""Side -> what it changes in the settings of `fit`."""


@dataclass(frozen=True)
class Memory:
    model: str = "unet"
    options: tuple[str, ...] = ()
    """Options of the model as key=value."""
    size: tuple[int, int] = (512, 512)
    batch: int = 4
    classes: int = 11
    steps: int = 2
    sides: tuple[str, ...] = tuple(SIDES)
    """Some of them, by name."""
    only: str = ""
    """Runs this side in this process and prints its numbers as JSON."""


def main() -> None:
    asked = tyro.cli(Memory)
    if asked.only:
        print(json.dumps(measure(asked, asked.only)))
        return
    found = {}
    for side in dict.fromkeys(("nothing", *asked.sides)):
        command = [sys.executable, str(Path(__file__)), *sys.argv[1:], "--only", side]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{side}: failed: {(done.stderr.strip() or 'killed')[-300:]}")
            continue
        found[side] = json.loads(done.stdout.splitlines()[-1])
        print(_row(side, found), flush=True)


def measure(asked: Memory, side: str) -> dict:
    """Peak of resident memory in MB, and seconds of the last step."""
    from kerasseg.console import start_tensorflow

    start_tensorflow()
    import keras
    import numpy as np

    from kerasseg import augment, config, losses, models
    from kerasseg.fit import from_settings
    from kerasseg.fit.devices import Devices

    rng, shape = np.random.default_rng(0), (asked.batch, *asked.size)
    image = rng.integers(0, 256, (*shape, 3), np.uint8)
    label = rng.integers(0, asked.classes, shape, np.uint8)
    loss = losses.total({"cross_entropy": 1, "soft_dice": 1}, [1.0] * asked.classes)
    options = config.options(asked.options, "--options")

    def build():
        return models.build(asked.model, asked.classes, (*asked.size, 3), **options)

    batch = {"image": image, "label": label}
    if side in ("nothing", "bare"):
        network = build()
        network.compile(keras.optimizers.AdamW(1e-3), loss, jit_compile=False)
        hot = np.eye(asked.classes, dtype="float32")[label]
        image = image.astype("float32")

        def step():
            network.train_on_batch(image, hot)
    else:
        numbers = rng.random((asked.batch, augment.NUMBERS), np.float32)
        batch["numbers"] = numbers
        fit = config.Fit(learning_rate=1e-3, schedule="constant", **SIDES[side])
        settings = config.Config(augment=augment.POLICIES["road"], fit=fit)
        cpu = Devices(gpu=False)
        trainer = from_settings.trainer_of(
            settings,
            lambda: cpu.as_trained_here(build(), xla=False),
            loss,
            asked.size,
            asked.steps,
            cpu,
        )

        def step():
            trainer.train_on_batch(batch)

    seconds = 0.0
    for _ in range(0 if side == "nothing" else asked.steps):
        began = time.perf_counter()
        step()
        seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"peak": peak, "seconds": seconds}


def _row(side: str, found: dict) -> str:
    idle = found["nothing"]["peak"] if "nothing" in found else 0.0
    own = found[side]["peak"] - idle
    row = f"{side:24}{found[side]['peak']:8.0f} MB peak {own:8.0f} MB of the step"
    if "bare" in found and side not in ("nothing", "bare"):
        row += f"{own / (found['bare']['peak'] - idle):7.2f} x bare"
        row += f"{found[side]['seconds'] / found['bare']['seconds']:7.2f} x its time"
    return row


if __name__ == "__main__":
    main()
