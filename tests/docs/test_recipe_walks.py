"""The commands in a recipe's head, run as they stand on a miniature of its data.

Sizes are those of the miniature, weights random, and the training has few steps.
"""

import shlex
from pathlib import Path

import miniatures
import pytest

from kerasseg import config

ROOT = Path(__file__).parents[2]
SETS = ["ade20k", "apolloscape", "bdd100k", "carvana", "cityscapes", "coco_stuff"]
SETS += ["dstl", "kitti", "mapillary", "voc", "water"]
RECIPES = [p for s in SETS for p in sorted((ROOT / "pipelines" / s).glob("*.toml"))]
PREPARE = "#   python -m kerasseg.prepare "
QUICK = "water"
"""The one whose walk takes seconds; DeepLab's networks take a minute each."""


def commands(recipe: Path) -> list[list[str]]:
    """The words after `kerasseg.prepare` of each such line of the head."""
    lines = recipe.read_text(encoding="utf-8").splitlines()
    found = [line.removeprefix(PREPARE) for line in lines if line.startswith(PREPARE)]
    return [shlex.split(line) for line in found]


def small(words: list[str]) -> list[str]:
    """With the miniature's size after --size and --cut."""
    words = list(words)
    for flag in "--size", "--cut":
        if flag in words:
            at = words.index(flag)
            words[at + 1 : at + 3] = map(str, miniatures.SIZE)
    return words


def test_every_set_of_the_article_has_a_recipe():
    assert {path.parent.name for path in RECIPES} == set(SETS)


@pytest.mark.parametrize(
    "recipe",
    [
        pytest.param(
            path,
            id=path.parent.name,
            marks=pytest.mark.processes
            if path.parent.name == QUICK
            else pytest.mark.slow,
        )
        for path in RECIPES
    ],
)
def test_prepare_train_evaluate(recipe, tmp_path, monkeypatch, capsys):
    from kerasseg import evaluate, prepare, train

    monkeypatch.chdir(tmp_path)
    prepared = commands(recipe)
    name, source = prepared[0][:2]
    getattr(miniatures, name)(tmp_path / source)
    for words in prepared:
        prepare.main(small(words))
    settings = config.parse([str(recipe)])
    assert Path(settings.data.records).is_dir(), "the head prepares other records"
    height, width = map(str, miniatures.SIZE)
    words = ["--data.size", height, width, "--data.crop", "64", "64"]
    words += ["--data.batch", "2", "--fit.epochs", "1", "--export", "False"]
    words += ["--model.start", "", "--model.options", *settings.model.options]
    train.main([str(recipe), *words, "weights=none"])
    (run,) = Path("saved_models").iterdir()
    capsys.readouterr()
    evaluate.main([str(run)])
    assert "mIoU" in capsys.readouterr().out
