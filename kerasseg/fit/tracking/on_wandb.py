"""Runs in Weights & Biases: in the project of WANDB_PROJECT, or kerasseg.

WANDB_MODE=offline writes them to the folder wandb here, for `wandb sync --append`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import wandb

from kerasseg.fit.tracking.tracker import new_id

PROJECT = "kerasseg"


class Client:
    """See `tracker.Client`."""

    def __init__(self) -> None:
        self.run: Any = None

    def begin(self, run: Path, known: str, settings: Mapping[str, Any]) -> str:
        self.run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            id=known or new_id(),
            resume="allow",
            name=run.name,
            config=dict(settings),
        )
        return self.run.id

    def row(self, step: int, numbers: Mapping[str, float]) -> None:
        self.run.log(dict(numbers), step=step)

    def files(self, files: Sequence[Path], scores: Mapping[str, float]) -> None:
        self.run.summary.update(dict(scores))
        artifact = wandb.Artifact(f"run-{self.run.id}", type="run")
        for file in files:
            artifact.add_file(str(file))
        self.run.log_artifact(artifact)

    def end(self, finished: bool) -> None:
        if self.run is not None:
            self.run.finish(exit_code=0 if finished else 1)
