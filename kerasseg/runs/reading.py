"""Reads the folder that a training wrote: network, checkpoint, classes, settings."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from kerasseg import UserError
from kerasseg.files import atomic, untrusted
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.runs.network_file import network_file
from kerasseg.taxonomy import Taxonomy
from kerasseg.volume_format import VolumeFormat

if TYPE_CHECKING:
    from kerasseg.config import Config

Parsed = TypeVar("Parsed")

_PACKAGE = Path(__file__).resolve().parents[1]
_IN_WHEEL = _PACKAGE / "road_scene"
_IN_SOURCES = _PACKAGE.parent / "saved_models" / "road_scene"
SHIPPED = _IN_WHEEL if _IN_WHEEL.is_dir() else _IN_SOURCES
"""The folder of the road-scene network that comes with kerasseg."""
COME_ALONG = "road_scene", "road_scene_fast"
"""Names of the networks that come with kerasseg. Their folders are neighbours."""


def named(path: str | Path) -> Path:
    """The path itself; of a network that comes with kerasseg, such as road_scene, its
    name stands for its folder, wherever one is."""
    path = Path(path)
    if str(path) in COME_ALONG and not path.exists():
        return SHIPPED.with_name(str(path))
    return path


def comes_along(path: str | Path) -> bool:
    """Whether the folder is that of a network that comes with kerasseg."""
    return Path(path).resolve() in [SHIPPED.with_name(name) for name in COME_ALONG]


def asked_for(run: str) -> Path:
    """The run that a command is given, see `named`, or, given none, the newest."""
    return named(run) if run else newest()


def load(path: str | Path) -> Any:
    """The best network of a run, or a `.keras` file: a keras.Model.

    It takes images (B, H, W, bands) in the units of its data (`image_format`) and gives
    logits (B, H, W, C).

    Raises UserError when there is none, when the file is damaged, and when it holds
    code, names anything else than stock layers or takes more memory than its weights
    do (`kerasseg.files.untrusted`): such a file is never executed.
    """
    file = network_file(Path(path))
    with untrusted.checked(file) as harmless:
        import keras

        try:
            return keras.saving.load_model(harmless, compile=False, safe_mode=True)
        except Exception as error:
            reason = str(error).split(". ")[0].splitlines()[0]
            raise UserError(
                f"{file} is not a network of stock Keras layers, or is damaged: it was "
                f"refused ({type(error).__name__}: {reason})."
            ) from error


def save(network: Any, file: Path) -> None:
    """Writes a network to a .keras file, whole or not at all.

    It is made in memory first: HDF5 that meets a full disk ends the process.
    """
    from kerasseg.frameworks.private_hooks import network_bytes

    atomic.write_bytes(file, network_bytes(network))


def load_state(trainer: Any, file: Path) -> None:
    """Restores a training from `state.weights.h5`: weights, optimizer, random state.

    Raises UserError when the file is damaged, not harmless, or of another network.
    """
    untrusted.check_weights(file)
    try:
        trainer.load_weights(file)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{file} does not fit this training ({type(error).__name__}: {reason}). "
            "Begin the run anew with --restart."
        ) from error


def taxonomy(path: str | Path) -> Taxonomy:
    """The classes of a run.

    Raises UserError where there is no taxonomy.json, or it is damaged.
    """
    file = Path(path) / "taxonomy.json"
    if not file.is_file():
        raise UserError(f"{path} is not a run folder: it has no taxonomy.json.")
    return _parsed(file, Taxonomy.from_json, "hold names and colours of classes")


def folder_of(path: str | Path) -> Path:
    """The folder of a run that is named by itself, or by its network file."""
    path = Path(path)
    return path if path.is_dir() else path.parent


def image_format(path: str | Path) -> ImageFormat:
    """What the images of a run are; RGB of 8 bits where it has no image_format.json.

    Raises UserError where that file is damaged.
    """
    file = Path(path) / "image_format.json"
    if not file.is_file():
        return RGB
    return _parsed(file, ImageFormat.from_json, "say what the bands of an image are")


def volume_format(path: str | Path) -> VolumeFormat | None:
    """What volumes of a run are; None, without volume_format.json, of pictures.

    Raises UserError where that file is damaged.
    """
    file = Path(path) / "volume_format.json"
    if not file.is_file():
        return None
    return _parsed(file, VolumeFormat.from_json, "say what a volume is")


def _parsed(file: Path, parse: Callable[[dict], Parsed], meant: str) -> Parsed:
    """What a JSON file of a run holds; meant: what it would do if it were whole."""
    try:
        return parse(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(
            f"{file} does not {meant} ({type(error).__name__}: {error}). Copy it again "
            "from where the run was trained."
        ) from error


def refuse_volumes(run: Path, what: str) -> None:
    """Raises UserError for a run of volumes. what: is for pictures alone."""
    if volume_format(run):
        raise UserError(f"{run} takes volumes, and {what} is for runs of pictures.")


def require_kind(
    run: Path,
    records: str | Path,
    found: ImageFormat,
    volume: VolumeFormat | None = None,
) -> None:
    """Raises UserError where records hold images of other bands or another type than
    the network of a run takes, or pictures in place of volumes. volume: of records."""
    kept = volume_format(run)
    if volume is not kept and not (kept and volume and kept.same_kind(volume)):
        raise UserError(
            f"Run {run} takes {kept or 'pictures'}; the records {records} hold "
            f"{volume or 'pictures'}. Prepare them as those of its training."
        )
    known = image_format(run)
    if not known.same_kind(found):
        raise UserError(
            f"Run {run} takes {known}; the records {records} hold {found}. Prepare "
            "them with the same bands and type, or choose other records."
        )


def settings(path: str | Path) -> Config:
    """The settings a run was trained with.

    Raises UserError where there is no config.toml, or it is not TOML.
    """
    from kerasseg import config

    file = Path(path) / "config.toml"
    if not file.is_file():
        alone = ""
        if (Path(path) / "network.keras").is_file() or Path(path).suffix == ".keras":
            alone = " A network alone is for python -m kerasseg.predict."
        raise UserError(f"{path} is not a run folder: it has no config.toml.{alone}")
    return config.parse([str(file)])


def settings_for(run: Path, records: str = "") -> Config:
    """A run's settings with the records to use: these, else those of its training.

    Raises UserError as `settings`.
    """
    found = settings(run)
    records = records or found.data.records or str(run / "records")
    data = dataclasses.replace(found.data, records=records)
    return dataclasses.replace(found, data=data)


def newest(out: str | Path = "saved_models") -> Path:
    """The run trained last, for commands that are given none.

    Raises UserError where there is none.
    """
    found = [file.parent for file in Path(out).glob("*/network.keras")]
    found = [folder for folder in found if not comes_along(folder)]
    if not found:
        raise UserError(
            f"No trained run under {out}. Train one with python -m kerasseg.train, or "
            "name a run folder."
        )
    return max(found, key=lambda folder: (folder / "network.keras").stat().st_mtime)
