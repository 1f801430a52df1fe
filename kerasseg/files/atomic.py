"""Files appear whole or not at all: write aside, then rename."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Gives a path beside `path` to write a file or a folder to.

    It takes the place of `path` when the block ends well and is removed when it does
    not; whatever was at `path` before stays until then.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield aside
        if aside.is_dir() and path.exists():
            old = path.with_name(f".{os.getpid()}.old.{path.name}")
            path.rename(old)
            aside.rename(path)
            shutil.rmtree(old)
        else:
            aside.replace(path)
    except BaseException:
        if aside.is_dir():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.unlink(missing_ok=True)
        raise


def write_text(path: str | Path, text: str) -> None:
    """Writes a text file in UTF-8, whole or not at all."""
    with replacing(path) as aside:
        aside.write_text(text, encoding="utf-8")


def write_bytes(path: str | Path, data: bytes) -> None:
    """Writes a file of bytes, whole or not at all."""
    with replacing(path) as aside:
        aside.write_bytes(data)


def write_json(path: str | Path, values: Any) -> None:
    """Writes values that JSON knows (see `plain`), whole or not at all."""
    write_text(path, json.dumps(values, indent=1) + "\n")


def plain(value: Any, digits: int | None = None) -> Any:
    """NumPy numbers and arrays as Python's, for JSON; nan and infinities as None.

    digits: decimals that floats are rounded to; None: all of them.
    """
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, dict):
        return {key: plain(one, digits) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one, digits) for one in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return value if digits is None else round(value, digits)
    return value
