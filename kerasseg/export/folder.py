"""Keeps the folder RUN/export: files that passed the gate, rejected ones, scores."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from kerasseg.export.formats import ARTEFACTS
from kerasseg.files import atomic

NAME = "export"
"""The folder in a run."""
REJECTED = "rejected"
"""The folder in it for files that broke a limit of the gate."""
GATE = "gate.json"
"""The file in it with the rows of `gate.check`."""


def let_in(rows: list[dict], files: dict[str, Path], folder: Path) -> None:
    """Moves what passed into the folder, and the rest into its folder `rejected`.

    rows: of `gate.check`; files: format -> file, on the same disk as the folder.
    """
    shutil.rmtree(folder / REJECTED, ignore_errors=True)
    for row in rows[1:]:
        target = folder / row["file"]
        if not row["passed"]:
            # An older file goes too: it is not what this network gives.
            _remove(target)
            target = folder / REJECTED / row["file"]
        with atomic.replacing(target) as place:
            files[row["format"]].rename(place)


def with_earlier(rows: list[dict], folder: Path) -> list[dict]:
    """These rows and those of earlier exports of the same network, in fixed order.

    Earlier rows count when they passed on the same split and their file is still there.
    """
    file = folder / GATE
    earlier = json.loads(file.read_text()) if file.is_file() else []
    same = bool(earlier) and all(
        earlier[0].get(key) == rows[0][key] for key in ("sha256", "split")
    )
    known = {
        row["format"]: row
        for row in earlier
        if same and row["passed"] and row["file"] and (folder / row["file"]).exists()
    }
    known |= {row["format"]: row for row in rows}
    return [known[name] for name in ["network", *ARTEFACTS] if name in known]


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
