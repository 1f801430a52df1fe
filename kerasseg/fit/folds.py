"""--fit.folds: a cross-validation, and the mean of its networks as one network.

The run holds a run for each fold, which learns from the other folds and is judged by
its own. So each image is judged by the one network that has not seen it, and the score
over all of them is that of the recipe (`kerasseg.runs.fold_runs`).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from kerasseg import UserError, config, runs
from kerasseg.data.format.description import describe
from kerasseg.data.format.joined import parts_of
from kerasseg.files import atomic
from kerasseg.fit import default_records, same_records
from kerasseg.fit.devices import PROCESSES
from kerasseg.runs import fold_runs

SOURCE = "source.json"
"""What of the source's records the folds were made of, see `same_records`."""
LEAST = 2
Train = Callable[[config.Config, Path], None]
"""Trains with settings into a run folder, with all that follows (`train.train`)."""


def check(settings: config.Config) -> None:
    """Raises UserError for what does not go with --fit.folds."""
    folds = settings.fit.folds
    if not folds:
        return
    if folds < LEAST:
        raise UserError(f"--fit.folds must be {LEAST} or more, or 0, got {folds}.")
    if settings.adjust:
        raise UserError(
            "--adjust is for a single network, and --fit.folds gives the mean of "
            "several. Leave one of them out."
        )
    if settings.data.service:
        raise UserError(
            "--data.service reads other records than those that --fit.folds divides "
            "anew. Leave one of them out."
        )
    if int(os.environ.get(PROCESSES) or 1) > 1:
        raise UserError(
            "--fit.folds trains on one host. Start it without the other processes "
            f"({PROCESSES})."
        )


def of_whole(settings: config.Config) -> config.Config:
    """The settings of a run that is made of folds: it knows the images of both
    splits."""
    data = settings.data
    names = dict.fromkeys([*parts_of(data.train), *parts_of(data.val)])
    both = "+".join(names)
    return replace(settings, data=replace(data, train=both, val=both))


def train(settings: config.Config, run: Path, each: Train) -> None:
    """Trains all folds into RUN/folds, and writes the mean of their networks as that of
    RUN. settings: `of_whole`. What is done already is not done again.

    Raises UserError as `each`, and where the records are not those that a stopped run
    began with.
    """
    (run / runs.STATE).touch()  # no training's state, but it marks an unfinished run
    settings = _with_records(settings, run)
    folds = settings.fit.folds
    names = [fold_runs.name_of(fold) for fold in range(folds)]
    try:
        described = _divided(settings, run, names)
        for number in range(folds):
            _train_one(settings, run, names, number, each)
    except BaseException:
        if not any((run / fold_runs.FOLDER).glob("*/config.toml")):  # nothing trained
            shutil.rmtree(run / fold_runs.FOLDER, ignore_errors=True)
            (run / runs.STATE).unlink()
        raise
    runs.describe(run, described.taxonomy, described.image_format, described.volume)
    from kerasseg.fit.mean_of_networks import mean_of

    networks = [runs.load(one) for one in fold_runs.fold_runs(run, folds)]
    runs.save(mean_of(networks), run / "network.keras")


def _with_records(settings: config.Config, run: Path) -> config.Config:
    if settings.data.records:
        return settings
    default_records.write(run / "records", settings)
    data = replace(settings.data, records=str(run / "records"))
    return replace(settings, data=data)


def _divided(settings: config.Config, run: Path, names: list[str]):
    """The description of the folds' records, written now if they are not there."""
    from kerasseg.data.preparing import fold_records

    data = settings.data
    noted = same_records.noted(describe(data.records), (data.train,))
    file = run / fold_runs.FOLDER / SOURCE
    if file.is_file():
        before = json.loads(file.read_text(encoding="utf-8"))
        same_records.require(before, noted, data.records, run)
    else:  # it is written last: what is there was stopped before its end
        shutil.rmtree(fold_runs.records_of(run), ignore_errors=True)
    found = fold_records.write(
        data.records,
        parts_of(data.train),
        names,
        settings.seed,
        fold_runs.records_of(run),
    )
    atomic.write_json(file, noted)
    return found


def _train_one(
    settings: config.Config, run: Path, names: list[str], number: int, each: Train
) -> None:
    name, folds = names[number], settings.fit.folds
    folder = fold_runs.fold_runs(run, folds)[number]
    if folder.is_dir() and runs.is_finished(folder):
        print(f"Fold {number + 1} of {folds}: {folder}, trained before")
        return
    others = "+".join(other for other in names if other != name)
    data = replace(
        settings.data,
        records=str(fold_runs.records_of(run)),
        train=others,
        val=name,
    )
    fit = replace(settings.fit, folds=0, minutes=settings.fit.minutes / folds)
    own = replace(
        settings,
        data=data,
        fit=fit,
        name=name,
        out=str(run / fold_runs.FOLDER),
        export=False,
    )
    found, resumes = runs.open_run(own.out, name, config.to_toml(own))
    state = "going on in" if resumes else "run"
    print(f"Fold {number + 1} of {folds}: {state} {found}", flush=True)
    import keras

    keras.backend.clear_session()
    try:
        each(own, found)
    except BaseException:
        runs.discard(found)
        raise
    finally:
        runs.unlock(found)
