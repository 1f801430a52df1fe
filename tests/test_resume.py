"""A run that is killed goes on, and ends where it would have ended.

tests/fit/test_state.py shows the same of a training in one process.
"""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import walk

from kerasseg import runs, train
from kerasseg.fit import health
from kerasseg.runs.log import read_log

KILLED = """
import os, signal
from kerasseg import train
from kerasseg.fit import checkpoint
saved = checkpoint.SaveCheckpoint.on_train_batch_end
def dies(self, batch, logs=None):
    saved(self, batch, logs)
    if int(self.model.optimizer.iterations) == {step}:
        os.kill(os.getpid(), signal.SIGKILL)
checkpoint.SaveCheckpoint.on_train_batch_end = dies
train.main({flags})
"""


def run(code: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"},
        check=False,
    )
    return done.returncode


@pytest.mark.processes
def test_killed_and_gone_on_is_never_killed_bit_for_bit(shared_records, tmp_path):
    # 10 samples, batches of 2: 5 steps an epoch; saved at 3 and 6, killed after 8.
    settings = {"fit__epochs": 3, "data__batch": 2, "fit__save_every": 3}
    settings |= {"fit__deterministic": True, "export": False, "fit__ema": 0.9}
    settings |= {"fit__accumulate": 2, "fit__remat": True}
    flags = walk.flags(shared_records, tmp_path / "killed", **settings)
    assert run(KILLED.format(step=8, flags=flags)) == -signal.SIGKILL
    whole = walk.flags(shared_records, tmp_path / "whole", **settings)
    both = f"from kerasseg import train; train.main({flags}); train.main({whole})"
    assert run(both) == 0

    (folder,) = (tmp_path / "killed").iterdir()
    expected = tmp_path / "whole" / folder.name
    ours, theirs = runs.load(folder), runs.load(expected)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert np.array_equal(a, b)
    rows = [read_log(path / "log.csv") for path in (folder, expected)]
    for name in ("epoch", "val_loss", "val_miou"):
        assert [row[name] for row in rows[0]] == [row[name] for row in rows[1]]
    modules = {type(layer).__module__ for layer in ours.layers}
    assert all(module.startswith("keras.") for module in modules)
    healthy = [health.read(path / "health.json") for path in (folder, expected)]
    assert [row["val_iou"] for row in healthy[0]] == [
        row["val_iou"] for row in healthy[1]
    ]


@pytest.mark.processes
def test_what_comes_after_the_training_is_resumed_too(
    shared_records, tmp_path, monkeypatch, capsys
):
    """The disk is full while the network is exported: nothing is trained, or scored,
    again. Then the records change under a run that was stopped."""
    own = shutil.copytree(shared_records, tmp_path / "records")
    flags = walk.flags(own, tmp_path / "runs", fit__epochs=1)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("kerasseg.export.run.export", full)
        with pytest.raises(SystemExit) as left:
            train.main(flags)
    assert left.value.code == 2
    assert "error: [Errno 28] No space left on device" in capsys.readouterr().err
    (folder,) = (tmp_path / "runs").iterdir()
    scored = (folder / "metrics.json").read_bytes()
    weights = (folder / "network.keras").read_bytes()

    described = json.loads((own / "dataset.json").read_text())
    described["splits"]["val"]["shards"][0]["sha256"] = "0" * 64
    good = (own / "dataset.json").read_text()
    (own / "dataset.json").write_text(json.dumps(described))
    with pytest.raises(SystemExit):
        train.main(flags)
    assert "not those that run" in capsys.readouterr().err
    (own / "dataset.json").write_text(good)

    monkeypatch.setattr("kerasseg.runs.scores.evaluate", full)  # not again
    train.main(flags)
    said = capsys.readouterr().out
    assert "Resuming" in said
    assert "Before the run was stopped: scored" in said
    assert (folder / "export" / "model.tflite").is_file()
    assert (folder / "report.html").is_file()
    assert (folder / "metrics.json").read_bytes() == scored
    assert (folder / "network.keras").read_bytes() == weights
    assert not {"done.json", runs.STATE} & {file.name for file in folder.iterdir()}
    assert runs.is_finished(folder)
