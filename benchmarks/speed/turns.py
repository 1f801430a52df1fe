"""Sides that take turns, in this process or in others, and how long each turn took.

Taking turns is fair: a machine that is busy, or slows down when warm, slows all sides.
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
    note: a remark for the table, asked for once the turns are over; close: then ends
    the side."""

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
    is left out with its reason; the others go on. Prints when each side begins and
    ends, and every round.
    """
    turns = _Turns(rounds, limit)
    try:
        for name, build in part.sides.items():
            turns.begin(name, build)
        for number in range(rounds + 1):
            if turns.sides:
                _say(f"round {number} of {rounds}" if number else "warming up")
            for name in list(turns.sides):
                turns.take(name, counts=number > 0)
        for name in list(turns.sides):
            turns.end(name)
    finally:
        for side in turns.sides.values():
            side.close()
    return Result(part, turns.seconds, turns.notes, turns.left_out)


class _Turns:
    """sides: those that still take turns; the rest is as in Result."""

    def __init__(self, rounds: int, limit: float) -> None:
        self.rounds, self.limit = rounds, limit
        self.sides: dict[str, Side] = {}
        self.seconds: dict[str, list[float]] = {}
        self.notes: dict[str, str] = {}
        self.left_out: dict[str, str] = {}

    def begin(self, name: str, build: Callable[[], Side]) -> None:
        _say(f"{name} begins")
        try:
            self.sides[name] = build()
        except (Missing, ImportError) as error:
            self._leave_out(name, error)

    def take(self, name: str, counts: bool) -> None:
        had = self.seconds.setdefault(name, [])
        try:
            took = _timed(self.sides[name].turn)
        except Missing as error:
            self.sides.pop(name).close()
            del self.seconds[name]
            self._leave_out(name, error)
            return
        if counts:
            had.append(took)
        if len(had) == self.rounds or (len(had) >= 2 and sum(had) > self.limit):
            self.end(name)

    def end(self, name: str) -> None:
        side, had = self.sides.pop(name), self.seconds[name]
        self.notes[name] = side.note()
        side.close()
        _say(f"{name} ends: {len(had)} turns in {sum(had):.1f} s")

    def _leave_out(self, name: str, reason: Exception) -> None:
        self.left_out[name] = str(reason)
        _say(f"{name} is left out: {' '.join(str(reason).split())}")


def _say(line: str) -> None:
    print(f"  {line}", flush=True)


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
        with contextlib.suppress(OSError):  # the process has ended already
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
