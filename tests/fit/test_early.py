"""What is wrong in a training's settings is said before TensorFlow is loaded."""

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from kerasseg import UserError, __version__, config, runs, train
from kerasseg import __main__ as commands
from kerasseg.fit import early


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model.name", "unett"], "Unknown model 'unett'. Known: naive, "),
        (["--model.start", "nowhere"], "No network at nowhere"),
        (["--data.val", "moon"], "no split 'moon', only train, val"),
        (["--data.train", "moon"], "no split 'moon'"),
        (["--data.records", "nowhere"], "nowhere does not exist"),
    ],
)
def test_it_is_said(shared_records, words, said):
    given = ["--data.records", str(shared_records), *words]
    with pytest.raises(UserError, match=said):
        early.check(config.parse(given))


def test_a_shipped_network_is_known_by_name_from_anywhere(
    shared_records, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    given = ["--data.records", str(shared_records), "--model.start", "road_scene"]
    early.check(config.parse(given))
    assert runs.named("road_scene") == runs.SHIPPED
    Path("road_scene").mkdir()  # one's own comes first
    assert runs.named("road_scene") == Path("road_scene")


@pytest.mark.parametrize(
    ("gpus", "visible", "words", "said"),
    [
        (0, None, "--fit.devices 99", "99, but CPUs that can be used: 1. Ask for one"),
        (0, None, "--fit.device gpu", "no GPU found"),
        (2, None, "--fit.devices 3", "3, but GPUs that can be used: 2. Ask for fewer."),
        (2, "1", "--fit.devices 2", "2, but GPUs that can be used: 1"),
        (2, "", "--fit.device gpu", "no GPU found"),
        (2, "0,-1,1", "--fit.devices 2", "GPUs that can be used: 1"),
        (2, None, "--fit.devices 2", ""),
        (0, None, "--fit.devices 4 --fit.device cpu", ""),
        (0, None, "--fit.devices 1", ""),
    ],
)
def test_devices(tmp_path, monkeypatch, gpus, visible, words, said):
    """What the driver of NVIDIA shows of GPUs is an upper bound."""
    for number in range(gpus):
        (tmp_path / f"0000:0{number}:00.0").mkdir()
    monkeypatch.setattr(early, "GPUS", tmp_path)
    monkeypatch.setattr(early, "OTHERS", ())
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    fit = config.parse(words.split()).fit
    with pytest.raises(UserError, match=said) if said else contextlib.nullcontext():
        early.check_devices(fit)


def test_version(capsys, monkeypatch):
    train.main(["--version"])
    monkeypatch.setattr("sys.argv", ["kerasseg", "--version"])
    commands.main()
    assert capsys.readouterr().out == f"kerasseg {__version__}\n" * 2


@pytest.mark.processes
def test_neither_tensorflow_nor_keras_is_loaded():
    code = (
        "import sys; from kerasseg import train\n"
        "try: train.main(['--model.start', 'nowhere'])\n"
        "except SystemExit: print({'tensorflow', 'keras'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
