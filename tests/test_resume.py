"""A run that is killed goes on, and ends where it would have ended.

tests/fit/test_state.py shows the same of a training in one process.
"""

import errno
import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
import volume_runs
import walk

from kerasseg import config, runs, train
from kerasseg.fit import health
from kerasseg.image_format import RGB
from kerasseg.runs.log import read_log
from kerasseg.taxonomy import Taxonomy

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


def flat(records, _):
    return records, {"fit__accumulate": 2, "fit__remat": True, "fit__statistics": 192}


def volumes(_, folder):
    """Patches of volumes drawn around their classes, with deep supervision."""
    records = volume_runs.records(folder, train=10)
    sides = {"data__size": "8 16 16", "data__crop": "8 8 8"}
    model = {"model__name": "unet_3d", "model__options": "filters=4 depth=2"}
    return records, sides | model | {"fit__deep_supervision": True}


@pytest.mark.processes
@pytest.mark.parametrize("kind", [flat, volumes])
def test_killed_and_gone_on_is_never_killed_bit_for_bit(kind, shared_records, tmp_path):
    # 10 samples, batches of 2: 5 steps an epoch; saved at 3 and 6, killed after 8.
    settings = {"fit__epochs": 3, "data__batch": 2, "fit__save_every": 3}
    settings |= {"fit__deterministic": True, "export": False, "fit__ema": 0.9}
    records, own = kind(shared_records, tmp_path / "records")
    settings |= own
    flags = walk.flags(records, tmp_path / "killed", **settings)
    assert run(KILLED.format(step=8, flags=flags)) == -signal.SIGKILL
    whole = walk.flags(records, tmp_path / "whole", **settings)
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


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="others score in another process",
)
def test_what_comes_after_the_training_is_resumed_too(tmp_path, monkeypatch):
    """The disk is full while the network is exported: nothing is scored again. The
    whole command is killed there by `benchmarks/chaos.py`."""
    done = []

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    runs.describe(tmp_path, Taxonomy.numbered(2), RGB)
    (tmp_path / runs.STATE).touch()
    settings = config.parse(["--data.records", "nowhere"])
    monkeypatch.setattr("kerasseg.runs.scores.evaluate", lambda *_: done.append(1))
    monkeypatch.setattr("kerasseg.runs.score_table.table", lambda *_: "")
    monkeypatch.setattr("kerasseg.runs.report.write", lambda _: done.append(3))
    monkeypatch.setattr("kerasseg.export.run.export", full)
    with pytest.raises(OSError, match="No space"):
        train.finish(tmp_path, "nowhere", settings)
    assert done == [1]
    assert (tmp_path / runs.STATE).exists()

    monkeypatch.setattr("kerasseg.export.run.export", lambda *_: done.append(2))
    train.finish(tmp_path, "nowhere", settings)
    assert done == [1, 2, 3]
    assert not {"done.json", runs.STATE} & {file.name for file in tmp_path.iterdir()}
