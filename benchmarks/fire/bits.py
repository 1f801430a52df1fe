"""Which files bits are flipped in, and the command that reads each of them."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from benchmarks.fire import walk
from benchmarks.fire.state import facts
from benchmarks.fire.trials import Walked, refused

STOPPED = "stopped"
"""A training that was killed in its second epoch."""
KINDS = {
    "shard of train": (STOPPED, "records/train-*", "train"),
    "shard of val": ("evaluate", "records/val-*", "evaluate"),
    "dataset.json": ("evaluate", "records/dataset.json", "evaluate"),
    "state": (STOPPED, f"{walk.RUN}/state.weights.h5", "train"),
    "log.csv": (STOPPED, f"{walk.RUN}/log.csv", "train"),
    "health.json": (STOPPED, f"{walk.RUN}/health.json", "train"),
    "network.keras": ("predict", f"{walk.RUN}/network.keras", "predict"),
    "taxonomy.json": ("evaluate", f"{walk.RUN}/taxonomy.json", "evaluate"),
    "metrics.json": ("evaluate", f"{walk.RUN}/metrics.json", "evaluate"),
    "gate.json": ("export", f"{walk.RUN}/export/gate.json", "export"),
    "model.tflite": (
        "predict --litert",
        f"{walk.RUN}/export/model.tflite",
        "predict --litert",
    ),
    "label map": ("predict", "predictions/*_label.png", "predict"),
    "predicted.jsonl": ("predict", "predictions/predicted.jsonl", "predict"),
}
"""Kind of file -> what was there before (a command, or `STOPPED`), the file, and the
command that reads or rewrites it."""


def stop_a_training(walked: Walked, draw: random.Random) -> None:
    """Adds a training to what was walked that was killed after its first epoch."""
    before = walked.before["train"]
    share = 0.5
    while True:
        place = walked.folder / "before" / STOPPED
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(before, place)
        ended = walk.run("train", place, share * walked.seconds["train"])
        run = place / walk.RUN
        there = [(run / name).exists() for name in ("state.weights.h5", "log.csv")]
        if all(there) and ended.code not in (0, 2):
            walked.before[STOPPED] = place
            return
        share = draw.uniform(0.2, 0.9)


def flipped(
    walked: Walked, kind: str, draw: random.Random
) -> tuple[str, str, list[str]]:
    """Flips one bit of a file of that kind.

    Returns where, how it went ("said" in one line, or "equal" to the undisturbed), and
    what was lost: another result without a word, a traceback, a crash.
    """
    before, pattern, command = KINDS[kind]
    finished = command in ("predict", "predict --litert") and before == command
    place = walked.copy("bit", "nothing" if finished else before)
    file = draw.choice(sorted(place.glob(pattern)))
    data = bytearray(file.read_bytes())
    where = draw.randrange(8 * len(data))
    data[where // 8] ^= 1 << where % 8
    file.write_bytes(data)
    ended = walk.run(command, place)
    name = f"{kind}: bit {where} of {file.relative_to(place)}, {command}"
    if ended.code:
        return name, "said", refused(ended)
    end = walked.after["predict --litert" if finished else command]
    return name, "equal", _differences(end.differences(facts(place)), kind, file)


def _differences(wrong: list[str], kind: str, file: Path) -> list[str]:
    """Without the flipped file itself where the command only reads it."""
    read_only = kind not in ("metrics.json", "label map", "predicted.jsonl")
    return [
        line
        for line in wrong
        if not (read_only and line.startswith("differs") and f"/{file.name}" in line)
    ]
