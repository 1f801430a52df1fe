"""Sizes of images that a network cannot take, and the nearest that it can."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from kerasseg import UserError


class SizeError(UserError):
    """An image whose height, width or depth a network cannot take."""


def require_multiples(network: str, size: Sequence[int], steps: Sequence[int]) -> None:
    """Raises SizeError unless each length of `size` is a multiple of its step."""
    for length, step in zip(size, steps, strict=True):
        fits = functools.partial(_is_multiple, step)
        require(network, length, fits, f"a multiple of {step}")


def _is_multiple(step: int, length: int) -> bool:
    return length % step == 0


def require(
    network: str,
    length: int,
    works: Callable[[int], bool],
    kind: str,
    other: str = "",
) -> None:
    """Raises SizeError unless `works(length)`.

    network: the subject of the message. kind: what lengths work, in words. other: what
    could be done beside cropping and padding.
    """
    if length > 0 and works(length):
        return
    below = next((n for n in range(length, 0, -1) if works(n)), 0)
    above = next(n for n in range(max(length, 1), 10**9) if works(n))
    near = f"{below} or {above}" if below else f"{above}"
    raise SizeError(
        f"{network} cannot take size {length}: it must be {kind}. Crop or pad the "
        f"image to {near}{other}."
    )
