"""A search for better settings of a recipe, with Optuna: many short trainings.

    pip install 'kerasseg[sweep]'
    python pipelines/sweep/sweep.py my.toml --study sqlite:///sweep.db --trials 30

Each trial is a training in a process of its own, without export; it is ended early
where its validation mIoU falls behind the median of the others. Start the command
several times, with the same --study, and they share the work; give it again to go on.
A trial whose process was killed is taken up again, where its run was stopped.

At the end BEST.toml is the recipe with the best settings. They were chosen by the
validation split, so its score flatters them: judge them on a split that no trial saw.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from kerasseg import UserError, config
from kerasseg.console import command
from kerasseg.files import atomic
from kerasseg.runs.log import read_log

SPACE: dict[str, Any] = {
    "fit.learning_rate": {"low": 5e-4, "high": 1e-2, "log": True},
    "fit.weight_decay": {"low": 1e-4, "high": 1e-1, "log": True},
    "fit.class_weights": ["none", "sqrt_median", "median"],
    "augment.policy": ["flip", "general"],
}
"""Setting -> its values, or the range of a number; `log`: by its logarithm."""
LOOK = 2.0
"""Seconds between two looks at a training's log."""
HEARTBEAT = 10
"""Seconds between two signs of life of a trial; after three without, it is taken up
again."""
FIRST = "first"
"""Attribute of a trial that takes up another one: that one's number, and so its run."""
FAILURES = 3
"""Trainings that fail one after the other, after which the search ends."""


@dataclass(frozen=True)
class Sweep:
    """Search for better settings of a recipe: many short trainings, with Optuna."""

    recipe: tyro.conf.Positional[str]
    """The recipe whose settings are searched. --data.records and all that is not
    searched stand in it."""
    study: str = "sqlite:///sweep.db"
    """Where Optuna keeps the trials; several processes and a later call share it."""
    name: str = ""
    """Of the study and of the runs; empty: made from the recipe."""
    trials: int = 20
    """Trials that the study shall have, with those that it has already."""
    space: str = ""
    """TOML file of what is searched: setting = [values], or {low, high, log, step}.
    Empty: rate, decay, class weights and augmentation."""
    out: str = "sweep"
    """Folder of the runs and of BEST.toml."""


@command
def main(argv: list[str]) -> None:
    asked = tyro.cli(Sweep, args=argv, prog="python pipelines/sweep/sweep.py")
    if asked.trials < 1:
        raise UserError(f"--trials must be 1 or more, got {asked.trials}.")
    config.check(config.parse([asked.recipe]))
    space = space_of(asked.space)
    name = asked.name or config.default_name(Path(asked.recipe))
    study = _study(asked.study, name)
    Path(asked.out).mkdir(parents=True, exist_ok=True)
    search = Search(asked, name, space)
    search.run(study)
    _report(study, asked, space)


def space_of(file: str) -> dict[str, Any]:
    """The search space of a TOML file; "": SPACE.

    Raises UserError for what is no space, and for settings that do not exist.
    """
    if not file:
        return SPACE
    try:
        nested = tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"--space {file} is not valid TOML: {error}.") from error
    space = dict(_flat(nested))
    known = config.values_of(config.to_toml(config.Config()))
    for setting, values in space.items():
        ranged = isinstance(values, dict) and {"low", "high"} <= set(values)
        if not (ranged or (isinstance(values, list) and values)):
            raise UserError(
                f"--space {file}: {setting} must be a list of values, or have low and "
                f"high, got {values}."
            )
        if f"--{setting}" not in known and setting != "augment.policy":
            raise UserError(f"--space {file}: there is no setting {setting}.")
    if not space:
        raise UserError(f"--space {file} names no setting.")
    return space


def _flat(table: dict, before: str = "") -> Any:
    for key, value in table.items():
        if isinstance(value, dict) and "low" not in value and "high" not in value:
            yield from _flat(value, f"{before}{key}.")
        else:
            yield before + key, value


def flags_of(trial: Any, space: dict[str, Any]) -> list[str]:
    """What a trial tries, as flags of a training."""
    flags = []
    for setting, values in space.items():
        if isinstance(values, list):
            chosen = trial.suggest_categorical(setting, values)
        else:
            whole = all(isinstance(values[end], int) for end in ("low", "high"))
            suggest = trial.suggest_int if whole else trial.suggest_float
            ways = {key: values[key] for key in ("log", "step") if key in values}
            chosen = suggest(setting, values["low"], values["high"], **ways)
        flags += [f"--{setting}", *str(chosen).split()]
    return flags


