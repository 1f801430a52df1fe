"""Where the trainings of --fit.folds lie, inside the run that is made of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasseg import UserError
from kerasseg.data.format.joined import parts_of
from kerasseg.runs import reading

FOLDER = "folds"
"""In it the records of the folds, and a run for each."""
RECORDS = "records"


def records_of(run: Path) -> Path:
    return run / FOLDER / RECORDS


def name_of(fold: int) -> str:
    """Of the run of a fold, the first is 0, and of the split that judges it."""
    return f"fold{fold}"


def fold_runs(run: Path, folds: int) -> list[Path]:
    """The folders of the trainings, in the order of the folds."""
    return [run / FOLDER / f"{name_of(fold)}-1" for fold in range(folds)]


@dataclass(frozen=True)
class Judged:
    """Samples, and the run whose network is judged by them."""

    run: Path
    records: str | Path
    split: str


def judged(run: Path, records: str | Path, split: str) -> list[Judged]:
    """By which network each part of a split is answered when a run is scored: by the
    run's own; of a cross-validation, on the images that it was trained on, by that of
    the fold which they were left out of.

    Raises UserError where a fold is gone.
    """
    whole = [Judged(run, records, split)]
    if not (run / "config.toml").is_file():
        return whole
    settings = reading.settings_for(run)
    folds, data = settings.fit.folds, settings.data
    same = Path(data.records).resolve() == Path(records).resolve()
    if not (folds and same and {*parts_of(split)} == {*parts_of(data.val)}):
        return whole
    found = fold_runs(run, folds)
    for folder in [records_of(run), *found]:
        if not folder.is_dir():
            raise UserError(
                f"{folder} is gone: each image of '{split}' is judged by the network "
                "of the fold that it was left out of. Put it back, or score another "
                "split with --split."
            )
    return [
        Judged(one, records_of(run), name_of(fold)) for fold, one in enumerate(found)
    ]


def scores_of(parts: Sequence[Judged]) -> list[dict[str, Any]]:
    """What each fold's own training says of its score; [] of a single network."""
    found = []
    for part in parts if len(parts) > 1 else ():
        kept = json.loads((part.run / "metrics.json").read_text(encoding="utf-8"))
        scores = {key: kept[key] for key in ("samples", "miou")}
        found.append({"run": part.run.name, **scores})
    return found
