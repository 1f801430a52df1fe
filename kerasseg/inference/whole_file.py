"""A file for devices is as it was exported: its format notices no turned bit."""

from __future__ import annotations

import json
from pathlib import Path

from kerasseg import UserError
from kerasseg.files.sha256 import sha256_of

LIST = "gate.json"
"""What an export writes beside its files, with their checksums."""


def require_whole(file: Path) -> None:
    """Raises UserError where a file is not as the list of its export says.

    A file without that list beside it, or that is not in it, is taken as it is.
    """
    try:
        rows = json.loads((file.parent / LIST).read_bytes())
        known = [row.get("sha256") for row in rows if row.get("file") == file.name]
    except (OSError, ValueError, TypeError, AttributeError):
        return
    if any(one and one != sha256_of(file) for one in known):
        raise UserError(
            f"{file} is not as it was exported: its checksum is not that in {LIST}, "
            "so one of them is damaged or was changed. Write it again with python -m "
            f"kerasseg.export, or move it away from {LIST} if you changed it."
        )
