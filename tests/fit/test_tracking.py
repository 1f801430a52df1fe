"""--track: rows and files arrive once, and a run that was stopped goes on."""

import json

import pytest
import walk

from kerasseg import UserError, config
from kerasseg.fit import early
from kerasseg.fit.tracking import tracker
from kerasseg.fit.tracking.hook import TrackEpochs

SETTINGS = config.parse(["--fit.epochs", "7", "--model.options", "filters=4"])
HEAD = "epoch,loss,val_miou,gradient_norm\n"


class Kept:
    """A tracker that keeps what it is given, and can be out of reach."""

    def __init__(self):
        self.rows, self.sent, self.reached, self.ends = [], [], True, []

    def _reach(self):
        if not self.reached:
            raise ConnectionError("no\nroute")

    def begin(self, run, known, settings):
        self._reach()
        self.settings = settings
        return known or "id-1"

    def row(self, step, numbers):
        self._reach()
        self.rows.append((step, numbers))

    def files(self, files, scores):
        self._reach()
        self.sent.append(([file.name for file in files], scores))

    def end(self, finished):
        self.ends.append(finished)


@pytest.fixture
def run(tmp_path):
    (tmp_path / "log.csv").write_text(f"{HEAD}0,1.5,0.25,\n1,1.25,0.5,2\n")
    (tmp_path / "metrics.json").write_text('{"miou": 0.5, "iou": [0.5], "split": "v"}')
    (tmp_path / "report.html").write_text("<html>")
    return tmp_path


def test_each_row_is_sent_once(run):
    client = Kept()
    first = tracker.Tracker("kept", run, client)
    first.begin(SETTINGS)
    hook = TrackEpochs(first)
    hook.on_epoch_end(1)
    with (run / "log.csv").open("a") as log:
        log.write("2,1.0,0.75,1\n")
    hook.on_epoch_end(2)
    assert [step for step, _ in client.rows] == [0, 1, 2]
    assert client.rows[0][1] == {"loss": 1.5, "val_miou": 0.25}
    assert client.settings["fit.epochs"] == 7
    again = tracker.Tracker("kept", run, client)  # as after a kill
    again.begin(SETTINGS)
    again.finish()
    assert len(client.rows) == 3 and again.id == "id-1"
    assert client.sent == [
        (["metrics.json", "log.csv", "report.html"], {"best/miou": 0.5})
    ]
    other = tracker.Tracker("another", run, Kept())
    assert (other.id, other.sent) == ("", 0)
    (run / tracker.FILE).write_text("{")
    assert tracker.Tracker("kept", run, Kept()).sent == 0


def test_out_of_reach_does_not_stop_a_training(run, capsys):
    client = Kept()
    made = tracker.Tracker("kept", run, client)
    client.reached = False
    with pytest.raises(UserError, match=r"--track kept failed \(ConnectionError: no r"):
        made.begin(SETTINGS)
    client.reached = True
    made.begin(SETTINGS)
    with (run / "log.csv").open("a") as log:
        log.write("2,1.0,0.75,1\n")
    client.reached = False
    made.rows()
    assert "The training goes on" in capsys.readouterr().out
    with pytest.raises(UserError, match="The run is trained and scored"):
        made.finish()
    client.reached = True
    made.rows()
    assert [step for step, _ in client.rows] == [0, 1, 2]


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(tracker, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"pip install 'kerasseg\[wandb\]'"):
        early.check(config.parse(["--track", "wandb"]))


@pytest.fixture
def store(tmp_path_factory, monkeypatch):
    """MLflow's store of plain files."""
    pytest.importorskip("mlflow")
    place = tmp_path_factory.mktemp("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", place.as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return place


@pytest.mark.processes  # loads MLflow
def test_mlflow(run, store):
    from mlflow import MlflowClient

    from kerasseg.fit.tracking.on_mlflow import Client

    made = tracker.Tracker("mlflow", run, Client())
    made.begin(SETTINGS)
    made.end(finished=False)
    known = MlflowClient().get_run(made.id)
    assert (known.info.status, known.info.run_name) == ("KILLED", run.name)
    assert known.data.params["model.options"] == "('filters=4',)"
    assert len(known.data.params) > 60
    again = tracker.Tracker("mlflow", run, Client())
    again.begin(SETTINGS)
    assert again.id == made.id
    again.finish()
    again.end(finished=True)
    known = MlflowClient().get_run(made.id)
    assert known.info.status == "FINISHED"
    assert known.data.metrics["best/miou"] == 0.5
    history = MlflowClient().get_metric_history(made.id, "val_miou")
    assert [(one.step, one.value) for one in history] == [(0, 0.25), (1, 0.5)]
    names = {one.path for one in MlflowClient().list_artifacts(made.id)}
    assert names == {"metrics.json", "log.csv", "report.html"}


@pytest.mark.processes  # starts W&B's own process
def test_wandb_offline(run, tmp_path_factory, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.chdir(tmp_path_factory.mktemp("wandb"))
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    from kerasseg.fit.tracking.on_wandb import Client

    made = tracker.Tracker("wandb", run, Client())
    made.begin(SETTINGS)
    made.end(finished=False)
    again = tracker.Tracker("wandb", run, Client())
    again.begin(SETTINGS)
    again.finish()
    again.end(finished=True)
    assert again.id == made.id
    from pathlib import Path

    files = list(Path("wandb").glob(f"offline-run-*-{made.id}/run-{made.id}.wandb"))
    # Each start writes its own file under the one id; the second has the scores.
    assert any(b"val_miou" in one.read_bytes() for one in files)


@pytest.mark.processes  # trains
def test_a_training_is_tracked(shared_records, tmp_path, store):
    from mlflow import MlflowClient

    ways = {"track": "mlflow", "export": False, "fit__epochs": 1}
    run = walk.trained(shared_records, tmp_path / "runs", **ways)
    known = MlflowClient().get_run(json.loads((run / tracker.FILE).read_text())["id"])
    assert known.info.status == "FINISHED"
    scores = json.loads((run / "metrics.json").read_text())
    assert known.data.metrics["best/miou"] == scores["miou"]
    assert known.data.metrics["val_miou"] == pytest.approx(scores["miou"], abs=1e-5)
