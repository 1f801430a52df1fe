"""Ends a training before its last epoch: nothing is gained any more, or time is up."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import keras

Row = Mapping[str, Any]


def reason(rows: Sequence[Row], patience: int, minutes: float, epochs: int = 0) -> str:
    """Why a training ends after these rows of its log, in words; "" where it goes on.

    patience: epochs without a better val_miou; 0: any number. minutes: that may pass in
    epochs; 0: any number. It ends before an epoch that would not fit, and where the
    schedule over `epochs` has come to its end (`pace`). All rests on the log alone, so
    a training that was stopped and goes on ends at the same epoch.
    """
    scores = [float(row["val_miou"]) for row in rows]
    if patience and len(scores) > patience:
        best = scores.index(max(scores))
        if len(scores) - 1 - best >= patience:
            return f"no better score for {patience} epochs after epoch {best + 1}"
    took = [float(row["seconds"]) for row in rows]
    over = bool(took) and sum(took) + took[-1] > 60 * minutes
    if epochs and pace(rows, epochs, minutes)[1] == 0:
        over = True
    if minutes and over:
        return f"the {minutes:g} minutes of --fit.minutes are used"
    return ""


def pace(rows: Sequence[Row], epochs: int, minutes: float) -> tuple[float, float]:
    """Where the schedule over `epochs` stands after these rows, in epochs, and how fast
    the next epoch walks through it; 0 at its end.

    Where epochs take longer than was planned for, fewer fit into the minutes. The
    schedule then goes faster, so that the rate still falls to zero in the last one.
    The first epoch holds what is traced and compiled, so it says nothing of the others.
    """
    took = [float(row["seconds"]) for row in rows]
    place, speed = 0.0, 1.0
    for done in range(1, len(took) + 1):
        place += speed
        if epochs - place < 1e-6:
            return place, 0.0
        if minutes and done > 1:
            usual = statistics.median(took[1:done][-3:])
            left = int((60 * minutes - sum(took[:done])) / max(usual, 1e-9))
            speed = max(1.0, (epochs - place) / max(left, 1))
    return place, speed


class Pace(keras.callbacks.Callback):
    """Has the schedule keep to the minutes, see `pace`. log: a `callbacks.Log`, behind
    which it stands. schedule: of the optimizer. steps: those of an epoch."""

    def __init__(
        self, log: Any, schedule: Any, steps: int, epochs: int, minutes: float
    ):
        super().__init__()
        self.log, self.schedule, self.steps = log, schedule, steps
        self.epochs, self.minutes = epochs, minutes

    def on_train_begin(self, logs=None):
        self._turn()  # to where a training was that goes on

    def on_epoch_end(self, epoch, logs=None):
        self._turn()

    def _turn(self) -> None:
        rows = self.log.rows
        place, speed = pace(rows, self.epochs, self.minutes)
        step = len(rows) * self.steps
        self.schedule.turn(step, place * self.steps, max(speed, 1.0))


class Stop(keras.callbacks.Callback):
    """Stops after an epoch for which `reason` has one. log: a `callbacks.Log`, behind
    which it stands."""

    def __init__(self, log: Any, patience: int, minutes: float, epochs: int = 0):
        super().__init__()
        self.log, self.patience, self.minutes = log, patience, minutes
        self.epochs = epochs

    def on_epoch_end(self, epoch, logs=None):
        if reason(self.log.rows, self.patience, self.minutes, self.epochs):
            self.model.stop_training = True
