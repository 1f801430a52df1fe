"""Sides that take turns, in this process or in others, and how long each turn took.

A machine that is busy, or slows down when warm, then does so to every side.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass


class Missing(Exception):
    """A side that cannot run here. Its text is the reason."""


@dataclass(frozen=True)
class Side:
    """turn: one timed repetition; it may return the seconds that count, if not all do.
    note: what is worth knowing once the turns are over."""

    turn: Callable[[], float | None]
    note: Callable[[], str] = lambda: ""
    close: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Part:
    """What is measured in turns.

    sides: name -> builder of the Side, which raises Missing or ImportError; `base`
    names the one that all are compared with. pairs: further ratios worth a line,
    (above, below, what it is). images: in each turn.
    """

    title: str
    images: int
    base: str
    sides: dict[str, Callable[[], Side]]
    pairs: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Result:
    """Seconds of each turn and a note by side; reasons of those left out."""

    part: Part
    seconds: dict[str, list[float]]
    notes: dict[str, str]
    left_out: dict[str, str]


def take_turns(part: Part, rounds: int, limit: float) -> Result:
    """Builds the sides and lets them take `rounds` turns, after one that warms up.

    A side that has had `limit` seconds stops after its second turn. A peer that fails
    is left out with its reason; the others go on.
    """
    sides, left_out = {}, {}
    seconds: dict[str, list[float]] = {}
    try:
        for name, build in part.sides.items():
            try:
                sides[name] = build()
            except (Missing, ImportError) as error:
                left_out[name] = str(error)
        for number in range(rounds + 1):
            for name, side in list(sides.items()):
                had = seconds.setdefault(name, [])
                if len(had) >= 2 and sum(had) > limit:
                    continue
                try:
                    took = _timed(side.turn)
                except Missing as error:
                    left_out[name] = str(error)
                    sides.pop(name).close()
                    del seconds[name]
                    continue
                if number:
                    had.append(took)
        notes = {name: side.note() for name, side in sides.items()}
    finally:
        for side in sides.values():
            side.close()
    return Result(part, seconds, notes, left_out)


def ratio(above: list[float], below: list[float]) -> float:
    """Median of the quotients of the rounds that both have."""
    return statistics.median(a / b for a, b in zip(above, below, strict=False))


def peer(command: list[str], work: dict) -> Side:
    """A side in a process of its own: `command` with `work` as JSON after it.

    It says "ready NOTE" or "missing REASON"; then each line in is one turn, and each
    line out the seconds it took. It ends when there are no more lines.
    """
    errors = tempfile.TemporaryFile("w+")
    try:
        process = subprocess.Popen(
            [*command, json.dumps(work)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            bufsize=1,
        )
    except OSError as error:
        errors.close()
        raise Missing(f"{command[0]}: {error.strerror}") from error

    def close():
        with contextlib.suppress(OSError):  # it has ended before it was told to
            process.stdin.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        errors.close()

    def heard() -> tuple[str, str]:
        word, _, rest = process.stdout.readline().strip().partition(" ")
        if word:
            return word, rest
        process.wait()
        errors.seek(0)
        lines = [line.strip() for line in errors if line.strip()]
        raise Missing(f"ended with {process.returncode}: {(lines or ['silent'])[-1]}")

    def turn() -> float:
        try:
            process.stdin.write("\n")
        except OSError:
            pass  # It has ended; what it said last tells why.
        word, _ = heard()
        try:
            return float(word)
        except ValueError:
            raise Missing(f"said '{word}' where seconds were expected") from None

    try:
        word, note = heard()
        if word != "ready":
            raise Missing(note)
    except BaseException:
        close()
        raise
    return Side(turn, lambda: note, close)


def _timed(turn) -> float:
    began = time.perf_counter()
    seconds = turn()
    return time.perf_counter() - began if seconds is None else seconds
