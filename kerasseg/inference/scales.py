"""Scales of test-time augmentation: one network, run at several sizes of an image."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from kerasseg import UserError
from kerasseg.taxonomy import Tensor

LEAST, MOST = 0.125, 8.0
"""Of a scale; what lies outside is a slip."""
UNIT = 32
"""By how much networks shrink images, at most."""


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


def scaled_size(
    size: tuple[int, int], scale: float, most: int = UNIT
) -> tuple[int, int]:
    """Height and width at a scale, rounded to sides that a network of `size` takes.

    Networks that shrink and enlarge again want multiples of a power of two. The largest
    one that divides both sides, up to `most`, is theirs or a multiple of it.

    >>> scaled_size((360, 480), 1.25), scaled_size((513, 513), 0.5)
    ((448, 600), (256, 256))
    """
    return fitting([side * scale for side in size], size, most)


def fitting(
    wanted: Sequence[float], size: tuple[int, int], most: int = UNIT
) -> tuple[int, int]:
    """The height and width next to the wanted ones that a network of `size` takes, see
    `scaled_size`."""
    unit = min(*(side & -side for side in size), most)
    height, width = (max(round(side / unit), 1) * unit for side in wanted)
    return height, width
