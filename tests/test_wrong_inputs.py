"""Each mistake a user makes is one line that names the thing, and exit code 2."""

import ast
import importlib
import shutil
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
import walk

import kerasseg
from kerasseg import evaluate, predict, prepare, train
from kerasseg.__main__ import ALIASES, COMMANDS, PACKAGES
from kerasseg.export import __main__ as export


@pytest.fixture
def records(shared_records, tmp_path):
    """A copy to damage."""
    return shutil.copytree(shared_records, tmp_path / "records")


def refused(capsys, main, *argv) -> str:
    """The one line a command leaves with."""
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in argv])
    assert left.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("kerasseg ")
    assert not [line for line in lines if "Traceback" in line]
    return lines[-1]


def test_no_records(capsys, tmp_path):
    argv = walk.flags(tmp_path / "nowhere", tmp_path / "runs")
    line = refused(capsys, train.main, *argv)
    assert "nowhere does not exist" in line
    assert "kerasseg.prepare" in line
    assert not (tmp_path / "runs").exists()


def test_a_start_of_another_network_leaves_no_run(capsys, shared_records, tmp_path):
    origin = tmp_path / "other.keras"
    keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(3, 1)]).save(origin)
    argv = walk.flags(shared_records, tmp_path / "runs", model__start=str(origin))
    assert "is another network" in refused(capsys, train.main, *argv)
    assert not list((tmp_path / "runs").iterdir())


def test_an_unknown_split(capsys, shared_records, tmp_path):
    argv = walk.flags(shared_records, tmp_path / "runs", data__val="test")
    assert "no split 'test', only train, val" in refused(capsys, train.main, *argv)


def test_a_shard_cut_short(capsys, records, tmp_path):
    shard = sorted(records.glob("train-*"))[2]
    shard.write_bytes(shard.read_bytes()[:-7])
    line = refused(capsys, train.main, *walk.flags(records, tmp_path / "runs"))
    assert shard.name in line
    assert "cut short" in line


def test_a_flipped_byte_is_found_while_training(capsys, records, tmp_path):
    shard = sorted(records.glob("train-*"))[1]
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(bytes(data))
    line = refused(capsys, train.main, *walk.flags(records, tmp_path / "runs"))
    assert shard.name in line
    assert "prepare" in line


def test_a_gpu_that_is_not_there(capsys, shared_records, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda kind: [])
    argv = walk.flags(shared_records, tmp_path / "runs", fit__device="gpu")
    line = refused(capsys, train.main, *argv)
    assert "no GPU found" in line
    assert "kerasseg[gpu]" in line


@pytest.mark.parametrize(
    ("setting", "value", "hint"),
    [
        ("model__name", "unett", "Unknown model 'unett'. Known: "),
        ("model__options", "wings=2", "has no option 'wings'"),
        ("fit__loss", "magic=1", "Unknown loss 'magic'. Known: "),
        ("data__size", "30 48", "28 or 32. --data.size HEIGHT WIDTH resizes the"),
        ("data__size", "30 48", " --minutes 15` chooses a network and a size"),
        ("data__crop", "30 48", "28 or 32. --data.crop HEIGHT WIDTH is the size"),
        ("data__batch", "0", "--data.batch"),
        ("fit__epochs", "0", "--fit.epochs"),
    ],
)
def test_settings_that_cannot_be(
    capsys, shared_records, tmp_path, setting, value, hint
):
    argv = walk.flags(shared_records, tmp_path / "runs", **{setting: value})
    assert hint in refused(capsys, train.main, *argv)


def test_an_image_without_a_label(capsys, tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / "src" / folder).mkdir(parents=True)
        for name in "abc":
            path = tmp_path / "src" / folder / f"{name}.png"
            cv2.imwrite(str(path), np.zeros((8, 8, 3 if folder == "images" else 1)))
    (tmp_path / "src" / "masks" / "b.png").unlink()
    line = refused(capsys, prepare.main, "folder", tmp_path / "src", tmp_path / "out")
    assert "b.png" in line
    assert not (tmp_path / "out").exists()


def test_predict_says_what_is_missing(capsys, tmp_path):
    argv = ["--run", str(tmp_path), "--out", str(tmp_path / "out")]
    assert "nothing.png does not exist" in refused(
        capsys, predict.main, tmp_path / "nothing.png", *argv
    )
    (tmp_path / "empty").mkdir()
    assert "holds no pictures" in refused(
        capsys, predict.main, tmp_path / "empty", *argv
    )
    (tmp_path / "a.png").write_bytes(b"x")
    assert "No network at" in refused(capsys, predict.main, tmp_path / "a.png", *argv)


@pytest.mark.parametrize("main", [evaluate.main, export.main])
def test_a_folder_that_is_no_run(capsys, tmp_path, main):
    assert "is not a run folder" in refused(capsys, main, tmp_path)


def commands() -> list[str]:
    """The modules of kerasseg that `python -m` runs: those with a function `main`."""
    root = Path(kerasseg.__file__).parent
    files = [*root.glob("*.py"), *root.rglob("*/__main__.py")]
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in files}
    return sorted(
        ".".join(["kerasseg", *file.relative_to(root).with_suffix("").parts])
        for file, tree in trees.items()
        if file != root / "__main__.py"
        and "main" in {getattr(node, "name", "") for node in tree.body}
    )


def test_the_list_of_commands_holds_them_all():
    listed = [f"kerasseg.{n}" + ".__main__" * (n in PACKAGES) for n in COMMANDS]
    assert sorted(listed) == commands()
    assert set(ALIASES.values()) <= set(COMMANDS)
    assert not set(ALIASES) & set(COMMANDS)


@pytest.mark.parametrize("module", commands())
def test_every_command_has_a_guard(module):
    assert hasattr(importlib.import_module(module).main, "__wrapped__")


def test_another_name_of_a_command(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.argv", ["kerasseg", "rebalance", str(tmp_path)])
    with pytest.raises(SystemExit) as left:
        importlib.import_module("kerasseg.__main__").main()
    assert left.value.code == 2
    assert "kerasseg adjust: error: " in capsys.readouterr().err


def test_an_unknown_command(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["kerasseg", "trian"])
    with pytest.raises(SystemExit) as left:
        importlib.import_module("kerasseg.__main__").main()
    assert left.value.code == 2
    assert "unknown 'trian'. Known: prepare" in capsys.readouterr().err
