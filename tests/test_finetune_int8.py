"""The command: a new run of stock layers whose int8 file loses less."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import walk

from kerasseg import config, finetune_int8, models, runs
from kerasseg.data.synthetic import TAXONOMY


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run as training leaves it, without the training."""
    folder = tmp_path_factory.mktemp("finetune")
    records, run = walk.records(folder / "records"), folder / "net-1"
    run.mkdir()
    options = ("filters=4", "depth=1", "batch_norm=true")
    words = ["--data.records", str(records), "--model.name", "unet", "--data.crop"]
    words += ["16", "32", "--model.options", *options]
    (run / "config.toml").write_text(config.to_toml(config.parse(words)))
    (run / "taxonomy.json").write_text(json.dumps(TAXONOMY.to_json()))
    keras.utils.set_random_seed(0)
    network = models.build("unet", 11, (32, 48, 3), **config.options(options, ""))
    network.save(run / "network.keras")
    return run


OPEN = """
import sys
sys.modules["kerasseg"] = None  # importing it now fails
import keras, numpy
network = keras.saving.load_model(sys.argv[1])
print(network(numpy.zeros((1, 32, 48, 3), "float32"), training=False).shape)
"""


def test_it_leaves_a_run_like_any_other(run, capsys):
    before = runs.load(run).get_weights()
    finetune_int8.main([str(run), "--limit", "100", "--calibration", "4"])
    new = run.parent / "net-1-int8-1"
    assert f"{new}: network" in capsys.readouterr().out
    after = runs.load(new).get_weights()
    assert any((a != b).any() for a, b in zip(before, after, strict=True))
    for a, b in zip(before, runs.load(run).get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (new / "export" / "model_int8.tflite").is_file()
    assert (new / "int8_ranges.json").is_file()
    assert (new / "report.html").is_file()
    assert len((new / "log.csv").read_text().splitlines()) == 2
    assert runs.settings(new).data.records == runs.settings(run).data.records
    opened = subprocess.run(
        [sys.executable, "-c", OPEN, str(new / "network.keras")],
        capture_output=True,
        text=True,
    )
    assert "(1, 32, 48, 11)" in opened.stdout, opened.stderr[-2000:]


def test_a_limit_that_is_not_kept_leaves_with_3(run, monkeypatch):
    monkeypatch.setattr(finetune_int8, "finetune", lambda *_: False)
    with pytest.raises(SystemExit) as left:
        finetune_int8.main([str(run)])
    assert left.value.code == 3


def test_wrong_settings_are_refused(run, capsys):
    with pytest.raises(SystemExit) as left:
        finetune_int8.main([str(run), "--rate", "0"])
    assert left.value.code == 2
    assert "--rate must be above 0, got 0.0" in capsys.readouterr().err
