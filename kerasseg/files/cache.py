"""The cache of kerasseg: what was fetched once. It may be deleted at any time."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_folder(name: str = "") -> Path:
    """The folder (or file) `name` in the cache; the cache itself for "". Makes nothing.

    The cache is where the environment variable KERASSEG_CACHE says, else in the usual
    place of the system: on Linux $XDG_CACHE_HOME/kerasseg or ~/.cache/kerasseg.
    """
    chosen = os.environ.get("KERASSEG_CACHE")
    usual = platformdirs.user_cache_path("kerasseg", appauthor=False)
    return Path(chosen or usual).absolute() / name
