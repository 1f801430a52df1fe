"""`train FOLDER`: words become a recipe, and what is there already is used again."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from kerasseg import UserError, config
from kerasseg.plan import budget, folder, machine, planning
from kerasseg.plan.machine import Cost

COCO = {
    "images": [{"id": 1, "file_name": "a.png", "height": 8, "width": 8}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, 4, 0, 4, 4]]}
    ],
    "categories": [{"id": 1, "name": "corner"}],
}


@pytest.fixture
def measured(monkeypatch):
    """No process is started: a step takes half a second."""
    tried = []

    def cost(settings):
        tried.append(settings)
        return settings, Cost(ready=20, traced=10, step=0.5, image=0.1)

    monkeypatch.setattr(machine, "measured", cost)
    return tried


@pytest.fixture
def beside(shared_records, tmp_path):
    """Records that may get facts in them and a plan beside them."""
    return shutil.copytree(shared_records, tmp_path / "mine")


def test_records_get_a_recipe_once(beside, measured, monkeypatch, capsys):
    monkeypatch.setattr(folder, "_look_through", lambda *_: None)
    words = folder.recipe_of([str(beside), "--minutes", "10", "--fit.epochs", "3"])
    recipe = str(beside.with_name("mine.plan.toml"))
    assert words == [recipe, "--name", "mine", "--fit.epochs", "3"]
    settings = config.parse([recipe])
    config.check(settings)
    assert settings.data.records == str(beside)
    assert settings.formats == ("saved_model", "float32", "int8")
    page = beside.with_name("mine.plan.md").read_text()
    assert "| network | ladder_efficientnet_lite0 |" in page
    assert folder.recipe_of([str(beside), "--minutes=10"])[0] == recipe
    assert "Plan of before" in capsys.readouterr().out
    assert len(measured) == 1
    folder.recipe_of([str(beside), "--minutes=5"])  # another budget, another plan
    assert len(measured) == 2


def test_layers_stay_in_the_network_of_the_plan_alone(
    beside, measured, monkeypatch, capsys
):
    monkeypatch.setattr(folder, "_look_through", lambda *_: None)

    def freeze(*words):
        return config.parse(folder.recipe_of([str(beside), *words])).fit.freeze

    assert freeze() == freeze("--fit.epochs", "3") == 8
    assert measured[0].fit.freeze == 8  # what the trial step is of
    assert "Another network" not in capsys.readouterr().out
    assert freeze("--model.name", "unet_fast") == 0
    assert "all of its layers train (--fit.freeze 0)" in capsys.readouterr().out
    assert freeze("--model.options", "weights=none") == 0
    assert freeze("--model.name", "deeplab_v3plus_resnet50", "--fit.freeze=4") == 4
    assert freeze("--minutes", "60") == freeze("--minutes=60", "--model.name=x") == 0


@pytest.mark.parametrize("minutes", [3, 15, 60, 300])
def test_the_budget_is_planned_for(beside, measured, minutes):
    plan = planning.planned(beside, minutes)
    whole = plan.cost.ready + plan.cost.traced + plan.after
    epochs = plan.settings.fit.epochs
    whole += epochs * plan.epoch
    assert whole <= 60 * minutes
    assert whole > 0.85 * 60 * minutes or epochs == budget.MOST_EPOCHS


def test_folds_share_the_budget_and_files_that_nobody_wants_cost_nothing(
    beside, measured, monkeypatch
):
    one, files = (
        planning.planned(beside, 10, export=False),
        planning.planned(beside, 10),
    )
    folds = planning.planned(beside, 10, folds=5, export=False)
    steps = [p.settings.fit.epochs * p.settings.fit.steps for p in (folds, files, one)]
    assert 0 < steps[0] < steps[1] / 3 < steps[2] / 3
    whole = 5 * (
        folds.cost.ready + folds.cost.traced + folds.settings.fit.epochs * folds.epoch
    )
    assert 0.85 * 600 < whole + folds.after <= 600
    assert folds.settings.fit.folds == 5 and not folds.settings.adjust
    monkeypatch.setattr(folder, "_look_through", lambda *_: None)
    recipe, *_ = folder.recipe_of([str(beside), "--fit.folds", "5", "--no-export"])
    head = Path(recipe).read_text().partition("\n")[0]
    assert head.startswith("# 15 minutes; 5 folds; no files; facts")
    config.check(config.parse([recipe]))


def test_wrong_words_are_told_before_anything_is_prepared(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "_records_of", pytest.fail)
    with pytest.raises(SystemExit):
        folder.recipe_of([str(tmp_path), "--fit.epoch", "3"])
    with pytest.raises(UserError, match=r"--fit\.epochs must be"):
        folder.recipe_of([str(tmp_path), "--fit.epochs", "0"])


def test_flags_of_prepare_go_to_it(tmp_path, monkeypatch, measured):
    """Those of the adapter that the folder is for, too; what neither knows is wrong."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/annotations.json").write_text(json.dumps(COCO))
    cv2.imwrite(str(tmp_path / "mine/a.png"), np.zeros((8, 8, 3), np.uint8))
    asked = []
    monkeypatch.setattr(folder, "_run", lambda *words: asked.append(words))
    words = ["--binary", "--fit.epochs", "3", "--val-share=0.3", "--size", "64", "96"]
    words += ["--boxes", "object", "--no-export", "--ignore-colour", "1", "2", "3"]
    with pytest.raises(UserError):  # no records were written
        folder.recipe_of(["mine", *words])
    (made,) = asked
    assert made[:4] == ("prepare", "auto", "mine", "records/mine")
    assert " ".join(made[4:]) == (
        "--need-val --binary --val-share=0.3 --size 64 96 --boxes object "
        "--ignore-colour 1 2 3"
    )
    with pytest.raises(SystemExit):
        folder.recipe_of(["mine", "--epochs", "3"])
    assert len(asked) == 1


