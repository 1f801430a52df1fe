"""Files appear whole or not at all: write aside, to the disk, then rename."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import math
import os
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_in_use: set[Path] = set()
"""What blocks of this process write to right now."""
_one_at_a_time = threading.Lock()


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Gives a path beside `path` to write a file or a folder to.

    It takes the place of `path` when the block ends well and is removed when it does
    not; whatever was at `path` before stays until then. Of several that replace one
    path at the same time, the last one stays.

    Raises OSError, which names `path`, for instance where the disk is full.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = _aside(path)
    try:
        yield aside
        to_disk(aside)
        if aside.is_dir():
            _replace_folder(aside, path)
        else:
            aside.replace(path)
        sync(path.parent)
    except BaseException as error:
        _remove(aside)
        if isinstance(error, OSError) and error.strerror and error.filename is None:
            error.filename = str(path)  # "No space left on device", but where?
        raise
    finally:
        _in_use.discard(aside)


@contextlib.contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """A new folder inside a folder, so on its disk, which is removed at the end; after
    a kill, by `remove_leftovers`."""
    folder.mkdir(parents=True, exist_ok=True)
    aside = _aside(folder / "scratch")
    try:
        aside.mkdir()
        yield aside
    finally:
        _remove(aside)
        _in_use.discard(aside)


def _aside(path: Path) -> Path:
    """A free name, which tells whose it is; it ends as `path` does."""
    with _one_at_a_time:
        for number in itertools.count():
            owner = f"{os.getpid()}-{number}" if number else f"{os.getpid()}"
            aside = path.absolute().with_name(f".{owner}.{path.name}")
            if aside not in _in_use:
                _in_use.add(aside)
                break
    _remove(aside)  # of a process that was killed and had our number, as in containers
    return aside


def _replace_folder(aside: Path, path: Path) -> None:
    """Two renames, for a folder replaces none: another process may come between."""
    old = path.with_name(f".{os.getpid()}.old.{path.name}")
    while True:
        _remove(old)
        with contextlib.suppress(FileNotFoundError):
            path.rename(old)
        try:
            aside.rename(path)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
                continue  # what another process put there is replaced, too
            if old.exists():
                old.rename(path)
            raise
        _remove(old)
        return


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


LEFT_BEHIND = re.compile(r"\.(?P<process>\d+)(?:-\d+)?\.(?P<old>old\.)?(?P<name>.+)")
"""What `replacing` writes to, until it ends."""


def remove_leftovers(folder: Path) -> None:
    """Removes what processes that were killed left in a folder while they wrote.

    A folder that was about to be replaced takes its place again. What belongs to a
    process that runs stays.
    """
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        found = LEFT_BEHIND.fullmatch(path.name)
        if not found or _is_written(path, int(found["process"])):
            continue
        whole = folder / found["name"]
        if found["old"] and not whole.exists():
            path.rename(whole)
        else:
            _remove(path)


def _is_written(path: Path, process: int) -> bool:
    if process == os.getpid():  # else it had our number before us
        return path.absolute() in _in_use
    return _runs(process)


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


def to_disk(path: Path) -> None:
    """Waits until a file, or a folder with all that is in it, is on the disk.

    A name that is there before its bytes means an empty file after a loss of power.
    """
    if path.is_dir():
        for inside in path.rglob("*"):
            sync(inside)
    sync(path)


def sync(path: Path) -> None:
    """Waits until a file, or the list of the names in a folder, is on the disk."""
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
