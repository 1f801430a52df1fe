"""The learning rate range test: the loss of a short training whose rate rises.

Smith 2017, Cyclical Learning Rates for Training Neural Networks (arXiv 1506.01186),
section 3.3, with a rate that rises exponentially and a smoothed loss, as fastai made it
known. fastai smooths with a running mean, which lags: its curve says rates that are
several times too high. Here each step is smoothed with both of its sides.
"""

from __future__ import annotations

import dataclasses
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerasseg import UserError, config
from kerasseg.data.damage import naming_damage
from kerasseg.drawing import plots
from kerasseg.files import atomic
from kerasseg.fit import from_settings, streams, training_data
from kerasseg.fit.networks import networks_of

if TYPE_CHECKING:
    from kerasseg.fit.trainer import Trainer

LOWEST, HIGHEST = 1e-6, 1.0
"""Rates of the first and of the last step."""
STEPS = 100
WIDTH = 3.0
"""Standard deviation of the Gaussian that smooths the losses, steps."""
DIVERGED = 4.0
"""Times the lowest smoothed loss, above its range so far, at which it ends."""


@dataclass(frozen=True)
class Curve:
    """Rates (N,), losses (N,) of the steps that were made with them, and these smoothed
    (N,)."""

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray

    @property
    def steepest(self) -> float:
        """The rate at which the smoothed loss falls fastest over the logarithm of the
        rate, before its lowest point. nan where it never falls."""
        lowest = int(np.argmin(self.smoothed))
        if lowest < 2:
            return float("nan")
        slope = np.gradient(self.smoothed[: lowest + 1])
        return float(self.rates[int(np.argmin(slope))])

    @property
    def lowest(self) -> float:
        """The rate at which the smoothed loss is lowest; from there on it is unsafe."""
        return float(self.rates[int(np.argmin(self.smoothed))])

    @property
    def suggestion(self) -> float:
        """The lower one of `steepest` and a tenth of `lowest`, the two rules of fastai;
        nan where the loss never falls."""
        steepest = self.steepest
        if not np.isfinite(steepest):
            return steepest
        return min(steepest, self.lowest / 10)


def of(settings: config.Config) -> Curve:
    """The curve of a training with these settings. Nothing is kept of it.

    Raises UserError as a training, for several processes, and where the loss is not
    finite from the start.
    """
    fit = dataclasses.replace(
        settings.fit, schedule="constant", learning_rate=LOWEST, ema=0.0, epochs=1
    )
    settings = dataclasses.replace(settings, fit=fit)
    used = from_settings.devices_of(settings)
    if used.share[1] > 1:
        raise UserError("--lr-find is for one process. Run it on one host.")
    with tempfile.TemporaryDirectory() as folder:
        data = training_data.read(settings, Path(folder), used)
        trainer = networks_of(settings, data, used).trainer
        stream = streams.stream_of(settings, data.records)
        with naming_damage(data.records), used.fitting():
            losses = _losses(trainer, stream)
    return curve_of(losses)


def curve_of(losses: list[float]) -> Curve:
    """With the smoothed losses; at the ends by the side that is there."""
    found, steps = np.asarray(losses, np.float64), np.arange(len(losses))
    weights = np.exp(-(((steps[:, None] - steps) / WIDTH) ** 2) / 2)  # (N, N)
    smoothed = weights @ found / weights.sum(1)
    return Curve(_rates()[: len(losses)], found, smoothed)


def _rates() -> np.ndarray:
    return np.geomspace(LOWEST, HIGHEST, STEPS)


def _losses(trainer: Trainer, stream) -> list[float]:
    """Of each step, until the loss diverges.

    Raises UserError where it is not finite from the start.
    """
    losses: list[float] = []
    batches = iter(stream)
    for rate in _rates():
        trainer.optimizer.inner_optimizer.learning_rate = rate
        trainer.reset_metrics()  # else the loss is the mean of all steps so far
        logs = trainer.train_on_batch(next(batches), return_dict=True)
        loss = float(logs["loss"])
        if not np.isfinite(loss):
            break
        losses.append(loss)
        smoothed = curve_of(losses).smoothed
        if smoothed[-1] > DIVERGED * max(smoothed.min(), 1e-9) and len(losses) > 10:
            break
    if len(losses) < 3:
        raise UserError(
            "The loss is not finite from the first steps on, at a rate of "
            f"{LOWEST:g}: the rate is not to blame. Look at the data: python -m "
            "kerasseg.doctor RECORDS."
        )
    return losses


def find(settings: config.Config, picture: Path) -> None:
    """Draws the curve into a PNG, and says the suggestion.

    Raises UserError as `of`.
    """
    found = of(settings)
    rate = found.suggestion
    drawn = plots.rate_curve(found.rates, found.losses, found.smoothed, rate)
    atomic.write_bytes(picture, drawn)
    if not np.isfinite(rate):
        print("The loss never falls: no rate is suggested. Look at the data.")
    else:
        print(
            f"The loss falls fastest at a rate of {found.steepest:.2g} and is lowest at"
            f" {found.lowest:.2g}.\n"
            "Suggested, the lower one of the first and a tenth of the second: "
            f"--fit.learning_rate {rate:.2g} (now {settings.fit.learning_rate:g})"
        )
    print(f"Written: {picture}. Nothing else was changed.")
