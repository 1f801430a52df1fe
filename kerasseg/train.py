"""`python -m kerasseg.train [RECIPE.toml | FOLDER] [--key value ...]`: to a run.

With no argument: synthetic road scenes, a small U-Net, scored and exported. With a
folder of raw data or of records: prepared, looked through, planned (--minutes N).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from kerasseg import UserError, config, runs
from kerasseg.console import command, say
from kerasseg.data.damage import naming_damage
from kerasseg.fit import (
    early,
    folds,
    from_settings,
    input_range,
    streams,
    training_data,
)
from kerasseg.fit.devices import Devices, is_first_process
from kerasseg.fit.networks import Networks, networks_of
from kerasseg.fit.tracking.tracker import Tracker, tracked
from kerasseg.fit.training_data import TrainingData
from kerasseg.plan.folder import is_folder, recipe_of
from kerasseg.runs.log import read_log

if TYPE_CHECKING:
    import keras

    from kerasseg.fit.trainer import Trainer


RESTART = "--restart"
"""The flag that begins a stopped run anew, for instance over other records."""
LR_FIND = "--lr-find"
"""The flag that draws the loss over rising learning rates, and trains nothing."""


@command
def main(argv: list[str]) -> None:
    restart = RESTART in argv
    finds = LR_FIND in argv
    argv = [word for word in argv if word not in (RESTART, LR_FIND)]
    settings = config.parse(recipe_of(argv) if is_folder(argv) else argv)
    config.check(settings)
    early.check(settings)
    if finds:
        from kerasseg.fit import rate_curve

        name = settings.name.replace("/", "-") or "synthetic"
        rate_curve.find(settings, Path(f"{name}-lr_find.png"))
        return
    if not is_first_process():
        train(settings, None)
        return
    if settings.fit.folds:
        settings = folds.of_whole(settings)
    name, text = settings.name or "synthetic", config.to_toml(settings)
    run, resumes = runs.open_run(settings.out, name, text, restart)
    print(f"{'Resuming' if resumes else 'Run'} {run}")
    try:
        if settings.fit.folds:
            train_folds(settings, run)
        else:
            train(settings, run)
    except BaseException:
        runs.discard(run)  # a wrong setting leaves no run behind
        raise
    finally:
        runs.unlock(run)


def train(settings: config.Config, run: Path | None) -> None:
    """Trains, evaluates, exports and reports; goes on where `run` was stopped.

    Of several processes on several hosts, the first gives the run folder and writes
    into it; the others give None.

    Raises UserError for settings that the data, the network or the devices refuse, and
    when a step gives NaN or Inf.
    """
    began = time.monotonic()
    used = from_settings.devices_of(settings)
    from kerasseg.fit.hooks import hooks_of  # Keras: the backend is started now

    run = used.broadcast_path(run)
    data = training_data.read(settings, run, used)
    networks = networks_of(settings, data, used)
    done = _resume(run, networks.trainer, used)
    if used.writes:
        say(_summary(settings, data, networks, done))
    hooks = hooks_of(settings, run, data, networks, used, done)
    with tracked(settings, run if used.writes else None) as tracker:
        if tracker:
            from kerasseg.fit.tracking.hook import TrackEpochs

            tracker.begin(settings)
            hooks.append(TrackEpochs(tracker))
        _fit(settings, run, data, networks.trainer, used, hooks, done)
        used.disconnect()
        if used.writes:
            print(f"Trained in {_clock(began)}; scoring the best network")
            finish(run, data.records, settings, tracker)
    if used.writes:
        _say_done(run, began)


def train_folds(settings: config.Config, run: Path) -> None:
    """A training for each fold (`kerasseg.fit.folds`), and what follows of the mean of
    their networks."""
    began = time.monotonic()
    folds.train(settings, run, train)
    print(f"{settings.fit.folds} folds in {_clock(began)}; scoring their images")
    records = settings.data.records or run / "records"
    finish(run, records, settings)
    _say_done(run, began)


def _say_done(run: Path, began: float) -> None:
    volumes = runs.volume_format(run) or runs.image_format(run).slices
    print(
        f"Done in {_clock(began)}. See {run / 'report.html'}\n"
        f"Next: python -m kerasseg.predict {'VOLUMES' if volumes else 'PICTURES'} "
        f"--run {run}"
    )


def _resume(run: Path, trainer: Trainer, used: Devices) -> int:
    """Puts the trainer where the run was stopped; the number of steps it has made."""
    from kerasseg.fit import checkpoint

    if (run / runs.STATE).exists():
        checkpoint.load(trainer, run / runs.STATE)
    steps, _ = trainer.optimizer.calls()
    return used.require_same_step(steps, f"--out ({run})")


def _summary(
    settings: config.Config, data: TrainingData, networks: Networks, done: int
) -> str:
    size, crop = ("x".join(map(str, each)) for each in (data.size, data.crop))
    epochs, parameters = settings.fit.epochs, networks.judge.network.count_params()
    text = (
        f"{settings.model.name}: {parameters:,} parameters, "
        f"{data.taxonomy.counted()}; {data.split.samples} "
        + (f"volumes, patches of {crop}; " if data.volume else "")
        + ("" if data.volume else f"images of {size}, crops {crop}; ")
        + f"{epochs} epochs of {data.steps} steps\n"
        + (f"Volumes: {data.volume}\n" if data.volume else "")
        + f"Images of {data.image_format}: "
        + input_range.normalisation_in_words(
            data.image_format, settings.data, data.volume
        )
    )
    if done:
        text += f"\nGoing on after step {done} of {data.steps * epochs}"
    return text


def _fit(
    settings: config.Config,
    run: Path,
    data: TrainingData,
    trainer: Trainer,
    used: Devices,
    hooks: list[keras.callbacks.Callback],
    done: int,
) -> None:
    """Trains from step `done` on to the end."""
    from kerasseg.fit import stopping
    from kerasseg.fit.hooks import ENDED

    fit = settings.fit
    ended = bool(data.notes.get(ENDED))
    while not ended and done < data.steps * fit.epochs:
        epoch = done // data.steps
        rows = read_log(run / "log.csv")[:epoch]
        over = stopping.reason(rows, fit.patience, fit.minutes, fit.epochs)
        if over and not done % data.steps:
            say(f"Ended after epoch {epoch}: {over}")
            return
        # A run that was stopped inside an epoch first finishes that epoch.
        rest = data.steps - done % data.steps
        last = epoch + 1 if rest < data.steps else fit.epochs
        start = done * settings.data.batch
        stream = streams.stream_of(settings, data.records, start, used.share)
        with naming_damage(data.records), used.fitting():
            trainer.fit(
                stream,
                initial_epoch=epoch,
                epochs=last,
                steps_per_epoch=rest,
                callbacks=hooks,
                shuffle=False,
                verbose=0,
            )
        done, _ = trainer.optimizer.calls()
        ended = bool(settings.callbacks) and trainer.stop_training


def finish(
    run: Path,
    records: str | Path,
    settings: config.Config,
    tracker: Tracker | None = None,
) -> None:
    """Adjusts the best network if --adjust, scores it, exports it if --export, writes
    the report, and sends it all to the tracker, if any.

    This needs TensorFlow. Where another backend trained, a process of its own does it,
    on the CPU: the GPU's memory is taken.
    """
    import keras

    from kerasseg.runs import class_bias, report, score_table, scores
    from kerasseg.runs.acts import Acts

    split, batch = settings.data.val, settings.data.batch
    here = keras.backend.backend() == "tensorflow"

    def score():
        if here:
            result = scores.evaluate(run, records, split, run, batch)
            print(score_table.table(result, runs.taxonomy(run).names))
        else:
            _run("evaluate", str(run), "--batch", str(batch))

    def adjust():
        if not here:
            print("Not adjusted: that is for TensorFlow. python -m kerasseg.adjust RUN")
        else:
            class_bias.improve(run, records, split)

    def export():
        if here:
            from kerasseg.export.run import export

            export(run, records, split, settings.formats, settings.data.val_images)
        else:
            some = "--gate-images", str(settings.data.val_images)
            _run("export", str(run), "--formats", *settings.formats, *some)

    acts = Acts(run / "done.json")
    with naming_damage(records):
        if settings.adjust:
            acts.once("adjusted", adjust)
        acts.once("scored as it is kept", score)
        if settings.export:
            acts.once("exported", export)
    acts.once("reported", lambda: report.write(run))
    if tracker:
        acts.once("tracked", tracker.finish)
    (run / runs.STATE).unlink(missing_ok=True)  # from here on the run is finished
    acts.forget()


def _run(name: str, *words: str) -> None:
    """Runs a command of kerasseg with TensorFlow, on the CPU."""
    own = {"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": ""}
    line = [sys.executable, "-m", f"kerasseg.{name}", *words]
    sys.stdout.flush()
    if subprocess.run(line, env=os.environ | own, check=False).returncode:
        raise UserError(
            f"python -m kerasseg.{name} failed, see above. Mend that and give the same "
            "command again: the training is not repeated."
        )


def _clock(began: float) -> str:
    seconds = int(time.monotonic() - began)
    return f"{seconds // 60} min {seconds % 60:02d} s"


if __name__ == "__main__":
    main()
