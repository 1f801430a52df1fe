"""What a check reports: a fault of the data, its fix, and images that show it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from kerasseg.doctor.facts import Facts

SHOWN = 4
"""Examples drawn of one finding, at most."""

Shown = Facts | tuple[Facts, ...]
"""One image, or two that belong together."""


@dataclass(frozen=True)
class Finding:
    """One fault. An error makes the command fail, a warning does not.

    says: what was found, with numbers and names.
    fix: what to do about it.
    examples: rows of one image, or of two that belong together.
    """

    check: str
    severity: Literal["error", "warning"]
    says: str
    fix: str
    examples: tuple[tuple[Facts, ...], ...] = ()


def error(check: str, says: str, fix: str, found: Iterable[Shown] = ()) -> Finding:
    """A finding that makes the command fail; `found`: what its pictures show."""
    return Finding(check, "error", says, fix, _rows(found))


def warning(check: str, says: str, fix: str, found: Iterable[Shown] = ()) -> Finding:
    """A finding that does not make the command fail."""
    return Finding(check, "warning", says, fix, _rows(found))


CURES = (
    "Say|If|Add|Save|Export|Leave|Name|Ids above|So many|Only|Correct|Write|Check|Are "
    "the|Rename|Move|Give|Copy|Convert|Close|Bring|Install|Choose|Split|Remove|See|Keep|Put|Take|Use|Make|"
    "Set|Draw|Unpack|Merge|Look|Prepare|Resize|Crop|Turn|Label|List|Two|Order"
)
"""With what sentences begin that say what to do."""


def said_and_cure(message: str, cure: str) -> tuple[str, str]:
    """What a message of `prepare` says, and what to do about it; else `cure`."""
    says, *cures = re.split(
        rf"(?<=\.)\s+(?=(?:{CURES})\b)|:\s+(?=say\b)", message, maxsplit=1
    )
    says = f"{says.rstrip('.')}."
    return says, cures[0][0].upper() + cures[0][1:] if cures else cure


def images(found: Iterable[Facts], total: int) -> str:
    """ "3 of 40 images (masks/a.png, ...)": how many, and which masks to look at."""
    return _some([facts.entry.mask for facts in found], total)


def shots(found: Iterable[Facts], total: int) -> str:
    """ "3 of 40 images (images/a.tif, ...)": where it is not the mask's fault."""
    return _some([facts.entry.image for facts in found], total)


def _some(names: list[str], total: int) -> str:
    more = ", ..." if len(names) > 3 else ""
    return f"{len(names)} of {total} images ({', '.join(names[:3])}{more})"


def _rows(found: Iterable[Shown]) -> tuple[tuple[Facts, ...], ...]:
    rows = [row if isinstance(row, tuple) else (row,) for row in found]
    return tuple(rows[:SHOWN])
