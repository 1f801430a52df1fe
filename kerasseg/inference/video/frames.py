"""A frame of a video, and what all readers of videos have in common."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

LATE, IN_TIME = 2.0, 0.5
"""Seconds that a live stream may be behind; and when it has caught up."""
USUAL = Fraction(25)
"""Frames a second of a video that does not say it."""


@dataclass(frozen=True)
class Frame:
    """pixels: uint8 RGB (H, W, 3), upright. time, duration: in units of the video's
    `time_base`; duration 0: unknown."""

    pixels: np.ndarray
    time: int
    duration: int = 0


@dataclass(frozen=True)
class Sound:
    """A packet of sound, as PyAV's `Packet`. start: of the video, in seconds."""

    packet: Any
    start: Fraction


@dataclass
class Head:
    """What a video says of itself.

    time_base: seconds of a unit of time. rate: frames a second, about. aspect: width of
    a pixel by its height. seconds: its length, 0 for unknown. frames: their number,
    about; 0 for unknown. sounds: its PyAV audio streams.
    """

    time_base: Fraction
    rate: Fraction = USUAL
    aspect: Fraction = Fraction(1)
    seconds: float = 0.0
    frames: int = 0
    sounds: tuple[Any, ...] = field(default=())


class Reader(Protocol):
    """What `write_overlay` reads frames from, once and in order.

    left_out: frames of a live stream that came faster than they were taken.
    problem: after the last frame, why there are no more if there should be; "" where
    the video ended as it ought to.
    """

    head: Head
    left_out: int
    problem: str

    def __iter__(self) -> Iterator[Frame | Sound]: ...

    def close(self) -> None:
        """Gives file or camera back."""


class Lag:
    """Finds how far a live stream is behind: since its promptest frame, how much more
    went by on the clock than in the stream."""

    def __init__(self) -> None:
        self._least = math.inf
        self._late = False

    def is_late(self, now: float, time: float) -> bool:
        """Whether a frame of this time, in seconds, is to be left out for those that
        wait: from a lag of `LATE` on, until one of `IN_TIME`."""
        behind = now - time
        self._least = min(self._least, behind)
        limit = IN_TIME if self._late else LATE
        self._late = behind - self._least > limit
        return self._late


class Times:
    """Makes times strictly increasing, which containers ask for.

    Where a clock jumps back, as in joined recordings, time goes on from the last frame.
    """

    def __init__(self) -> None:
        self._last: int | None = None
        self._shift = 0
        self._step = 1

    def increasing(self, time: int | None, duration: int = 0) -> int:
        """time: None for unknown: then it follows the one before."""
        step = duration or self._step
        if time is None:
            time = 0 if self._last is None else self._last + step
        else:
            time += self._shift
        if self._last is not None and time <= self._last:
            self._shift += self._last + step - time
            time = self._last + step
        elif self._last is not None:
            self._step = time - self._last
        self._last = time
        return time
