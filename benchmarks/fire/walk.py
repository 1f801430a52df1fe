"""The walk that is set on fire: the commands, and how one of them is run."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

import numpy as np

RUN = "runs/walk-1"
NETWORK = "--model.name unet --model.options filters=4 depth=1 batch_norm=true"
COMMANDS = {
    "prepare": (
        "prepare",
        "synthetic records --train 10 --val 5 --height 32 --width 48",
    ),
    "train": (
        "train",
        f"--data.records records --out runs --name walk {NETWORK} --fit.epochs 2 "
        "--data.batch 4 --fit.save_every 2 --fit.deterministic True",
    ),
    "evaluate": ("evaluate", RUN),
    "export": ("export.__main__", f"{RUN} --formats saved_model float32"),
    "predict": ("predict", f"pictures --run {RUN} --out predictions"),
    "predict --litert": (
        "predict",
        f"pictures --litert {RUN}/export/model.tflite --out on_a_device",
    ),
}
"""Command -> its module in kerasseg and its words. They run one after the other, in a
folder of their own with relative names, so each trial gives the same words."""
PATIENCE = 600
"""Seconds after which a command counts as hanging."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    """Exit code; minus the signal where one ended it."""
    said: str
    """All it wrote."""
    seconds: float
    """Processor seconds of the process itself."""
    orphans: int
    """Processes of it that were there ten seconds after its end."""


def warm_up() -> None:
    """Imports what the commands import. Each is a fork of this process: the import of
    TensorFlow alone takes longer than any of them."""
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    for name in ("tensorflow", "keras", "h5py", "cv2"):
        importlib.import_module(name)
    for module, _ in COMMANDS.values():
        importlib.import_module(f"kerasseg.{module}")


def draw_pictures(folder: Path) -> None:
    """Writes three pictures for predict."""
    import cv2

    folder.mkdir(parents=True)
    for number in range(3):
        noise = np.random.default_rng(number).integers(0, 256, (32, 48, 3))
        cv2.imwrite(str(folder / f"{number}.png"), noise.astype("uint8"))


def run(name: str, folder: Path, kill_after: float | None = None) -> Ended:
    """Runs a command in a folder; kill -9 after so many of its processor seconds."""
    with tempfile.TemporaryFile() as log:  # not on the disk that may be full
        sys.stdout.flush()
        child = os.fork()
        if not child:
            _become(name, folder, log.fileno())
        code, used = _watched(child, kill_after)
        orphans = _orphans(child)
        log.seek(0)
        return Ended(code, log.read().decode(errors="replace"), used, orphans)


def _watched(child: int, kill_after: float | None) -> tuple[int, float]:
    """Waits for a process; its exit code and its processor seconds."""
    ended, code, used = time.monotonic() + PATIENCE, None, 0.0
    while code is None:
        used = max(used, _processor_seconds(child))
        if kill_after is not None and used >= kill_after:
            os.kill(child, signal.SIGKILL)
        if time.monotonic() > ended:
            os.killpg(child, signal.SIGKILL)
        done, status = os.waitpid(child, os.WNOHANG)
        code = os.waitstatus_to_exitcode(status) if done else None
        time.sleep(0.002)
    return code, used


def _become(name: str, folder: Path, log: int) -> None:
    """Turns a fork into the command, and ends it."""
    code = 1
    try:
        os.setsid()
        for stream in (1, 2):
            os.dup2(log, stream)
        os.chdir(folder)
        module, words = COMMANDS[name]
        sys.argv = [name, *words.split()]
        importlib.import_module(f"kerasseg.{module}").main(words.split())
        code = 0
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def _processor_seconds(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _orphans(session: int) -> int:
    """Processes of a session that do not end by themselves; they are ended here."""
    ended = time.monotonic() + 10
    while True:
        left = [process for process in _processes() if _session(process) == session]
        if not left or time.monotonic() > ended:
            break
        time.sleep(0.1)
    for process in left:
        os.kill(process, signal.SIGKILL)
    return len(left)


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _session(process: int) -> int:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] == "Z" else int(fields[3])
