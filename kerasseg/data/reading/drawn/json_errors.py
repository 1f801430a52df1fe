"""What is wrong in a JSON file of an annotation tool, said with the file's name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from kerasseg import UserError

UNLIKE = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError)
"""What reading values raises where keys are missing or values are of another type."""


@contextlib.contextmanager
def read_as(kind: str, file: Path) -> Iterator[None]:
    """Names the file, and what it should be, for a value that is missing or another.

    Raises UserError in place of `UNLIKE`; those of the block stay as they are.
    """
    try:
        yield
    except UserError:
        raise
    except UNLIKE as error:
        kind_of = "no key" if isinstance(error, KeyError) else type(error).__name__
        raise UserError(
            f"{file} cannot be read as {kind} ({kind_of}: {error}). Export or copy it "
            "again."
        ) from error


@contextlib.contextmanager
def drawn(where: str) -> Iterator[None]:
    """Names the shape that the block turns into a mask, should it be damaged.

    Raises UserError in place of `UNLIKE`, OSError and UserErrors of the block.
    """
    try:
        yield
    except (*UNLIKE, OSError) as error:
        reason = str(error)
        if not isinstance(error, UserError):
            reason = f"{type(error).__name__}: {error}"
        raise UserError(
            f"{where} cannot be drawn ({reason}). Draw it again, or export again."
        ) from error
