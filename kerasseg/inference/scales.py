"""Scales of test-time augmentation: one network, run at several sizes of an image."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from kerasseg import UserError
from kerasseg.console.flags import Number
from kerasseg.taxonomy import Tensor

LEAST, MOST = 0.125, 8.0
"""Of a scale; what lies outside is a slip."""
SCALE = Number(LEAST, MOST)
FINE, COARSE = 8, 32
"""Networks shrink images by so much, at least and at most, or by a power between."""


@dataclass(frozen=True)
class Sized:
    """A network as it is run at one size.

    run: images float32 (B, h, w, bands) -> logits (B, h', w', C). size: h and w.
    """

    run: Callable[[Tensor], Tensor]
    size: tuple[int, int]

    @classmethod
    def of(cls, network: Any) -> Sized:
        """A keras.Model at the size that it was built for."""
        height, width = network.input_shape[1:3]
        return cls(lambda image: network(image, training=False), (height, width))


def check(scales: Sequence[float], flag: str = "--scales") -> None:
    """Raises UserError, which names the flag, for scales that make no sense."""
    for scale in scales:
        if not (math.isfinite(scale) and LEAST <= scale <= MOST):
            raise UserError(
                f"{flag} must be numbers from {LEAST:g} to {MOST:g}, such as 0.75 1 "
                f"1.25, got {scale:g}."
            )
    if len(set(scales)) < len(scales):
        listed = " ".join(f"{scale:g}" for scale in scales)
        raise UserError(f"{flag} names a scale twice: {listed}.")


def units(size: tuple[int, int]) -> list[int]:
    """What other sides of a network of `size` may be multiples of, the finest first.

    Networks that shrink and enlarge again want multiples of a power of two. The largest
    one that divides both sides is theirs or a multiple of it: the last one here is
    safe, and the others have to be tried.

    >>> units((360, 480)), units((256, 256)), units((513, 513))
    ([8], [8, 16, 32], [1])
    """
    safe = min(*(side & -side for side in size), COARSE)
    return [unit for unit in (FINE, 2 * FINE) if unit < safe] + [safe]


def fitting(wanted: Sequence[float], unit: int) -> tuple[int, int]:
    """The height and width next to the wanted ones that are multiples of a unit.

    >>> fitting((450, 600), 8)
    (448, 600)
    """
    height, width = (max(round(side / unit), 1) * unit for side in wanted)
    return height, width
