"""Keeps the folder RUN/export: files that passed the gate, rejected ones, scores."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from kerasseg.export.formats import ARTEFACTS
from kerasseg.files import atomic
from kerasseg.files.sha256 import sha256_of
from kerasseg.inference import whole_file

NAME = "export"
"""The folder in a run."""
REJECTED = "rejected"
"""The folder in it for files that broke a limit of the gate."""
GATE = whole_file.LIST
"""The file in it with the rows of `gate.check`."""


def let_in(rows: list[dict], files: dict[str, Path], folder: Path) -> None:
    """Moves what passed into the folder, and the rest into its folder `rejected`.

    rows: of `gate.check`; their "file" is filled in. files: artefact -> file, on the
    same disk as the folder. A SavedModel becomes a new version: earlier ones stay, and
    whoever serves the folder changes over.
    """
    shutil.rmtree(folder / REJECTED, ignore_errors=True)
    for row in rows[1:]:
        name = row["format"]
        row["file"] = ARTEFACTS[name].file or str(next_version(folder))
        target = folder / row["file"]
        if not row["passed"]:
            # An older file goes too: it is not what this network gives.
            if ARTEFACTS[name].file:
                _remove(target)
            target = folder / REJECTED / row["file"]
        if ARTEFACTS[name].file or not row["passed"]:
            with atomic.replacing(target) as place:
                files[name].rename(place)
            if target.is_file():
                row["sha256"] = sha256_of(target)
        else:
            row["file"] = _as_next_version(files[name], folder)


def next_version(folder: Path) -> int:
    """One more than the highest number among the folders in a folder."""
    names = [path.name for path in folder.glob("*") if path.name.isdecimal()]
    return max(map(int, names), default=0) + 1


def versions(folder: Path) -> list[Path]:
    """The versions of a SavedModel in a folder, the newest last."""
    found = [file.parent for file in folder.glob("*/saved_model.pb")]
    return sorted(
        (one for one in found if one.name.isdecimal()), key=lambda one: int(one.name)
    )


def _as_next_version(saved_model: Path, folder: Path) -> str:
    while True:
        target = folder / str(next_version(folder))
        try:
            saved_model.rename(target)
        except OSError:
            if not target.exists():  # else another export was faster
                raise
        else:
            return target.name


def with_earlier(rows: list[dict], folder: Path) -> list[dict]:
    """These rows and those of earlier exports of the same network, in fixed order.

    Earlier rows count when they passed on the same images of the same split, or one of
    the exports was not scored, and their file is still there.
    """
    earlier = _rows(folder / GATE)
    same = bool(earlier) and earlier[0].get("sha256") == rows[0]["sha256"]
    heads = [one[0] for one in (earlier, rows) if one and one[0].get("split")]
    judged = {(head["split"], *head.get("images", ())) for head in heads}
    if not same or len(judged) > 1:
        earlier = []
    known = {
        row.get("format"): row
        for row in earlier
        if row.get("passed") and row.get("file") and (folder / row["file"]).exists()
    }
    known |= {row["format"]: row for row in rows}
    if earlier and not scored(rows[0]):
        known["network"] = earlier[0]
    return [known[name] for name in ["network", *ARTEFACTS] if name in known]


def _rows(file: Path) -> list[dict]:
    """The rows of an earlier export; [] of none, and where the file is damaged."""
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return []
    rows = isinstance(found, list) and all(isinstance(row, dict) for row in found)
    return found if rows else []


def scored(row: dict) -> bool:
    """Whether a row of the gate has scores; without records there are none."""
    return row.get("scored", True)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
