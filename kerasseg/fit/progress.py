"""Tells how far a training is: a bar at a terminal, and one line an epoch."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from tqdm import tqdm

from kerasseg.console import COLUMNS, hidden_bar
from kerasseg.drawing.html import duration

SECONDS = 0.5
"""Between two looks at the loss, which lies on the device."""
RECENT = 3
"""Epochs whose time tells how long the others will take."""


class Progress(keras.callbacks.Callback):
    """One line of at most 80 columns after each epoch, counted from 1; inside an epoch
    a bar, where the lines go to a terminal. Neither has colours.

    It stands behind `callbacks.Validation` and `callbacks.Log` (`log`), which give it
    the scores and the seconds of epochs. epochs: of the whole training; minutes: see
    `stopping.reason`.
    """

    def __init__(self, log: Any, epochs: int, minutes: float = 0.0):
        super().__init__()
        self.log, self.epochs, self.minutes = log, epochs, minutes

    def on_epoch_begin(self, epoch, logs=None):
        self.looked = time.monotonic()
        self.bar = tqdm(
            total=self.params["steps"],
            desc=f"epoch {epoch + 1}/{self.epochs}",
            unit="step",
            leave=False,
            dynamic_ncols=True,
            file=sys.stdout,
            disable=hidden_bar(),
        )

    def on_train_batch_end(self, batch, logs=None):
        if self.bar.disable:
            return
        if time.monotonic() - self.looked > SECONDS and logs:
            self.looked = time.monotonic()
            self.bar.set_postfix_str(f"loss {_short(logs['loss'])}", refresh=False)
        self.bar.update()

    def on_epoch_end(self, epoch, logs=None):
        self.bar.close()
        left = seconds_left(self.log.rows, self.epochs, self.minutes)
        print(line(epoch + 1, self.epochs, logs or {}, left), flush=True)


def line(epoch: int, epochs: int, logs: Mapping[str, Any], left: float) -> str:
    """What an epoch gave. left: seconds until the last one has ended."""
    number = f"epoch {epoch:{len(str(epochs))}}/{epochs}"
    trained = _scores(logs, "")
    judged = _scores(logs, "val_")
    judged[:1] = [f"val {one}" for one in judged[:1]]
    ends = [*judged, f"left {duration(left)}"]
    said = "  ".join([number, *trained, *ends])
    # Of very long trainings the mIoU in training, which says least, finds no room.
    return said if len(said) <= COLUMNS else "  ".join([number, *trained[:1], *ends])


def seconds_left(
    rows: Sequence[Mapping[str, Any]], epochs: int, minutes: float
) -> float:
    """Until the last epoch has ended, or the minutes that they may take.

    rows: of the log, one for each epoch that has ended, with their seconds.
    """
    took = [float(row["seconds"]) for row in rows]
    recent = took[-RECENT:]
    left = (epochs - len(took)) * sum(recent) / max(len(recent), 1)
    return max(0.0, min(left, 60 * minutes - sum(took)) if minutes else left)


def _scores(logs: Mapping[str, Any], prefix: str) -> list[str]:
    names = {"loss": "loss", "miou": "mIoU"}
    return [
        f"{said} {_short(logs[prefix + name])}"
        for name, said in names.items()
        if prefix + name in logs
    ]


def _short(value: Any) -> str:
    """0.123, 12.345, 1.23e+03."""
    value = float(value)
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.3g}"