def test_records_take_no_flags_of_prepare(beside):
    with pytest.raises(UserError, match=r"holds records, and --binary is for the raw"):
        folder.recipe_of([str(beside), "--binary"])


def test_a_wrong_flag_beside_records_is_told_as_such(beside, capsys):
    with pytest.raises(SystemExit):
        folder.recipe_of([str(beside), "--epochs", "3"])
    assert "--epochs" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "ten"])
def test_a_wrong_budget(beside, text):
    with pytest.raises(UserError, match=f"--minutes must be a number above 0.*{text}"):
        folder.recipe_of([str(beside), "--minutes", text])


def test_a_run_is_no_data(tmp_path):
    (tmp_path / "config.toml").touch()
    with pytest.raises(UserError, match=r"is a run.*config\.toml"):
        folder.recipe_of([str(tmp_path)])


def test_records_of_something_else_stay(tmp_path, monkeypatch, shared_records):
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "pictures"
    source.mkdir()
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "pictures").symlink_to(shared_records)
    with pytest.raises(UserError, match="holds records of something else"):
        folder.recipe_of([str(source)])


@pytest.mark.parametrize(
    ("code", "said", "memory"),
    [
        (1, "MemoryError: std::bad_alloc", True),
        (-9, "", True),
        (1, "ResourceExhaustedError: OOM", True),
        (2, "kerasseg train: error: no such split", False),
    ],
)
def test_less_memory_works_through_a_batch_in_parts(monkeypatch, code, said, memory):
    tried = []

    def run(line, **_):
        settings = config.parse([line[3]])
        tried.append(settings.fit.accumulate)
        if settings.fit.accumulate < 4:
            return type("Done", (), {"returncode": code, "stderr": said})
        Path(line[4]).write_text('{"ready": 1, "traced": 1, "step": 2, "image": 3}')
        return type("Done", (), {"returncode": 0, "stderr": ""})

    monkeypatch.setattr(machine.subprocess, "run", run)
    if not memory:
        with pytest.raises(UserError, match="no such split"):
            machine.measured(config.Config())
        return
    settings, cost = machine.measured(config.Config())
    assert (settings.fit.accumulate, cost.step, tried) == (4, 2, [1, 2, 4])
