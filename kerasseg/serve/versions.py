"""Folders with a number for their name: the highest is served, once it is loaded."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from kerasseg import UserError
from kerasseg.serve.errors import ServingError
from kerasseg.serve.model import Model

log = logging.getLogger("kerasseg.serve")


class Versions:
    """The versions of one model, in folders 1, 2, ... of a folder.

    A new version is loaded and warmed up while the one before still answers. Where a
    version was taken away, the next lower one is served again (rollback). A version
    that cannot be loaded is reported, and skipped until its folder is replaced.
    """

    def __init__(self, name: str, folder: str | Path):
        self.name, self.folder = name, Path(folder)
        self.current: Model | None = None
        self._refused: dict[int, tuple[float, str]] = {}

    def load(self) -> None:
        """Loads the newest version unless it is the current one. Takes seconds.

        Raises UserError while there is none that could be loaded.
        """
        for number in sorted(_numbers(self.folder), reverse=True):
            file = self.folder / str(number) / "saved_model.pb"
            if self.current and self.current.version == number:
                return
            try:
                changed = file.stat().st_mtime
            except FileNotFoundError:  # it was taken away a moment ago
                continue
            if self._refused.get(number, (0, ""))[0] == changed:
                continue
            try:
                self.current = Model(file.parent)
            except (ValueError, OSError, ServingError) as error:
                self._refused[number] = (changed, str(error))
                log.error("version %d was not loaded: %s", number, error)
                continue
            log.info("version %d of %s is served", number, self.name)
            return
        if self.current is None:
            reasons = "; ".join(reason for _, reason in self._refused.values())
            reasons = reasons or "there is no version."
            raise UserError(
                f"No version under {self.folder} could be loaded: {reasons}"
            )

    async def follow(self, every: float) -> None:
        """Looks for other versions every so many seconds, until it is cancelled."""
        while True:
            await asyncio.sleep(every)
            try:
                await asyncio.to_thread(self.load)
            except Exception:
                log.exception("looking for versions failed")

    def get(self, name: str, version: int | None = None) -> Model:
        """The current version. Raises ServingError for another name or number."""
        if name != self.name or self.current is None:
            asked = name
        elif version not in (None, self.current.version):
            asked = f"{name} version {version}"
        else:
            return self.current
        raise ServingError("NOT_FOUND", f"Servable not found for request: {asked}")


def _numbers(folder: Path) -> list[int]:
    files = folder.glob("*/saved_model.pb")
    return [int(f.parent.name) for f in files if f.parent.name.isdecimal()]
