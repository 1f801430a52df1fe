"""What a step costs on this machine, measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from kerasseg import UserError, config
from kerasseg.config.settings import Config


@dataclass(frozen=True)
class Cost:
    """Seconds: until the first step begins, of what the first epoch traces and
    compiles, of a step, of an image in validation."""

    ready: float
    traced: float
    step: float
    image: float


def measured(settings: Config) -> tuple[Config, Cost]:
    """The settings, and what a step of them costs here.

    Where the memory is not enough, a batch is worked through in more and more parts
    (--fit.accumulate), which gives the same steps.

    Raises UserError where a step is not made for another reason, or with parts of one
    sample either.
    """
    while True:
        done, said = _tried(settings)
        if isinstance(done, Cost):
            return settings, done
        parts = settings.fit.accumulate * 2
        if not done or settings.data.batch % parts:
            raise UserError(f"A trial step of the plan failed: {said}")
        settings = replace(settings, fit=replace(settings.fit, accumulate=parts))


def _tried(settings: Config) -> tuple[Cost | bool, str]:
    """What it costs; or whether it was the memory, and the last line that was said."""
    with tempfile.TemporaryDirectory() as folder:
        recipe, out = Path(folder, "recipe.toml"), Path(folder, "cost.json")
        recipe.write_text(config.to_toml(settings), encoding="utf-8")
        line = [sys.executable, "-m", "kerasseg.plan.trial", str(recipe), str(out)]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return Cost(**json.loads(out.read_text())), ""
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return _was_memory(done.returncode, done.stderr), lines[-1]


def _was_memory(code: int, said: str) -> bool:
    """On a CPU the kernel kills the process, or C++ throws; TensorFlow says it of a
    GPU."""
    words = ("bad_alloc", "MemoryError", "ResourceExhausted", "RESOURCE_EXHAUSTED")
    return code == -9 or any(word in said for word in words)
