"""Sets the whole walk on fire: kill -9, full disks, flipped bits, at random places.

python -m benchmarks.chaos [--kills 100] [--disks 20] [--bits 200] [--seed 0]

The walk is prepare, train (with scores, export and report), evaluate, export and
predict, on tiny records. It is walked twice undisturbed: what both wrote alike must be
alike, bit for bit, after a fire and the same command again. A fire holds where that is
so, or where the command said in one line, with exit code 2, what is wrong. Else the
trial is lost, and printed. Exit code 1 where any was.

Full disks need the rights of root (a small tmpfs). Linux only.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import tyro

from benchmarks.fire import bits, trials, walk


@dataclass(frozen=True)
class Chaos:
    """How often the walk is set on fire."""

    kills: int = 100
    disks: int = 20
    bits: int = 200
    seed: int = 0
    folder: str = ""
    """Where it walks; a temporary folder if empty."""


class Counts:
    """Trials and losses of each fire."""

    def __init__(self) -> None:
        self.tried: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()

    def add(
        self,
        fire: str,
        where: str,
        wrong: list[str],
        number: int = 1,
        how: str = "held",
    ) -> None:
        self.tried[fire] += number
        at = f"{self.tried[fire]} of {fire}"
        print(f"{at}, {where}: {'lost' if wrong else how}", flush=True)
        if wrong:
            self.lost[fire] += 1
            print(*wrong[:8], sep="\n    ", flush=True)

    def table(self) -> str:
        rows = [
            f"{fire:24}{self.tried[fire]:6} tried{self.tried[fire] - lost:6} held"
            f"{lost:6} lost"
            for fire in self.tried
            for lost in [self.lost[fire]]
        ]
        return "\n".join([*rows, f"{self.lost.total()} lost"])


def main() -> None:
    asked = tyro.cli(Chaos, description=__doc__)
    walk.warm_up()
    with tempfile.TemporaryDirectory(dir=asked.folder or None) as folder:
        counts = burn(asked, Path(folder))
    print(counts.table())
    sys.exit(bool(counts.lost))


def burn(asked: Chaos, folder: Path) -> Counts:
    """All trials, each a copy of the undisturbed walk."""
    draw, counts = random.Random(asked.seed), Counts()
    walked = trials.undisturbed(folder)
    for name, end in walked.after.items():
        print(f"{name}: {len(end.first)} facts, {end.exact()} exact", flush=True)
    while counts.tried["kill -9"] < asked.kills:
        where, wrong, number = trials.killed(walked, draw)
        counts.add("kill -9", where, wrong, number)
    if asked.disks and not trials.can_mount():
        print("Full disks are not tried: they need the rights of root.")
    for _ in range(asked.disks * trials.can_mount()):
        counts.add("full disk", *trials.filled(walked, draw))
    if asked.bits:
        bits.stop_a_training(walked, draw)
    for number in range(asked.bits):
        kind = list(bits.KINDS)[number % len(bits.KINDS)]
        where, how, wrong = bits.flipped(walked, kind, draw)
        counts.add(f"bit: {kind}", where, wrong, how=how)
    return counts


if __name__ == "__main__":
    main()
