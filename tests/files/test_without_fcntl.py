"""Where there is no `fcntl`: on Windows. Everything is imported, processes are spawned.

What Windows does not have is hidden by a `sitecustomize`, so processes that are started
do not have it either.
"""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import kerasseg

ROOT = Path(kerasseg.__file__).parent
HIDDEN = """
import os, signal, sys
for name in ("fcntl", "resource", "pwd", "grp", "termios", "posix_ipc"):
    sys.modules[name] = None
for name in ("fork", "forkpty", "getloadavg", "sched_getaffinity", "getuid",
             "mkfifo", "setsid", "killpg"):
    vars(os).pop(name, None)
for name in ("SIGKILL", "SIGHUP", "SIGUSR1", "SIGALRM", "alarm", "setitimer"):
    vars(signal).pop(name, None)
"""
LIGHT = ["predict", "runs", "inference.litert", "serve.client"]
LIGHT += [f"files.{file.stem}" for file in (ROOT / "files").glob("[a-z]*.py")]
IMPORT = """
import importlib, os, sys
assert sys.modules["fcntl"] is None and not hasattr(os, "fork")
for name in sys.argv[1:]:
    importlib.import_module(f"kerasseg.{name}")
"""
WALK = """
from kerasseg import predict, prepare
if __name__ == "__main__":
    prepare.main(["folder", "photos", "records", "--workers", "2", "--shards", "2"])
    predict.main(["photos/images", "--litert", MODEL, "--out", "out", "--threads", "1"])
"""


@pytest.fixture
def windows(tmp_path):
    """Runs Python code where what Windows does not have is hidden."""
    (tmp_path / "sitecustomize.py").write_text(HIDDEN)

    def run(code, *words):
        (tmp_path / "on_windows.py").write_text(code)
        path = os.pathsep.join([str(tmp_path), str(ROOT.parent)])
        environment = os.environ | {"PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"}
        subprocess.run(
            [sys.executable, "on_windows.py", *words],
            check=True,
            cwd=tmp_path,
            env=environment,
        )

    return run


def test_the_light_modules_are_imported(windows):
    windows(IMPORT, *LIGHT)


@pytest.mark.slow
def test_every_module_is_imported(windows):
    files = [file.relative_to(ROOT).with_suffix("") for file in ROOT.rglob("*.py")]
    names = (".".join(file.parts).removesuffix(".__init__") for file in files)
    windows(IMPORT, *sorted(n for n in names if n not in ("__init__", "__main__")))


@pytest.mark.processes
def test_the_walk_from_pictures_to_a_device(windows, tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / "photos" / folder).mkdir(parents=True)
    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 256, (60, 80, 3), "u1")
        cv2.imwrite(str(tmp_path / f"photos/images/{number}.png"), pixels)
        ids = np.tile(np.arange(80, dtype="u1") // 20, (60, 1))
        cv2.imwrite(str(tmp_path / f"photos/masks/{number}.png"), ids)
    shipped = ROOT.parent / "saved_models" / "road_scene" / "export"
    model = repr(str(shipped / "model_int8.tflite"))
    windows(WALK.replace("MODEL", model))
    assert (tmp_path / "records" / "dataset.json").is_file()
    assert len(list((tmp_path / "out").glob("*.jpg"))) in (4, 5)
