"""The models that are served, by name, and the file that lists them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from kerasseg import UserError
from kerasseg.serve.errors import ServingError
from kerasseg.serve.model import Model
from kerasseg.serve.versions import Versions, Wanted, give_back_memory

log = logging.getLogger("kerasseg.serve")


class Listed(NamedTuple):
    """A model of a models.config: its folder, and which of its versions."""

    folder: Path
    wanted: Wanted


class Models:
    """Models by name. config: the file that lists them; it is read again when it
    changes."""

    def __init__(self, models: Mapping[str, Versions], config: Path | None = None):
        self._models, self._config = dict(models), config
        self._changed = config.stat().st_mtime_ns if config else 0

    @classmethod
    def listed(cls, config: Path) -> Models:
        """The models of a file in TF Serving's form. Raises UserError."""
        models = {
            name: Versions(name, one.folder, one.wanted)
            for name, one in read(config).items()
        }
        return cls(models, config)

    def __iter__(self):
        return iter(self._models.values())

    def load(self) -> None:
        """Loads what is there of each model. Raises UserError where one has nothing."""
        for versions in self._models.values():
            versions.load()

    def get(self, name: str, version: int | None = None, label: str = "") -> Model:
        """A version of a model. Raises ServingError."""
        return self.versions(name).get(version, label)

    def versions(self, name: str) -> Versions:
        """All versions of a model. Raises ServingError for an unknown name."""
        if name not in self._models:
            known = ", ".join(self._models)
            raise ServingError(
                "NOT_FOUND",
                f"Servable not found for request: {name}. There is: {known}.",
            )
        return self._models[name]

    async def follow(self, every: float) -> None:
        """Looks for other versions every so many seconds, until it is cancelled."""
        while True:
            await asyncio.sleep(every)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Looks once; what is wrong is logged, and all stays as it is."""
        try:
            self._reread()
        except (UserError, OSError) as error:
            log.error("the models are as before: %s", error)
        for versions in list(self._models.values()):
            try:
                versions.load()
            except UserError as error:
                log.error("%s", error)
            except Exception:
                log.exception("looking for versions failed")

    def _reread(self) -> None:
        if self._config is None:
            return
        changed = self._config.stat().st_mtime_ns
        if changed == self._changed:
            return
        self._changed = changed
        models = {}
        for name, (folder, wanted) in read(self._config).items():
            known = self._models.get(name)
            if known and known.folder == folder:
                known.wanted = wanted
                models[name] = known
            else:
                models[name] = Versions(name, folder, wanted)
        self._models = models
        give_back_memory()
        log.info("%s was read again: %s", self._config, ", ".join(models))


def read(file: Path) -> dict[str, Listed]:
    """Name -> model of a models.config as tensorflow_model_server takes it.

    Known are name, base_path (from the folder of the file on), model_platform,
    model_version_policy and version_labels. Raises UserError for anything else: it
    would be left out without a word.
    """
    config = model_server_config_pb2.ModelServerConfig()
    try:
        text_format.Parse(file.read_text(encoding="utf-8-sig"), config)
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise UserError(f"{file} is not a models.config: {error}") from error
    found: dict[str, Listed] = {}
    for one in config.model_config_list.config:
        _check(file, one)
        if one.name in found:
            raise UserError(f"{file} names the model {one.name} twice.")
        wanted = _wanted(file, one)
        folder = (file.parent / one.base_path).absolute()
        folder = folder / "export" if (folder / "export").is_dir() else folder
        found[one.name] = Listed(folder, wanted)
    if not found or config.HasField("custom_model_config"):
        raise UserError(f"{file} must have a model_config_list with config entries.")
    return found


def _check(file: Path, one) -> None:
    known = {
        *("name", "base_path", "model_platform"),
        *("model_version_policy", "version_labels"),
    }
    strange = {field.name for field, _ in one.ListFields()} - known
    if strange:
        raise UserError(
            f"{file}: {min(strange)} of model '{one.name}' is not understood here; "
            f"known are {', '.join(sorted(known))}."
        )
    if not one.name or not one.base_path or set("/:") & set(one.name):
        raise UserError(
            f"{file}: each model needs a name without / and :, and a base_path; got "
            f"name '{one.name}', base_path '{one.base_path}'."
        )
    if "://" in one.base_path:
        raise UserError(
            f"{file}: base_path of model '{one.name}' must be a folder of this "
            f"machine, is {one.base_path}. Copy or mount it."
        )
    if one.model_platform not in ("", "tensorflow"):
        raise UserError(
            f"{file}: model_platform of model '{one.name}' must be tensorflow, is "
            f"{one.model_platform}."
        )


def _wanted(file: Path, one) -> Wanted:
    policy, labels = one.model_version_policy, dict(one.version_labels)
    choice = policy.WhichOneof("policy_choice") or "latest"
    numbers = tuple(policy.specific.versions) if choice == "specific" else ()
    if choice == "specific" and not numbers:
        raise UserError(f"{file}: specific of model '{one.name}' names no version.")
    strange = set(labels.values()) - set(numbers) if numbers else set()
    if strange:
        raise UserError(
            f"{file}: a label of model '{one.name}' means version {min(strange)}, "
            "which is not among its specific versions."
        )
    latest = 0 if choice == "all" else policy.latest.num_versions or 1
    return Wanted(latest, numbers, labels)
