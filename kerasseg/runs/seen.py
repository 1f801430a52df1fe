"""Whether a network has seen the images that it is scored on."""

from __future__ import annotations

from pathlib import Path

from kerasseg.data.format.joined import parts_of
from kerasseg.runs import reading


def trained_on(run: Path, records: str | Path, split: str) -> bool:
    """Whether a run was trained on images of a split, as far as its settings say."""
    if not (run / "config.toml").is_file():
        return False
    data = reading.settings_for(run).data
    known = {*parts_of(data.train)} & {*parts_of(split)}
    return bool(known) and Path(data.records).resolve() == Path(records).resolve()
