"""Makes, locks, resumes and discards the folder that a training writes."""

from __future__ import annotations

import contextlib
import platform
import re
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock

from kerasseg import __version__
from kerasseg.files import atomic
from kerasseg.files.lock import is_held, try_lock
from kerasseg.image_format import ImageFormat
from kerasseg.runs.reading import image_format, taxonomy, volume_format
from kerasseg.taxonomy import Taxonomy
from kerasseg.volume_format import VolumeFormat

if TYPE_CHECKING:
    from kerasseg.config import Config


STATE = "state.weights.h5"
"""Where a training stands. The last act of a run removes it."""


def is_finished(run: Path) -> bool:
    """Whether all is done that a run consists of: training, scores, export, report."""
    return (run / "metrics.json").exists() and not (run / STATE).exists()


def open_run(
    out: str | Path, name: str, config: str, restart: bool = False
) -> tuple[Path, bool]:
    """The folder OUT/NAME-N for a configuration (TOML text), and whether it resumes.

    The newest unfinished run of that name and with the same settings, in which nobody
    is training, resumes; else the next number starts. The number of devices may differ:
    it does not change the result. A folder that was left before its settings were
    written is begun anew.

    restart: empty that run, so that it begins anew.
    """
    out = Path(out)
    numbers = sorted(_numbers(out, name), reverse=True)
    for number in numbers:
        folder = out / f"{name}-{number}"
        bare = _is_bare(folder)
        goes_on = bare or (not is_finished(folder) and _repeats(folder, config))
        if goes_on and lock(folder):
            atomic.remove_leftovers(folder)
            if not (restart or bare):
                return folder, True
            _empty(folder)
            break
    else:
        folder = _next(out, name, max(numbers, default=0) + 1)
    atomic.write_text(folder / "config.toml", config)
    atomic.write_json(folder / "environment.json", environment())
    return folder, False


def _next(out: Path, name: str, number: int) -> Path:
    """A new folder, which this process has locked."""
    while True:
        folder = out / f"{name}-{number}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:  # another command was started together with this one
            number += 1
            continue
        if not lock(folder) and is_held(folder / ".lock"):  # the same, in between
            number += 1
            continue
        return folder


def _is_bare(folder: Path) -> bool:
    """Whether a process ended, or was killed, before it wrote its settings here."""
    names = (path.name for path in folder.iterdir())
    return all(name == ".lock" or atomic.LEFT_BEHIND.fullmatch(name) for name in names)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name == ".lock":
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


BEFORE_FIRST_STEP = {
    ".lock",
    "config.toml",
    "environment.json",
    "taxonomy.json",
    "image_format.json",
    "volume_format.json",
    "records",
    "tensorboard",
}
"""What a run folder may hold before the first step of its training."""


def discard(folder: Path) -> None:
    """Removes a run that this process locked, if it made no step."""
    files = {file.name for file in folder.iterdir()} if folder.is_dir() else set()
    if folder.is_dir() and files <= BEFORE_FIRST_STEP:
        unlock(folder)
        shutil.rmtree(folder)


def derive(run: Path, suffix: str, settings: Config) -> Path:
    """The new folder RUN-SUFFIX-N beside a run, for what is made of its network.

    Raises UserError for settings that make no sense, and where RUN has no taxonomy.
    """
    from kerasseg import config

    config.check(settings)
    name = f"{run.resolve().name}-{suffix}"
    out, _ = open_run(run.parent, name, config.to_toml(settings))
    describe(out, taxonomy(run), image_format(run), volume_format(run))
    return out


def describe(
    run: Path,
    classes: Taxonomy,
    images: ImageFormat,
    volume: VolumeFormat | None = None,
) -> None:
    """Writes what the network of a run takes and gives: its images and its classes.
    volume: what volumes have in common; None: it takes pictures."""
    atomic.write_json(run / "taxonomy.json", classes.to_json())
    atomic.write_json(run / "image_format.json", images.to_json())
    if volume:
        atomic.write_json(run / "volume_format.json", volume.to_json())


def environment() -> dict[str, Any]:
    """What a run is made with: versions, machine and command line."""
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


_LOCKS: dict[Path, filelock.BaseFileLock] = {}
"""The runs that this process writes to."""


def lock(folder: Path) -> bool:
    """Whether this process is now the one that writes to `folder`.

    The lock ends with the process, also a killed one.
    """
    taken = try_lock(folder / ".lock")
    if taken is None:
        return False
    _LOCKS[folder] = taken
    return True


def unlock(folder: Path) -> None:
    """Frees a run, if this process locked it."""
    lock = _LOCKS.pop(folder, None)
    if lock is not None:
        lock.release()


def _repeats(run: Path, config: str) -> bool:
    """Whether a run's settings are those of `config`, whoever wrote the text: settings
    that did not exist then have their defaults. A file that is not TOML repeats
    none."""
    try:
        before = _settings((run / "config.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return before == _settings(config)


def _settings(text: str) -> dict[str, Any]:
    """Flag -> value of every setting but the number of devices."""
    from kerasseg import config

    default = config.values_of(config.to_toml(config.Config()))
    found = default | config.values_of(text)
    for flag, value in default.items():  # a list of one could be a text before
        if isinstance(value, list) and isinstance(found[flag], str):
            found[flag] = [found[flag]]
    found.pop("--fit.devices")
    return found


def _numbers(out: Path, name: str) -> list[int]:
    first = out / f"{name}-1"
    pattern = re.compile(re.escape(first.name.removesuffix("1")) + r"(\d+)")
    if not first.parent.is_dir():
        return []
    folders = (folder for folder in first.parent.iterdir() if folder.is_dir())
    matches = (pattern.fullmatch(folder.name) for folder in folders)
    return [int(match[1]) for match in matches if match]
