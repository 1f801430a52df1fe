"""docs/notebook.ipynb does what it says: its cells run one after the other."""

import json
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / "docs" / "notebook.ipynb"


@pytest.fixture(scope="module")
def cells():
    return json.loads(FILE.read_text(encoding="utf-8"))["cells"]


def test_it_is_kept_without_outputs(cells):
    for cell in cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None


@pytest.mark.processes  # half a minute of two cores: a training and an export
def test_the_whole_day(cells, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict = {"__name__": "notebook"}
    for number, cell in enumerate(cells):
        if cell["cell_type"] == "code":
            text = "".join(cell["source"])
            exec(compile(text, f"cell {number}", "exec"), names)
    said = capsys.readouterr().out
    assert "LiteRT int8" in said and "('ground', 'cell') same answers" in said
    assert all(row["passed"] for row in names["rows"])
    assert names["scores"]["miou"] > 0.8
    assert names["found"].shape == (90, 130)
    assert (names["on_device"] == names["found"]).mean() > 0.95
    assert {path.name for path in tmp_path.iterdir()} == {"notebook"}
