"""Which value in mask files is which class: the table in which labels are looked up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.masks.mask_survey import Seen
from kerasseg.taxonomy import IGNORE, Taxonomy


@dataclass(frozen=True)
class ClassTable:
    """taxonomy: the classes. codes: class id of each value,
    `taxonomy.ignore` where it is ignored.

    notes: sentences for the user.
    """

    taxonomy: Taxonomy
    codes: Mapping[int, int]
    notes: tuple[str, ...] = ()


def listed(values: Sequence[object], most: int = 8) -> str:
    """ "0, 1, 2, ..." """
    return ", ".join(map(str, values[:most])) + ", ..." * (len(values) > most)


def share(seen: Mapping[int, Seen], values: Sequence[int]) -> float:
    """The part of all pixels that hold these values."""
    total = sum(one.pixels for one in seen.values())
    return sum(seen[v].pixels for v in values if v in seen) / max(1, total)


def percent(part: float) -> str:
    """ "12 %", "0.3 %", "below 0.1 %" """
    if 0 < part < 0.001:
        return "below 0.1 %"
    return f"{part:.0%}".replace("%", " %") if part >= 0.1 else f"{part * 100:.1f} %"


def require_classes(
    used: Sequence[int], table: ClassTable, named: bool, what: str
) -> tuple[str, ...]:
    """A note where masks hold one class alone though several are named.

    used: class ids that occur, without ignored ones. named: by a legend of the user.

    Raises UserError for a data set of one class, of which nothing can be learned.
    """
    if not used:
        raise UserError(
            f"{what}: all pixels are ignored, no class is left. Check the masks and "
            "what is ignored."
        )
    if len(used) > 1:
        return ()
    name = table.taxonomy.names[used[0]]
    if named and table.taxonomy.num_classes > 1:
        return (f"All masks hold nothing but class '{name}'.",)
    raise UserError(
        f"{what}: all hold nothing but class '{name}', and one class cannot be "
        "learned. The objects are elsewhere (another channel, alpha, page or folder), "
        "or were lost when the masks were saved."
    )


def lookup(
    pixels: np.ndarray, codes: Mapping[int, int], type: np.typing.DTypeLike = np.uint8
) -> tuple[np.ndarray, int | None]:
    """(...) whole numbers -> (...) class ids of `type`, and a value that has none."""
    low, high = int(pixels.min()), int(pixels.max())
    if 0 <= low and high < 1 << 16:
        table = np.full(high + 1, -1, np.int32)
        for code, class_id in codes.items():
            if 0 <= code <= high:
                table[code] = class_id
        found = table[pixels]
    else:
        present, inverse = np.unique(pixels, return_inverse=True)
        known = np.array([codes.get(int(v), -1) for v in present], np.int32)
        found = known[inverse.reshape(pixels.shape)]
    if found.min() < 0:
        return found.astype(type), int(pixels[found < 0][0])
    return found.astype(type), None


def limited(count: int, most: int = IGNORE) -> None:
    """Raises UserError for more values than are classes unless a legend names them."""
    if count > most:
        raise UserError(
            f"The masks hold {count} different values, and no legend names so many "
            "classes. If they count objects, they are instance ids: convert them to "
            "class ids, or bring them together with --map FILE."
        )
