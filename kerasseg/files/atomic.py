"""Files appear whole or not at all: write aside, then rename."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path


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
    with replacing(path) as aside:
        aside.write_text(text, encoding="utf-8")


def write_bytes(path: str | Path, data: bytes) -> None:
    with replacing(path) as aside:
        aside.write_bytes(data)


def write_json(path: str | Path, values) -> None:
    write_text(path, json.dumps(values, indent=1) + "\n")
