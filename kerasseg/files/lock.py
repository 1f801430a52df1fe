"""One writer at a time, also when the last one was killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from kerasseg import UserError


@contextlib.contextmanager
def alone(file: Path, what: str) -> Iterator[None]:
    """Holds the lock file `file` while the block runs; ValueError if another has it.

    The lock ends with the process that holds it, the file with the block. A file system
    without locks gives none.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        while True:
            opened = stack.enter_context(file.open("a"))
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UserError(
                    f"Another process is writing {what} (it holds {file}). Wait until "
                    "it has ended, or name another folder."
                ) from error
            except OSError:
                break
            if _is_there(file, opened):
                break  # else the holder before removed it: lock the new one
        try:
            yield
        finally:
            file.unlink(missing_ok=True)


def _is_there(file: Path, opened) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return file.stat().st_ino == os.fstat(opened.fileno()).st_ino
    return False
