"""Has the schedule keep to the minutes: it goes faster where fewer epochs fit."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from kerasseg.console import say

Row = Mapping[str, Any]

FIRST = "pace"
"""Column of the first epoch's row: how many times as fast as planned the schedule went,
where `FirstPace` turned it."""
TRACED, LOOKED = 2, 4
"""Steps at first that may trace and compile, and those after them that tell the time of
a step."""
ABOVE = 1.25
"""The pace from which the first epoch is turned: a plan that is a little short is left
to the epochs after it."""


def pace(rows: Sequence[Row], epochs: int, minutes: float) -> tuple[float, float]:
    """Where the schedule over `epochs` stands after these rows, in epochs, and how fast
    the next epoch walks through it; 0 at its end.

    Where epochs take longer than was planned for, fewer fit into the minutes. The
    schedule then goes faster, so that the rate still falls to zero in the last one.
    The first epoch holds what is traced and compiled, so it says nothing of the others;
    its row says where `FirstPace` made it faster.
    """
    took = [float(row["seconds"]) for row in rows]
    place, speed = 0.0, float(rows[0].get(FIRST) or 1.0) if rows else 1.0
    for done in range(1, len(took) + 1):
        place += speed
        if epochs - place < 1e-6:
            return place, 0.0
        if minutes and done > 1:
            usual = statistics.median(took[1:done][-3:])
            left = int((60 * minutes - sum(took[:done])) / max(usual, 1e-9))
            speed = max(1.0, (epochs - place) / max(left, 1))
    return place, speed


class FirstPace(keras.callbacks.Callback):
    """Has the schedule keep to the minutes in the first epoch already, where the first
    steps show that far fewer epochs fit than were asked for: else it would spend that
    epoch in its warm-up. It stands before the log, whose row gets the pace.

    schedule, steps, epochs, minutes: see `Pace`.
    """

    def __init__(self, schedule: Any, steps: int, epochs: int, minutes: float):
        super().__init__()
        self.schedule, self.steps = schedule, steps
        self.epochs, self.minutes = epochs, minutes

    def on_epoch_begin(self, epoch, logs=None):
        self.began, self.seen, self.speed = time.monotonic(), 0, 1.0
        self.looking = epoch == 0 and self.steps >= 2 * (TRACED + LOOKED)

    def on_train_batch_end(self, batch, logs=None):
        if not self.looking:
            return
        self.seen += 1
        if self.seen == TRACED:
            self.since = time.monotonic()
        if self.seen == TRACED + LOOKED:
            self.looking = False
            self._turn(time.monotonic())

    def on_epoch_end(self, epoch, logs):
        if self.speed > 1:
            logs[FIRST] = self.speed

    def _turn(self, now: float) -> None:
        made, _ = self.model.optimizer.calls()
        each = max((now - self.since) / LOOKED, 1e-9)
        fits = made + max(60 * self.minutes - (now - self.began), 0.0) / each
        speed = min(self.epochs * self.steps / fits, float(self.epochs))
        if speed > ABOVE:
            self.speed = speed
            self.schedule.turn(made, made * speed, speed)


class Pace(keras.callbacks.Callback):
    """Has the schedule keep to the minutes, see `pace`. log: a `callbacks.Log`, behind
    which it stands. schedule: of the optimizer. steps: those of an epoch."""

    def __init__(
        self, log: Any, schedule: Any, steps: int, epochs: int, minutes: float
    ):
        super().__init__()
        self.log, self.schedule, self.steps = log, schedule, steps
        self.epochs, self.minutes, self.said = epochs, minutes, 1.0

    def on_train_begin(self, logs=None):
        self._turn()  # to where a training was that goes on

    def on_epoch_end(self, epoch, logs=None):
        self._turn()

    def _turn(self) -> None:
        rows = self.log.rows
        place, speed = pace(rows, self.epochs, self.minutes)
        step = len(rows) * self.steps
        self.schedule.turn(step, place * self.steps, max(speed, 1.0))
        if speed > ABOVE * self.said:
            self.said = speed
            fit = len(rows) + round((self.epochs - place) / speed)
            say(
                f"About {fit} of {self.epochs} epochs fit into the {self.minutes:g} "
                f"minutes of --fit.minutes: the schedule goes {speed:.3g} times as "
                "fast, so that the rate falls to zero in the last one."
            )
