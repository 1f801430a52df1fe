"""Images of an export on which nothing is marked: empty, or not annotated yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from kerasseg import UserError

Negatives = Literal["ask", "background", "skip"]
"""What images without any mark become: refused, all background, left out."""


def negatives_note(
    negatives: Negatives, empty: Sequence[object], images: int, mark: str
) -> str:
    """What is said of images without a mark ("" where there are none).

    empty: the names of those images, of `images` in all. mark: what they lack, such as
    "mask" or "region".

    Raises UserError where there are some and nothing was said of them.
    """
    if not empty:
        return ""
    if negatives == "ask":
        raise UserError(
            f"{len(empty)} of {images} images have no {mark}, such as {empty[0]}. Say "
            "--negatives background if nothing is on them, or --negatives skip if they "
            "are not annotated yet."
        )
    become = "background" if negatives == "background" else "left out"
    return f"{len(empty)} of {images} images have no {mark} and are {become}"
