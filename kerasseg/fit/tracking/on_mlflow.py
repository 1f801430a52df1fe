"""Runs in MLflow, wherever MLFLOW_TRACKING_URI points to (mlflow.db here without it).

The experiment is that of MLFLOW_EXPERIMENT_NAME, or kerasseg.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import Metric, Param

EXPERIMENT = "kerasseg"
AT_ONCE = 100
"""Parameters that MLflow takes in one request."""


class Client:
    """See `tracker.Client`. The plain client: nothing of it is global."""

    def __init__(self) -> None:
        self.client = mlflow.MlflowClient()
        self.id = ""

    def begin(self, run: Path, known: str, settings: Mapping[str, Any]) -> str:
        if known:
            self.id = known
            self.client.update_run(known, status="RUNNING")
            return known
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
        experiment = self.client.get_experiment_by_name(name)
        where = experiment.experiment_id if experiment else None
        where = where or self.client.create_experiment(name)
        self.id = self.client.create_run(where, run_name=run.name).info.run_id
        params = [Param(key, str(value)) for key, value in settings.items()]
        for first in range(0, len(params), AT_ONCE):
            some = params[first : first + AT_ONCE]
            self.client.log_batch(self.id, params=some)
        return self.id

    def row(self, step: int, numbers: Mapping[str, float]) -> None:
        self._metrics(numbers, step)

    def files(self, files: Sequence[Path], scores: Mapping[str, float]) -> None:
        self._metrics(scores, 0)
        for file in files:
            self.client.log_artifact(self.id, str(file))

    def end(self, finished: bool) -> None:
        if self.id:
            self.client.set_terminated(self.id, "FINISHED" if finished else "KILLED")

    def _metrics(self, numbers: Mapping[str, float], step: int) -> None:
        now = int(1000 * time.time())
        metrics = [Metric(name, value, now, step) for name, value in numbers.items()]
        self.client.log_batch(self.id, metrics=metrics)
