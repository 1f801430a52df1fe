"""Numbered version folders: the newest is served, a newer one follows when ready."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from kerasseg import UserError
from kerasseg.serve.errors import ServingError
from kerasseg.serve.model import Model

log = logging.getLogger("kerasseg.serve")


class Versions:
    """The versions of one model under a folder.

    A new number is loaded and warmed up while the one before still answers; a number
    that was taken away leaves to the next lower one (rollback). A version that cannot
    be loaded is reported and left alone until its folder is replaced.
    """

    def __init__(self, name: str, folder: str | Path):
        self.name, self.folder = name, Path(folder)
        self.current: Model | None = None
        self._refused: dict[int, tuple[float, str]] = {}

    def load(self) -> None:
        """Loads the newest version unless it is the current one. Takes seconds."""
        for number in sorted(_numbers(self.folder), reverse=True):
            file = self.folder / str(number) / "saved_model.pb"
            if self.current and self.current.version == number:
                return
            try:
                changed = file.stat().st_mtime
            except FileNotFoundError:  # taken away at this moment
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
            reasons = reasons or "there is none."
            raise UserError(
                f"No version under {self.folder} could be loaded: {reasons}"
            )

    async def follow(self, every: float) -> None:
        """Looks for other versions until it is cancelled; every: seconds."""
        while True:
            await asyncio.sleep(every)
            try:
                await asyncio.to_thread(self.load)
            except Exception:
                log.exception("looking for versions failed")

    def get(self, name: str, version: int | None = None) -> Model:
        """The current version; NOT_FOUND for another name or number."""
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
