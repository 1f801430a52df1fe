"""Ends a training before its last epoch: nothing is gained any more, or time is up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from kerasseg.fit.pacing import Row, pace


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
