"""The SavedModel of a run that has none: made when it is first asked for."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

from kerasseg import UserError, __version__, runs
from kerasseg.console import start_tensorflow
from kerasseg.export import folder
from kerasseg.files.cache import cache_folder
from kerasseg.files.sha256 import sha256_of


def ensure_saved_model(run: str | Path) -> Path:
    """The folder with the versions of a run's SavedModel, or of a folder of versions.

    Where there is none it is written from network.keras, whole or not at all, as
    version 1: into RUN/export; where that cannot be written, and for the network that
    comes with kerasseg, into the cache of kerasseg (`kerasseg.files.cache`). It is not
    scored; python -m kerasseg.export does that.

    Raises UserError where there is neither a version nor a network.
    """
    run = Path(run)
    for place in (run / folder.NAME, run):
        if folder.versions(place):
            return place
    network = run / "network.keras"
    if not network.is_file():
        raise UserError(
            f"{run} holds no version: expected a run with network.keras, or a folder "
            "with a number for its name and saved_model.pb inside. Write it with "
            "python -m kerasseg.export."
        )
    target = run / folder.NAME
    if runs.comes_along(run) or not _can_be_written(run):
        target = cache_folder("saved_models") / _key(run)
    if not folder.versions(target):
        print(f"{run} holds no SavedModel: it is made once, into {target}", flush=True)
        _write(run, target / "1")
    return target


def _write(run: Path, file: Path) -> None:
    start_tensorflow()
    from kerasseg.export.saved_model import signatures, volumes

    # TensorFlow logs a page for each function whose inputs have no names.
    log = logging.getLogger("absl")
    level = log.level
    log.setLevel(logging.ERROR)
    network, taxonomy = runs.load(run), runs.taxonomy(run)
    images, volume = runs.image_format(run), runs.volume_format(run)
    if volume:
        volumes.write(network, file, taxonomy, images, volume)
    else:
        options: dict[str, Any] = {"name": run.resolve().name, "image_format": images}
        signatures.write(network, file, taxonomy, **options)
    log.setLevel(level)


def _can_be_written(run: Path) -> bool:
    place = run / folder.NAME
    try:
        place.mkdir(exist_ok=True)
        probe = place / ".writable"
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True


def _key(run: Path) -> str:
    """Another network, other classes or another kerasseg have a folder of their own."""
    about = [runs.taxonomy(run).to_json(), runs.image_format(run).to_json()]
    parts = [sha256_of(run / "network.keras"), __version__, json.dumps(about)]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return f"{run.resolve().name}-{digest[:16]}"
