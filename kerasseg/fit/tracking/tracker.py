"""Sends a run to a tracker: its settings, a row an epoch, its scores and its report.

A run that was stopped goes on in the same run of the tracker: its id, and how many rows
were sent, stand in tracker.json. A tracker that is out of reach does not stop a
training: its rows are sent later.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from kerasseg import UserError
from kerasseg.config.settings import Config, flags_of
from kerasseg.files import atomic
from kerasseg.runs.log import read_log

FILE = "tracker.json"
"""In the run: which tracker, its id of the run, and how many rows of the log it has."""
FILES = ("config.toml", "environment.json", "metrics.json", "log.csv", "report.html")
"""What is sent of a run that is finished."""
PACKAGES = {"mlflow": "mlflow", "wandb": "wandb"}
"""Tracker -> the package that it needs; the extra of kerasseg has the tracker's
name."""


class Client(Protocol):
    """What `on_mlflow` and `on_wandb` can do with one run."""

    def begin(self, run: Path, known: str, settings: Mapping[str, Any]) -> str:
        """Opens a run, or goes on with the one of the id `known`; gives its id."""

    def row(self, step: int, numbers: Mapping[str, float]) -> None:
        """Numbers of an epoch."""

    def files(self, files: Sequence[Path], scores: Mapping[str, float]) -> None:
        """Files, and the scores of the best network."""

    def end(self, finished: bool) -> None:
        """Closes it; finished: whether the run is complete, else it may go on."""


def check(name: str) -> None:
    """Raises UserError where the package of a tracker is missing."""
    package = PACKAGES.get(name)
    if package and find_spec(package) is None:
        raise UserError(
            f"--track {name} needs the package {package}. Install it with pip install "
            f"'kerasseg[{name}]', or leave --track out."
        )


class Tracker:
    """Sends one run; see `tracked`."""

    def __init__(self, name: str, run: Path, client: Client):
        self.name, self.run, self.client = name, run, client
        known = _noted(run / FILE)
        same = known.get("tracker") == name
        self.id: str = known["id"] if same else ""
        self.sent: int = known["sent"] if same else 0

    def begin(self, settings: Config) -> None:
        """Opens the run with its settings as parameters, and sends what is missing.

        Raises UserError where the tracker cannot be reached.
        """
        flat = dict(flags_of(dataclasses.asdict(settings), ""))
        try:
            self.id = self.client.begin(self.run, self.id, flat)
        except Exception as error:
            raise UserError(
                self._failed(error, "Leave --track out, or mend it.")
            ) from (error)
        self._note()
        self.rows()

    def rows(self) -> None:
        """Sends the rows of log.csv that were not sent."""
        for row in read_log(self.run / "log.csv")[self.sent :]:
            numbers = {key: float(text) for key, text in row.items() if text}
            step = int(numbers.pop("epoch"))
            try:
                self.client.row(step, numbers)
            except Exception as error:
                then = "The training goes on, and the row is sent with the next one."
                print(self._failed(error, then), flush=True)
                return
            self.sent += 1
            self._note()

    def finish(self) -> None:
        """Sends the scores of the best network and the files of the run.

        Raises UserError where the tracker cannot be reached: the same command then does
        this last act alone.
        """
        self.rows()
        scores = json.loads((self.run / "metrics.json").read_text(encoding="utf-8"))
        plain = {
            f"best/{name}": float(value)
            for name, value in scores.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
        there = [self.run / name for name in FILES if (self.run / name).is_file()]
        try:
            self.client.files(there, plain)
        except Exception as error:
            then = "The run is trained and scored; the same command sends the rest."
            raise UserError(self._failed(error, then)) from error

    def end(self, finished: bool) -> None:
        """Closes it, whatever happened."""
        with contextlib.suppress(Exception):
            self.client.end(finished)

    def _note(self) -> None:
        known = {"tracker": self.name, "id": self.id, "sent": self.sent}
        atomic.write_json(self.run / FILE, known)

    def _failed(self, error: Exception, then: str) -> str:
        said = " ".join(str(error).split())[:300]
        return f"--track {self.name} failed ({type(error).__name__}: {said}). {then}"


@contextlib.contextmanager
def tracked(settings: Config, run: Path | None) -> Iterator[Tracker | None]:
    """The tracker of --track in a training that writes into `run`; None without one."""
    if settings.track == "none" or run is None:
        yield None
        return
    check(settings.track)
    module = importlib.import_module(f"kerasseg.fit.tracking.on_{settings.track}")
    tracker = Tracker(settings.track, run, module.Client())
    finished = False
    try:
        yield tracker
        finished = True
    finally:
        tracker.end(finished)


def new_id() -> str:
    """Of a run that no tracker has."""
    return secrets.token_hex(8)


def _noted(file: Path) -> dict[str, Any]:
    """What was noted; {} of a new run and of a file that is damaged."""
    try:
        known = json.loads(file.read_bytes())
        sent = int(known["sent"])
        return {"tracker": str(known["tracker"]), "id": str(known["id"]), "sent": sent}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
