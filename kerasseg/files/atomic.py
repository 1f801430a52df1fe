"""Files appear whole or not at all: write aside, to the disk, then rename."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import re
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
        _to_disk(aside)
        if aside.is_dir() and path.exists():
            old = path.with_name(f".{os.getpid()}.old.{path.name}")
            path.rename(old)
            aside.rename(path)
            shutil.rmtree(old)
        else:
            aside.replace(path)
        _sync(path.parent)
    except BaseException:
        if aside.is_dir():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.unlink(missing_ok=True)
        raise


LEFT_BEHIND = re.compile(r"\.(?P<process>\d+)\.(?P<old>old\.)?(?P<name>.+)")
"""What `replacing` writes to, until it ends."""


def remove_leftovers(folder: Path) -> None:
    """Removes what processes that were killed left in a folder while they wrote.

    A folder that was about to be replaced takes its place again. What belongs to a
    process that runs stays.
    """
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        found = LEFT_BEHIND.fullmatch(path.name)
        if not found or _runs(int(found["process"])):
            continue
        whole = folder / found["name"]
        if found["old"] and not whole.exists():
            path.rename(whole)
        elif path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    if os.name == "nt":  # there, signal 0 is Ctrl-C
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # of another user
        return True
    return True


def _to_disk(path: Path) -> None:
    """A name that is on the disk before its bytes are means an empty file after a loss
    of power."""
    if path.is_dir():
        for inside in path.rglob("*"):
            _sync(inside)
    _sync(path)


def _sync(path: Path) -> None:
    # Windows opens no folders, some file systems sync none: they have their own way.
    with contextlib.suppress(PermissionError, IsADirectoryError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EBADF, errno.ENOTSUP):
                raise
        finally:
            os.close(handle)


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