class Search:
    """Runs the trials of this process."""

    def __init__(self, asked: Sweep, name: str, space: dict[str, Any]):
        self.asked, self.name, self.space = asked, name, space
        self.failed = 0

    def run(self, study: Any) -> None:
        """Until the study has its trials, those of other processes counted.

        Raises UserError where one training after the other fails.
        """
        from optuna.study import MaxTrialsCallback
        from optuna.trial import TrialState

        states = (TrialState.COMPLETE, TrialState.PRUNED)
        done = len(study.get_trials(deepcopy=False, states=states))
        if done < self.asked.trials:
            enough = MaxTrialsCallback(self.asked.trials, states=states)
            study.optimize(self.trial, callbacks=[enough], catch=(Failed,))

    def trial(self, trial: Any) -> float:
        """The best validation mIoU of a training with this trial's settings."""
        number = trial.user_attrs.get(FIRST, trial.number)
        flags = flags_of(trial, self.space)
        name = f"{self.name}-trial-{number}"
        print(f"Trial {number}: {' '.join(flags)}", flush=True)
        given = ["--name", name, "--out", self.asked.out, "--export", "False"]
        line = training([self.asked.recipe, *flags, *given])
        with subprocess.Popen(line, stdout=subprocess.DEVNULL) as process:
            try:
                self._watch(trial, process, name)
            finally:
                if process.poll() is None:
                    process.terminate()
        rows = self._rows(name)
        if process.returncode or not rows:
            self.failed += 1
            if self.failed == FAILURES:
                raise UserError(
                    f"{FAILURES} trainings failed one after the other, see above."
                )
            raise Failed(f"exit code {process.returncode}")
        self.failed = 0
        best = max(float(row["val_miou"]) for row in rows)
        print(f"Trial {number}: {best:.4f}", flush=True)
        return best

    def _watch(self, trial: Any, process: subprocess.Popen, name: str) -> None:
        """Reports each epoch until the training ends, or falls behind the others."""
        import optuna

        reported = 0
        while process.poll() is None:
            try:
                process.wait(LOOK)
            except subprocess.TimeoutExpired:
                pass
            for row in self._rows(name)[reported:]:
                trial.report(float(row["val_miou"]), reported)
                reported += 1
            if process.poll() is None and reported and trial.should_prune():
                print(f"{name}: ended after {reported} epochs, behind")
                raise optuna.TrialPruned

    def _rows(self, name: str) -> list[dict[str, str]]:
        """The log of the newest run of a trial."""
        logs = Path(self.asked.out).glob(f"{name}-*/log.csv")
        newest = max(logs, key=lambda file: file.stat().st_mtime, default=None)
        return read_log(newest) if newest else []


class Failed(Exception):
    """A training ended with an error, which it said by itself."""


def training(words: Sequence[str]) -> list[str]:
    """The command line of a training."""
    return [sys.executable, "-m", "kerasseg.train", *words]


def take_up(study: Any, trial: Any) -> None:
    """Has a trial whose process was killed tried again, where its run was stopped."""
    first = {FIRST: trial.user_attrs.get(FIRST, trial.number)}
    study.enqueue_trial(trial.params, user_attrs=first)


def _study(url: str, name: str) -> Any:
    try:
        import optuna
    except ImportError as error:
        raise UserError(
            "A sweep needs the package optuna. Install it with pip install "
            "'kerasseg[sweep]'."
        ) from error
    import warnings

    optuna.logging.set_verbosity(optuna.logging.ERROR)  # a training says it itself
    with warnings.catch_warnings():  # signs of life are said to be experimental
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        try:
            storage = optuna.storages.RDBStorage(
                url,
                heartbeat_interval=HEARTBEAT,
                grace_period=3 * HEARTBEAT,
                heartbeat_stale_trial_callback=take_up,
            )
        except Exception as error:
            raise UserError(
                f"--study {url} cannot be opened ({type(error).__name__}: "
                f"{str(error).splitlines()[0]}). Give one as sqlite:///FILE.db."
            ) from error
    return optuna.create_study(
        study_name=name,
        storage=storage,
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1),
    )


def _report(study: Any, asked: Sweep, space: dict[str, Any]) -> None:
    """Says the best trials, and writes the recipe with the settings of the best one."""
    import optuna

    done = [trial for trial in study.trials if trial.value is not None]
    done = [t for t in done if t.state == optuna.trial.TrialState.COMPLETE]
    if not done:
        raise UserError("No trial was trained to its end. Give more --trials.")
    done.sort(key=lambda trial: -trial.value)
    for trial in done[:5]:
        said = ", ".join(f"{key} {value}" for key, value in trial.params.items())
        print(f"{trial.value:.4f}  trial {trial.number}: {said}")
    flags = flags_of(optuna.trial.FixedTrial(done[0].params), space)
    best = Path(asked.out) / "BEST.toml"
    settings = config.parse([asked.recipe, *flags])
    atomic.write_text(best, config.to_toml(settings))
    print(f"Written: {best}\nNext: python -m kerasseg.train {best}")


if __name__ == "__main__":
    main()
