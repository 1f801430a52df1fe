"""What runs LiteRT files, and what their end says before they are opened."""

from __future__ import annotations

import importlib
import json
import os
import zipfile
from pathlib import Path
from typing import Any

from kerasseg import UserError


def is_of_volumes(path: Path) -> bool:
    """Whether a LiteRT file says that it is for volumes; of others it is False."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "volume_format.json" in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def is_of_slices(path: Path) -> bool:
    """Whether a LiteRT file says that its pictures are slices of volumes."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = json.loads(archive.read("image_format.json"))
    except (OSError, zipfile.BadZipFile, KeyError, ValueError):
        return False
    return isinstance(found, dict) and found.get("slices") is not None


def interpreter_class() -> Any:
    """LiteRT's Interpreter; where it has no wheels (32-bit ARM), that of TensorFlow
    Lite, as it was called before."""
    for package in ("ai_edge_litert", "tflite_runtime"):
        try:
            return importlib.import_module(f"{package}.interpreter").Interpreter
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] != package:
                raise
    raise UserError(
        "LiteRT is not installed. Run: pip install ai-edge-litert (on 32-bit ARM: pip "
        "install tflite-runtime)."
    )


def cores() -> int:
    """Threads that are used where none are asked for."""
    return min(4, os.cpu_count() or 1)
