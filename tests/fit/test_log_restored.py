"""log.csv and health.json that a kill or a damage took come back from the state."""

import types

from kerasseg.fit import callbacks, health, hooks
from kerasseg.runs.log import read_log


def test_rows_of_the_state_come_before_those_of_the_file(tmp_path):
    file = tmp_path / "log.csv"
    rows = [{"epoch": epoch, "val_miou": 1 / (3 + epoch)} for epoch in range(3)]
    whole = callbacks.Log(file, tmp_path, 3, rows=rows)
    whole.write()
    before = file.read_bytes()
    file.write_text("epoch\nnonsense\n")
    callbacks.Log(file, tmp_path, 3, rows=rows).write()
    assert file.read_bytes() == before
    callbacks.Log(file, tmp_path, 2, rows=rows).write()
    assert [row["epoch"] for row in read_log(file)] == ["0", "1"]


def test_a_log_without_rows_is_not_written(tmp_path):
    callbacks.Log(tmp_path / "log.csv", tmp_path, 0).write()
    judge = types.SimpleNamespace()
    health.Health(tmp_path / "health.json", ["a"], judge, 1, 0.0, 0, []).write()
    assert not list(tmp_path.iterdir())


def test_the_best_score_is_that_of_the_state(tmp_path):
    (tmp_path / "log.csv").write_text("epoch,val_mioU\n0,0.9\n")
    assert hooks.best_score(tmp_path, {"best": 0.5}, 1) == 0.5
    (tmp_path / "log.csv").write_text("epoch,val_miou\n0,0.25\n1,0.75\n")
    assert hooks.best_score(tmp_path, {}, 1) == 0.25
    assert hooks.best_score(tmp_path / "none", {}, 0) == -1
