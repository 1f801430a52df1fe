"""--callbacks MODULE:FUNCTION: found, called, and what goes wrong in one line."""

import json

import pytest
import walk

from kerasseg import UserError, config, runs
from kerasseg.fit import checkpoint, early, own_callbacks
from kerasseg.runs.log import read_log

MODULE = """
import keras

SEEN = []


class Own(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs):
        SEEN.append((epoch, "val_miou" in logs))
        self.model.stop_training = True


def several():
    return [Own()]


def one():
    return Own()


def fails():
    return {}["key"]


def wrong():
    return ["Own"]
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module of the folder that one stands in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine_of_tests.py").write_text(MODULE)
    yield "mine_of_tests"
    import sys

    sys.modules.pop("mine_of_tests", None)


def test_functions_of_this_folder_give_callbacks(module):
    found = own_callbacks.load([f"{module}:several", f"{module}:one"])
    assert [type(one).__name__ for one in found] == ["Own", "Own"]
    assert own_callbacks.load([]) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none", "has no function 'none'"),
        ("SEEN", "has no function 'SEEN'"),
        ("fails", r"failed \(KeyError: 'key'\)"),
        ("wrong", "must give a list of keras.callbacks.Callback, it gave str"),
    ],
)
def test_what_goes_wrong_is_one_line(module, name, said):
    with pytest.raises(UserError, match=said) as error:
        own_callbacks.load([f"{module}:{name}"])
    assert "\n" not in str(error.value)


def test_it_is_judged_before_tensorflow(module):
    early.check(config.parse(["--callbacks", f"{module}:several"]))
    with pytest.raises(UserError, match="no module 'theirs_of_tests' in"):
        early.check(config.parse(["--callbacks", "theirs_of_tests:several"]))
    for text in ("mine", "mine.py", "mine:", ":f", "a b:c", "mine:f()"):
        with pytest.raises(UserError, match="--callbacks must be MODULE:FUNCTION"):
            config.check(config.parse(["--callbacks", text]))
    with pytest.raises(UserError, match="does not go with several processes"):
        own_callbacks.load([f"{module}:several"], processes=2)


@pytest.mark.processes  # trains
def test_they_see_the_scores_and_may_end_a_training(module, shared_records, tmp_path):
    ways = {"callbacks": f"{module}:several", "export": False, "fit__epochs": 3}
    run = walk.trained(shared_records, tmp_path / "runs", **ways)
    import mine_of_tests

    assert mine_of_tests.SEEN == [(0, True)]
    assert len(read_log(run / "log.csv")) == 1
    assert json.loads((run / "metrics.json").read_text())["samples"] == 5


@pytest.mark.processes  # trains
def test_a_training_that_they_ended_stays_ended(
    module, shared_records, tmp_path, monkeypatch
):
    """Killed before its scores were there."""
    from kerasseg import train

    def killed(*_):
        raise KeyboardInterrupt

    ways = {"callbacks": f"{module}:several", "export": False, "fit__epochs": 3}
    with monkeypatch.context() as once:
        once.setattr(train, "finish", killed)
        with pytest.raises(SystemExit):
            walk.trained(shared_records, tmp_path / "runs", **ways)
    (run,) = (tmp_path / "runs").iterdir()
    assert checkpoint.notes_of(run / runs.STATE)["ended"]
    train.main(walk.flags(shared_records, tmp_path / "runs", **ways))
    assert len(read_log(run / "log.csv")) == 1 and runs.is_finished(run)
