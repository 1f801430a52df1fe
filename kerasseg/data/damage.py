"""Damaged records that surface deep inside TensorFlow are named."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from kerasseg import UserError


@contextlib.contextmanager
def naming_damage(records: str | Path) -> Iterator[None]:
    """Around what reads batches of these records: an error of TensorFlow that comes
    from a damaged shard or image ends in a UserError that names shard and record.

    It imports TensorFlow only where it was imported already.
    """
    try:
        yield
    except Exception as error:
        tf = sys.modules.get("tensorflow")
        errors = getattr(tf, "errors", None)
        if errors is None or not isinstance(error, errors.OpError):
            raise
        if not isinstance(error, errors.ResourceExhaustedError):
            from kerasseg.data.records import verify

            verify(records, progress=False)
        if isinstance(error, errors.NotFoundError):
            raise UserError(
                f"A shard of {records} went away while it was read: the records were "
                "written anew meanwhile. Give the same command again."
            ) from error
        raise
