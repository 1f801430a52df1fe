import json

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
