"""Reads log.csv, which has one row an epoch."""

from __future__ import annotations

import csv
from pathlib import Path


def read_log(path: Path) -> list[dict[str, str]]:
    """The rows of a log.csv, each a column's name -> its text; [] without a file."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
