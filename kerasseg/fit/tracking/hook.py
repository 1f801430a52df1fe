"""Tells a tracker of each epoch."""

from __future__ import annotations

import keras

from kerasseg.fit.tracking.tracker import Tracker


class TrackEpochs(keras.callbacks.Callback):
    """Sends the row of an epoch once it stands in log.csv: place it behind `Log`."""

    def __init__(self, tracker: Tracker):
        super().__init__()
        self.tracker = tracker

    def on_epoch_end(self, epoch, logs=None):
        self.tracker.rows()
