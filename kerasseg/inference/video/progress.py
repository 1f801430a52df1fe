"""How far a video is, on a terminal: one line that is written over."""

from __future__ import annotations

import sys
import time

SECONDS = 0.5
"""Between two times that the line is written."""


class Progress:
    """Counts frames. total: 0 for unknown."""

    def __init__(self, name: str, total: int) -> None:
        self.name, self._total = name, total
        self.begun = self._told = time.perf_counter()
        self._shown = 0

    def frame(self, done: int) -> None:
        """Tells the number of frames that are done."""
        now = time.perf_counter()
        if now - self._told < SECONDS or not sys.stdout.isatty():
            return
        self._told = now
        of = f" of {self._total}" if self._total >= done else ""
        line = f"{self.name}: {done}{of} frames, {self.speed(done):.1f} a second"
        print(f"\r{line:{self._shown}}", end="", flush=True)
        self._shown = len(line)

    def speed(self, done: int) -> float:
        """Frames a second since the beginning."""
        return done / max(time.perf_counter() - self.begun, 1e-9)

    def close(self) -> None:
        """Takes the line away."""
        if self._shown:
            print(f"\r{'':{self._shown}}\r", end="", flush=True)
