"""One writer at a time: lock files that end with the process, also a killed one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import filelock

from kerasseg import UserError


def try_lock(file: Path) -> filelock.BaseFileLock | None:
    """Locks `file` at once; None where another holds it, or no lock can be had.

    The caller keeps the lock as long as it needs it: `release()` frees it, and so does
    the end of the process. The file stays; a file without its lock means nothing.
    """
    with contextlib.suppress(filelock.Timeout, OSError, NotImplementedError):
        return _acquired(file)
    return None


def is_held(file: Path) -> bool:
    """Whether another holds the lock `file`; False where no locks can be had."""
    try:
        _acquired(file).release()
    except filelock.Timeout:
        return True
    except (OSError, NotImplementedError):
        pass
    return False


@contextlib.contextmanager
def held(file: Path, owner: str) -> Iterator[None]:
    """Holds the lock file `file` while the block runs, and then removes it.

    A file system without locks gives none: the block runs all the same.

    owner: what the lock protects, for the message.

    Raises UserError where another process, or another block of this one, holds it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = None
    try:
        lock = _acquired(file)
    except filelock.Timeout as error:
        raise UserError(
            f"Another process is writing {owner} (it holds {file}). Wait until it has "
            "ended, or name another folder."
        ) from error
    except (OSError, NotImplementedError):
        pass
    try:
        yield
    finally:
        # Removed while it is held, so that nobody can lock a file that goes away.
        with contextlib.suppress(OSError):  # Windows removes it with the release
            file.unlink(missing_ok=True)
        if lock is not None:
            lock.release()


def _acquired(file: Path) -> filelock.BaseFileLock:
    lock = filelock.FileLock(file, thread_local=False)
    lock.acquire(blocking=False)
    return lock
