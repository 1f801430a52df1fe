"""A training goes on only over the records that it began with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasseg import UserError

if TYPE_CHECKING:
    from kerasseg.data.format.description import Description


def noted(description: Description, splits: Iterable[str]) -> dict[str, str]:
    """What of the records decides the steps of a training -> how it is recognised: the
    classes, the images' format, and for each split its samples and the shards'
    checksums."""
    values = {
        "classes": checksum(description.taxonomy.to_json()),
        "image format": checksum(description.image_format.to_json()),
    }
    for name in splits:
        split = description.split(name)
        digest = checksum([shard.sha256 for shard in split.shards])
        values[f"split '{name}'"] = f"{split.samples} samples, {digest}"
    return values


def require(
    before: dict[str, str], now: dict[str, str], records: str | Path, run: Path
) -> None:
    """Raises UserError, which names what changed, where records are not as `noted`
    before. What was not noted then cannot have changed."""
    changed = [
        f"{what} ({before[what]} then, {now.get(what, 'none')} now)"
        for what in before
        if before[what] != now.get(what)
    ]
    if changed:
        others = all(what.startswith(("teacher", "unlabelled")) for what in changed)
        told = "What is learnt from is" if others else f"The records {records} are"
        raise UserError(
            f"{told} not {'what' if others else 'those that'} run {run} began with: "
            f"{'; '.join(changed)}. Put the old ones back, or begin the run anew: the "
            "same command with --restart."
        )


def checksum(value: Any) -> str:
    """Of a value that JSON knows, in words."""
    text = json.dumps(value, sort_keys=True)
    return f"checksum {hashlib.sha256(text.encode()).hexdigest()[:12]}"
