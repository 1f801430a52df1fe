"""log.csv and health.json that a kill or a damage took come back from the state."""

import types

from kerasseg.fit import callbacks, health
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
