"""The head of each recipe says its command, its time and its score, in one form."""

import re
from pathlib import Path

import pytest

from kerasseg import config

ROOT = Path(__file__).parents[2]
FOUND = sorted((ROOT / "pipelines").glob("*/*.toml"))
RECIPES = [path for path in FOUND if path.name != "pyproject.toml"]  # a distribution
TIME = re.compile(r"^# Time: (not measured\.|(about )?\d+ (s|min|h)\b.*)", re.MULTILINE)
SCORE = re.compile(r"^# Score: (not measured|0\.\d{3} .*)", re.MULTILINE)


@pytest.mark.parametrize(
    "recipe", RECIPES, ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_the_head_says_command_time_and_score(recipe):
    head = recipe.read_text(encoding="utf-8").split("\n\n")[0]
    path = recipe.relative_to(ROOT).as_posix()
    assert all(line.startswith("#") for line in head.splitlines())
    assert f"#   python -m kerasseg.train {path}\n" in head
    assert "#   python -m kerasseg.prepare " in head
    assert TIME.search(head), f"{path} does not say how long it takes"
    assert SCORE.search(head), f"{path} does not say what it scores"


@pytest.mark.parametrize(
    "recipe", RECIPES, ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_every_recipe_is_read(recipe):
    config.check(config.parse([str(recipe)]))
