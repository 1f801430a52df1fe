"""A run: one folder with everything to repeat, judge, load, export and serve it.

config.toml       every setting; `python -m kerasseg.train config.toml` repeats the run
environment.json  versions, device, command
taxonomy.json     class names and colours
network.keras     the best network by validation mIoU
state.weights.h5  where training stands, while it is not finished
health.json       what training saw, its gradients, waiting, dead classes
logit_bias.json   what adjust added to each class, where it made the run
int8_ranges.json  ranges for int8, where finetune_int8 made the run
log.csv, tensorboard/, metrics.json, pictures/, report.html, export/
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import platform
import re
import shutil
import sys
from importlib import metadata
from pathlib import Path

from kerasseg import __version__, atomic, untrusted
from kerasseg.taxonomy import Taxonomy

_PACKAGE = Path(__file__).resolve().parent
_IN_WHEEL = _PACKAGE / "road_scene"
_IN_SOURCES = _PACKAGE.parent / "saved_models" / "road_scene"
SHIPPED = _IN_WHEEL if _IN_WHEEL.is_dir() else _IN_SOURCES
"""The road-scene network that comes with kerasseg."""


def open_run(out: str | Path, name: str, config: str) -> tuple[Path, bool]:
    """The folder OUT/NAME-N for a configuration (TOML text), and whether it resumes.

    The newest unfinished run of that name with the same configuration, if nobody is
    training in it, goes on; else the next number starts. The number of devices may be
    another one: they do the same.
    """
    out = Path(out)
    numbers = sorted(_numbers(out, name))
    if numbers:
        newest = out / f"{name}-{numbers[-1]}"
        unfinished = not (newest / "metrics.json").exists()
        if unfinished and _repeats(newest, config) and lock(newest):
            return newest, True
    folder = out / f"{name}-{numbers[-1] + 1 if numbers else 1}"
    folder.mkdir(parents=True)
    lock(folder)
    atomic.write_text(folder / "config.toml", config)
    atomic.write_json(folder / "environment.json", environment())
    return folder, False


BEGUN = {".lock", "config.toml", "environment.json", "taxonomy.json", "records"}


def discard(folder: Path) -> None:
    """Removes a run in which nothing but `BEGUN` stands: no step was made."""
    if folder.is_dir() and {file.name for file in folder.iterdir()} <= BEGUN:
        unlock(folder)
        shutil.rmtree(folder)


def load(path: str | Path):
    """The best network of a run, or a `.keras` file: image 0..255 -> logits.

    Raises ValueError when there is none, when the file is damaged, and when it holds
    code or names anything else than stock layers (`kerasseg.untrusted`): such a file is
    never executed.
    """
    path = Path(path)
    file = path / "network.keras" if path.is_dir() else path
    if not file.is_file():
        raise ValueError(
            f"No network at {file}. Expected a run folder with network.keras (made by "
            "python -m kerasseg.train) or a .keras file."
        )
    if file.suffix != ".keras":
        raise ValueError(f"{file} is no .keras file. Other formats are not opened.")
    untrusted.check_network(file)

    import keras

    try:
        return keras.saving.load_model(file, compile=False, safe_mode=True)
    except Exception as error:
        reason = str(error).split(". ")[0].splitlines()[0]
        raise ValueError(
            f"{file} is no network of stock Keras layers, or is damaged: it was "
            f"refused ({type(error).__name__}: {reason})."
        ) from error


def load_state(trainer, file: Path) -> None:
    """Puts a training where `state.weights.h5` says: weights, optimizer, random state.

    Raises ValueError when the file is damaged, not harmless, or of another network.
    """
    untrusted.check_weights(file)
    try:
        trainer.load_weights(file)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(
            f"{file} does not fit this training ({type(error).__name__}: {reason}). "
            "Delete it to start the run from its first step."
        ) from error


def taxonomy(path: str | Path) -> Taxonomy:
    """The classes of a run; ValueError where there are none or the file is damaged."""
    file = Path(path) / "taxonomy.json"
    if not file.is_file():
        raise ValueError(f"{path} is no run folder: it has no taxonomy.json.")
    try:
        return Taxonomy.from_json(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{file} holds no names and colours of classes ({type(error).__name__}: "
            f"{error}). Copy it again from where the run was trained."
        ) from error


def settings(path: str | Path):
    """The settings (`kerasseg.config.Config`) a run was trained with."""
    from kerasseg import config

    file = Path(path) / "config.toml"
    if not file.is_file():
        raise ValueError(f"{path} is no run folder: it has no config.toml.")
    return config.parse([str(file)])


def settings_for(run: Path, records: str = ""):
    """A run's settings with the records to use: these, else those of its training."""
    found = settings(run)
    records = records or found.data.records or str(run / "records")
    data = dataclasses.replace(found.data, records=records)
    return dataclasses.replace(found, data=data)


def derive(run: Path, suffix: str, settings) -> Path:
    """The folder RUN-SUFFIX-N beside a run, for what is made of its network."""
    from kerasseg import config

    name = f"{run.resolve().name}-{suffix}"
    out, _ = open_run(run.parent, name, config.to_toml(settings))
    atomic.write_json(out / "taxonomy.json", taxonomy(run).to_json())
    return out


def newest(out: str | Path = "saved_models") -> Path:
    """The run trained last, for commands that are given none."""
    found = [file.parent for file in Path(out).glob("*/network.keras")]
    found = [folder for folder in found if folder.resolve() != SHIPPED]
    if not found:
        raise ValueError(
            f"No trained run under {out}. Train one with python -m kerasseg.train, or "
            "name a run folder."
        )
    return max(found, key=lambda folder: (folder / "network.keras").stat().st_mtime)


def environment() -> dict:
    """What a run was made with: versions, machine and command line."""
    packages = [
        "tensorflow",
        "keras",
        "numpy",
        "opencv-python-headless",
        "jax",
        "torch",
    ]
    versions = {}
    for package in packages:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return {
        "kerasseg": __version__,
        "python": platform.python_version(),
        "packages": versions,
        "platform": platform.platform(),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
    }


_LOCKS: dict[Path, object] = {}


def lock(folder: Path) -> bool:
    """Whether this process is now the one that writes to `folder`.

    The lock ends with the process, also a killed one.
    """
    file = (folder / ".lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return False
    _LOCKS[folder] = file
    return True


def unlock(folder: Path) -> None:
    """Gives a run that this process locked free again."""
    _LOCKS.pop(folder).close()


def _repeats(run: Path, config: str) -> bool:
    before = _text(run / "config.toml")
    one, other = (re.sub(r"(?m)^devices = .*\n", "", c) for c in (before, config))
    return one == other


def _numbers(out: Path, name: str) -> list[int]:
    pattern = re.compile(re.escape(name) + r"-(\d+)")
    matches = (pattern.fullmatch(f.name) for f in out.glob(f"{name}-*") if f.is_dir())
    return [int(match[1]) for match in matches if match]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
