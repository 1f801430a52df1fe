import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from kerasseg.files import atomic


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing(tmp_path):
    path = tmp_path / "a.txt"
    atomic.write_text(path, "old")
    with pytest.raises(RuntimeError), atomic.replacing(path) as aside:
        aside.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [f.name for f in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_replaces_a_folder(tmp_path):
    path = tmp_path / "model"
    for text in ("old", "new"):
        with atomic.replacing(path) as aside:
            aside.mkdir()
            (aside / text).write_text(text)
    assert [f.name for f in path.iterdir()] == ["new"]
    assert [f.name for f in tmp_path.iterdir()] == ["model"]


def test_the_name_aside_keeps_the_suffix(tmp_path):
    with atomic.replacing(tmp_path / "network.keras") as aside:
        assert aside.suffix == ".keras"
        aside.touch()
    assert (tmp_path / "network.keras").exists()


def test_numbers_of_numpy_become_those_of_json():
    values = {
        "iou": np.array([0.25, np.nan, np.inf]),
        "miou": np.float32(0.5),
        "matrix": np.array([[1, 2], [3, 4]]),
        "pair": (np.int64(3), None, "word", True),
    }
    expected = {
        "iou": [0.25, None, None],
        "miou": 0.5,
        "matrix": [[1, 2], [3, 4]],
        "pair": [3, None, "word", True],
    }
    assert atomic.plain(values) == expected
    assert json.loads(json.dumps(atomic.plain(values), allow_nan=False)) == expected
    assert atomic.plain(2 / 3, digits=3) == 0.667


def test_two_that_replace_one_folder_at_once(tmp_path, monkeypatch):
    """One comes between the two renames of the other."""
    path, rename = tmp_path / "model", Path.rename
    path.mkdir()

    def made(text):
        with atomic.replacing(path) as aside:
            aside.mkdir()
            (aside / text).touch()

    def between(old, new):
        if new == path:
            monkeypatch.setattr(Path, "rename", rename)
            made("first")
        return rename(old, new)

    monkeypatch.setattr(Path, "rename", between)
    made("second")
    assert [f.name for f in path.iterdir()] == ["second"]
    assert [f.name for f in tmp_path.iterdir()] == ["model"]


def test_two_that_write_one_file_at_once_write_aside_of_each_other(tmp_path):
    path = tmp_path / "a.txt"
    with atomic.replacing(path) as first, atomic.replacing(path) as second:
        assert first != second and second.suffix == ".txt"
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"
    assert [f.name for f in tmp_path.iterdir()] == ["a.txt"]


def test_what_a_killed_process_of_our_number_left_is_not_in_the_way(tmp_path):
    left = tmp_path / f".{os.getpid()}.model"
    (left / "half").mkdir(parents=True)
    with atomic.replacing(tmp_path / "model") as aside:
        assert aside == left
        aside.mkdir()
    assert [f.name for f in tmp_path.rglob("*")] == ["model"]


def test_a_folder_that_cannot_be_put_there_leaves_the_old(tmp_path, monkeypatch):
    path, rename = tmp_path / "model", Path.rename
    (path / "old").mkdir(parents=True)

    def refused(old, new):
        if new == path and "old" not in old.name:
            raise PermissionError
        return rename(old, new)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(PermissionError), atomic.replacing(path) as aside:
        aside.mkdir()
    assert sorted(f.name for f in tmp_path.rglob("*")) == ["model", "old"]


def test_a_full_disk_names_the_file(tmp_path):
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match=r"No space left on device: .*a\.txt"):
        with atomic.replacing(tmp_path / "a.txt"):
            raise full
