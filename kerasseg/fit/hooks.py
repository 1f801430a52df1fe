"""What happens between the steps of a training: judged, watched, logged and saved."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import keras

from kerasseg import config, runs
from kerasseg.data import pipeline, smaller
from kerasseg.data.damage import naming_damage
from kerasseg.data.format.joined import trains_on
from kerasseg.fit import (
    callbacks,
    checkpoint,
    health,
    not_finite,
    own_callbacks,
    pacing,
    progress,
    schedules,
    settling,
    stopping,
    streams,
)
from kerasseg.fit.devices import Devices
from kerasseg.fit.networks import Networks
from kerasseg.fit.training_data import TrainingData
from kerasseg.runs.log import read_log

ENDED = "ended"
"""The note of a state: whether callbacks of the user's own ended the training."""


def hooks_of(
    settings: config.Config,
    run: Path,
    data: TrainingData,
    networks: Networks,
    used: Devices,
    done: int,
) -> list[keras.callbacks.Callback]:
    """The callbacks of a training that goes on after step `done`, in their order; only
    one process writes."""
    samples = streams.sample_ids_of(settings, data.records)
    hooks: list = [not_finite.StopAtNotFinite(run / runs.STATE, samples)]
    own = own_callbacks.load(settings.callbacks, used.share[1])
    if used.writes:
        first = done // data.steps
        hooks += _writing(settings, run, data, networks, first, own)
    jax = keras.backend.backend() == "jax"
    return [callbacks.WithJax(hooks)] if jax else hooks


def _writing(
    settings: config.Config,
    run: Path,
    data: TrainingData,
    networks: Networks,
    first: int,
    own: list[keras.callbacks.Callback],
) -> list[keras.callbacks.Callback]:
    """Those that write into the run, from epoch `first` on, and the user's own: they
    see the scores of an epoch, and its state says whether they ended the training."""
    judge = networks.judge
    fit, pixels = settings.fit, settings.data.batch * math.prod(data.crop)
    val, picture = _validation_data(settings, data, judge.network)
    settle = settling.of_training(settings, data, networks, data.steps * pixels)
    best = best_score(run, data.notes, first)
    last = trains_on(settings.data.train, settings.data.val)
    file = run / "network.keras"
    validation = callbacks.Validation(judge, val, file, best, settle, last)
    rows, events = data.notes.get("log"), run / "tensorboard"
    log = callbacks.Log(run / "log.csv", events, first, picture, rows)
    rows, names = data.notes.get("health"), data.taxonomy.names
    file = run / "health.json"
    watch = health.Health(file, names, judge, pixels, fit.ema, first, rows)
    for one in (log, watch):
        one.write()  # what a kill or a damage took is in the state

    def notes() -> dict[str, Any]:
        written = {"log": log.rows, "health": watch.rows}
        ended = bool(own) and bool(networks.trainer.stop_training)
        noted = {"records": data.noted, "best": validation.best, ENDED: ended}
        return noted | written

    save = checkpoint.SaveCheckpoint(
        run / runs.STATE, fit.save_every, data.steps, notes
    )
    stop = stopping.Stop(log, fit.patience, fit.minutes, fit.epochs)
    schedule = networks.trainer.optimizer.schedule
    early: list[keras.callbacks.Callback] = []
    pace: list[keras.callbacks.Callback] = []
    if isinstance(schedule, schedules.Paced):
        planned = schedule, data.steps, fit.epochs, fit.minutes
        early, pace = [pacing.FirstPace(*planned)], [pacing.Pace(log, *planned)]
    told = progress.Progress(log, fit.epochs, fit.minutes)
    return [validation, watch, *early, log, told, *own, save, *pace, stop]


def _validation_data(
    settings: config.Config, data: TrainingData, network: keras.Model
) -> tuple[Any, Any]:
    """The validation batches, and the function that draws the first of them."""
    read = settings.data
    size = data.size if data.volume else read.size
    place, size = smaller.instead(data.records, read.val, size, read.smaller)
    val = pipeline.batches(
        place,
        read.val,
        batch_size=pipeline.at_once(read.batch, data.size),
        size=size,
        threads=read.threads,
        most=read.val_images,
    )
    with naming_damage(data.records):  # reads a batch
        picture = callbacks.preview(
            network, val, data.taxonomy, image_format=data.image_format
        )
    return val, picture


def best_score(run: Path, notes: dict, first: int) -> float:
    """The best score so far; -1 before the first. Earlier versions noted none."""
    if "best" in notes:  # a log that is damaged is not read
        return float(notes["best"])
    rows = read_log(run / "log.csv")[:first]
    return max((float(row["val_miou"]) for row in rows), default=-1.0)
