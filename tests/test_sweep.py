"""pipelines/sweep: a search over a recipe that goes on where it was stopped."""

import importlib.util
import sys
import tomllib
from pathlib import Path

import pytest
import walk

from kerasseg import UserError, config

optuna = pytest.importorskip("optuna")
ROOT = Path(__file__).parents[1]
FILE = ROOT / "pipelines" / "sweep" / "sweep.py"

TRAINING = """
import sys
from pathlib import Path

words = sys.argv[1:]
given = {flag: words[i + 1] for i, flag in enumerate(words) if flag.startswith("--")}
rate = float(given["--fit.learning_rate"])
if rate < 0.001:
    sys.exit("kerasseg train: error: NaN")
run = Path(given["--out"], given["--name"] + "-1")
run.mkdir()
rows = [f"{i},{rate * 100 * (i + 1)}" for i in range(2)]
(run / "log.csv").write_text("\\n".join(["epoch,val_miou", *rows]))
"""
"""Stands in for a training: the higher the rate the better, and low ones fail."""


@pytest.fixture(scope="module")
def sweep():
    spec = importlib.util.spec_from_file_location("sweep", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["sweep"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["sweep"]


@pytest.fixture
def recipe(tmp_path, monkeypatch, sweep):
    """A recipe, a space of one rate, and trainings that take a moment."""
    monkeypatch.chdir(tmp_path)
    settings = config.parse(["--fit.epochs", "2"])
    Path("mine.toml").write_text(config.to_toml(settings))
    Path("space.toml").write_text("fit.learning_rate = [0.002, 0.003, 0.004]")
    Path("training.py").write_text(TRAINING)
    stand_in = str(tmp_path / "training.py")
    monkeypatch.setattr(sweep, "training", lambda w: [sys.executable, stand_in, *w])
    return ["mine.toml", "--space", "space.toml", "--name", "mine"]


@pytest.mark.processes
def test_it_goes_on_and_writes_the_best_recipe(sweep, recipe, capsys):
    sweep.main([*recipe, "--trials", "2"])
    assert capsys.readouterr().out.count(": --fit.learning_rate") == 2
    sweep.main([*recipe, "--trials", "3"])
    said = capsys.readouterr().out
    assert said.count(": --fit.learning_rate") == 1
    sweep.main([*recipe, "--trials", "3"])
    assert ": --fit.learning_rate" not in capsys.readouterr().out
    best = tomllib.loads(Path("sweep/BEST.toml").read_text())
    study = optuna.load_study(study_name="mine", storage="sqlite:///sweep.db")
    assert best["fit"]["learning_rate"] == study.best_params["fit.learning_rate"]
    assert best["fit"]["epochs"] == 2
    assert study.best_value == pytest.approx(200 * best["fit"]["learning_rate"])
    assert sorted(study.best_trial.intermediate_values) == [0, 1]


@pytest.mark.processes
def test_a_killed_trial_is_taken_up_in_its_run(sweep, recipe, capsys):
    sweep.main([*recipe, "--trials", "1"])
    study = optuna.load_study(study_name="mine", storage="sqlite:///sweep.db")
    killed = study.ask()
    killed.suggest_categorical("fit.learning_rate", [0.002, 0.003, 0.004])
    study.tell(killed, state=optuna.trial.TrialState.FAIL)
    sweep.take_up(study, study.trials[1])
    sweep.main([*recipe, "--trials", "2"])
    assert (Path("sweep") / "mine-trial-1-1").is_dir()
    assert study.trials[2].params == study.trials[1].params


@pytest.mark.processes
def test_a_failed_training_is_left_out_and_three_end_it(sweep, recipe):
    Path("space.toml").write_text("fit.learning_rate = [0.0001, 0.0002]")
    with pytest.raises(SystemExit):
        sweep.main([*recipe, "--trials", "9"])
    study = optuna.load_study(study_name="mine", storage="sqlite:///sweep.db")
    assert [trial.state.name for trial in study.trials] == ["FAIL"] * 3


def test_what_is_searched(sweep, tmp_path):
    space = sweep.SPACE | {"data.batch": {"low": 2, "high": 8, "step": 2}}
    chosen = {
        "fit.learning_rate": 0.002,
        "fit.weight_decay": 0.01,
        "fit.class_weights": "none",
        "augment.policy": "general",
        "data.batch": 4,
    }
    flags = sweep.flags_of(optuna.trial.FixedTrial(chosen), space)
    settings = config.parse(flags)
    config.check(settings)
    assert settings.fit.class_weights == ("none",)
    assert (settings.data.batch, settings.fit.learning_rate) == (4, 0.002)
    file = tmp_path / "space.toml"
    for text, said in {
        "[fit]\nrate = [1, 2]": "there is no setting fit.rate",
        "fit.epochs = 3": "must be a list of values, or have low and high",
        "fit.epochs = []": "must be a list of values",
        "": "names no setting",
        "fit = ": "is not valid TOML",
    }.items():
        file.write_text(text)
        with pytest.raises(UserError, match=said):
            sweep.space_of(str(file))
    file.write_text("[fit.learning_rate]\nlow = 1e-4\nhigh = 1e-2\nlog = true")
    assert sweep.space_of(str(file)) == {
        "fit.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}
    }


@pytest.mark.processes  # two trainings
def test_two_real_trials(sweep, shared_records, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # of the trainings
    flags = walk.flags(shared_records, tmp_path, fit__epochs=1)
    Path("mine.toml").write_text(config.to_toml(config.parse(flags)))
    Path("space.toml").write_text("fit.learning_rate = [0.001, 0.004]")
    sweep.main(["mine.toml", "--space", "space.toml", "--trials", "2"])
    assert len(list(Path("sweep").glob("*-trial-*/metrics.json"))) == 2
    assert "Written: sweep/BEST.toml" in capsys.readouterr().out
