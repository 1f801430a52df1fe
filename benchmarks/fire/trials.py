"""The three fires: kill -9, a full disk, a flipped bit; each, then the same command."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.fire import walk
from benchmarks.fire.state import Undisturbed, facts
from kerasseg.runs.folder import is_finished

CHAIN = 0.3
"""The share of kills after which the same command is killed again."""


@dataclass
class Walked:
    """The undisturbed walk, which each trial starts from a copy of."""

    folder: Path
    before: dict[str, Path] = field(default_factory=dict)
    """Command -> what was there before it."""
    after: dict[str, Undisturbed] = field(default_factory=dict)
    """Command -> what it left."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Command -> processor seconds that it took."""

    def copy(self, name: str, before: str) -> Path:
        """A copy of what was there before a command, in a new folder."""
        target = self.folder / "trial" / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.before[before], target)
        return target


def undisturbed(folder: Path) -> Walked:
    """Walks twice, without a fire."""
    walked, left = Walked(folder), {}
    for turn in ("first", "second"):
        place = folder / turn
        walk.draw_pictures(place / "pictures")
        for name in walk.COMMANDS:
            if turn == "first":
                walked.before[name] = folder / "before" / name
                shutil.copytree(place, walked.before[name])
            ended = walk.run(name, place)
            if ended.code:
                raise RuntimeError(f"{name} failed undisturbed:\n{ended.said}")
            walked.seconds[name] = ended.seconds
            left[turn, name] = facts(place)
        walked.before["nothing"] = place  # the finished walk
    for name in walk.COMMANDS:
        walked.after[name] = Undisturbed(left["first", name], left["second", name])
    return walked


def killed(walked: Walked, draw: random.Random) -> tuple[str, list[str], int]:
    """Kills a command, once or again and again, and then lets it end.

    Returns where, what was lost, and how many kills that were."""
    name = draw.choice(list(walk.COMMANDS))
    place, kills, wrong = walked.copy("kill", name), 0, []
    while True:
        after = draw.uniform(0, walked.seconds[name])
        ended = walk.run(name, place, after)
        if ended.orphans:
            wrong.append(f"{ended.orphans} processes outlived it")
        kills += 1
        if ended.code in (0, 2) or draw.random() > CHAIN or _is_over(name, place):
            break
    # Killed behind its last act a run is whole, and the same command begins another.
    last = None if _is_over(name, place) else walk.run(name, place)
    if last and last.code:
        wrong.append(f"the same command ended with {last.code}: {last.said[-500:]}")
    return name, wrong + walked.after[name].differences(facts(place)), kills


def _is_over(name: str, place: Path) -> bool:
    return name == "train" and is_finished(place / walk.RUN)


def filled(walked: Walked, draw: random.Random) -> tuple[str, list[str]]:
    """Lets a command meet a full disk somewhere, and then makes room.

    Returns where, and what was lost."""
    name = draw.choice(list(walk.COMMANDS))
    source = walked.before[name]
    needed = _kilobytes(walked.folder / "second") - _kilobytes(source)
    size = _kilobytes(source) + int(draw.uniform(0, 1) * needed)
    with _small_disk(walked.folder / "disk", size) as disk:
        place = disk / "walk"
        shutil.copytree(source, place)
        ended = walk.run(name, place)
        wrong = [] if ended.code == 0 else refused(ended)
        options = ["-o", "remount,size=1g"]
        subprocess.run(["mount", *options, str(disk)], check=True)
        last = walk.run(name, place)
        if last.code:
            wrong.append(f"the same command ended with {last.code}: {last.said[-500:]}")
        return name, wrong + walked.after[name].differences(facts(place))


def refused(ended: walk.Ended) -> list[str]:
    """What is wrong with how a command said no: exit code 2 and one line are right."""
    lines = [line for line in ended.said.splitlines() if "error:" in line]
    wrong = [] if ended.code == 2 else [f"exit code {ended.code}: {ended.said[-500:]}"]
    if "Traceback" in ended.said:
        wrong.append(f"a traceback: {ended.said[-500:]}")
    if ended.code == 2 and len(lines) != 1:
        wrong.append(f"{len(lines)} lines of errors: {ended.said[-500:]}")
    return wrong + ([f"{ended.orphans} orphans"] if ended.orphans else [])


def _kilobytes(folder: Path) -> int:
    """What a folder takes on a disk of memory, which has blocks of 4 kB."""
    files = (path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return 4 * sum(-(-size // 4096) for size in files)


@contextmanager
def _small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    options = ["-t", "tmpfs", "-o", f"size={max(4, kilobytes)}k", "chaos"]
    subprocess.run(["mount", *options, str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def can_mount() -> bool:
    """Whether small disks can be made: that takes the rights of root."""
    return hasattr(os, "geteuid") and os.geteuid() == 0
