"""The networks that come with the sources, as they lie in saved_models."""

import hashlib
import importlib.util
import itertools
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from kerasseg import metrics, predict, runs
from kerasseg.data import records
from kerasseg.data.datasets import camvid
from kerasseg.data.synthetic import scene
from kerasseg.inference import class_maps, litert
from kerasseg.runs.scores import evaluate

FAST = runs.named("road_scene_fast")
SIZES = {runs.SHIPPED: (432, 576), FAST: (256, 336)}
FILE = runs.SHIPPED / "export" / "model_int8.tflite"
SEEN = 0.95
"""Share of pixels on which a file and its network agree on a scene they never saw."""


@pytest.fixture(scope="module", params=SIZES, ids=lambda folder: folder.name)
def folder(request):
    return request.param


@pytest.fixture(scope="module")
def network(folder):
    return runs.load(folder)


def test_size(folder, network):
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 30e6
    assert network.count_params() <= 5_000_000
    assert class_maps.network_size(network) == SIZES[folder]


def test_the_scores_are_of_this_network(folder):
    rows = json.loads((folder / "export" / "gate.json").read_text())
    file = folder / "network.keras"
    assert rows[0]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    by_format = {row["format"]: row for row in rows}
    metrics = json.loads((folder / "metrics.json").read_text())
    # The gate's labels are of the network's size, those of the metrics as recorded.
    near = 1e-3 if folder == FAST else 3e-3  # shrunk labels, enlarged ones
    assert metrics["miou"] == pytest.approx(rows[0]["miou"], abs=near)
    assert by_format["int8"]["passed"]
    assert 100 * (rows[0]["miou"] - by_format["int8"]["miou"]) <= 0.5
    model = litert.Model(folder / "export" / "model_int8.tflite")
    assert model.taxonomy == runs.taxonomy(folder)


def test_nothing_names_where_it_was_made(folder):
    for file in folder.rglob("*"):
        if file.suffix in (".toml", ".json", ".md", ".csv"):
            assert '"/' not in file.read_text()  # no absolute path


def test_int8_agrees_on_a_scene_it_never_saw(folder, network):
    image = scene(0, 5, 360, 480).image
    ours = class_maps.segmenter(network)(image)
    theirs = litert.Model(folder / "export" / "model_int8.tflite").segment(image)
    assert (ours == theirs).mean() > SEEN


@pytest.mark.parametrize("tensorflow", [True, False])
@pytest.mark.processes
def test_predict_with_no_run_uses_it(tensorflow, tmp_path, monkeypatch, capsys):
    image = scene(0, 5, 200, 300).image
    cv2.imwrite(str(tmp_path / "a.png"), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if not tensorflow:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    predict.main([str(tmp_path / "a.png"), "--out", str(tmp_path / "out")])
    used = runs.SHIPPED if tensorflow else FILE
    assert f"Network: {used}" in capsys.readouterr().out
    label = cv2.imread(str(tmp_path / "out" / "a_label.png"), cv2.IMREAD_UNCHANGED)
    assert label.shape[:2] == (200, 300)


@pytest.mark.parametrize(
    ("flag", "file"), [("--run", ""), ("--litert", "export/model_int8.tflite")]
)
@pytest.mark.processes
def test_predict_knows_it_by_name(flag, file, tmp_path, monkeypatch, capsys):
    """From anywhere, and with any network that comes along."""
    image = scene(0, 5, 200, 300).image
    cv2.imwrite(str(tmp_path / "a.png"), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    monkeypatch.chdir(tmp_path)
    for name, given in ("by_name", FAST.name), ("by_path", str(FAST / file)):
        predict.main(["a.png", flag, given, "--out", name])
    found = [Path(name, "a_label.png") for name in ("by_name", "by_path")]
    assert found[0].read_bytes() == found[1].read_bytes()
    with pytest.raises(SystemExit):
        predict.main(["a.png", flag, "road_scene_slow", "--out", "none"])
    assert "road_scene_slow" in capsys.readouterr().err


camvid_is_there = pytest.mark.skipif(
    "KERASSEG_DATA" not in os.environ, reason="needs CamVid: set KERASSEG_DATA"
)


@camvid_is_there
def test_nine_validation_images_score_as_is_written(folder, network):
    """Every twelfth image: not the written scores, but near them."""
    _, splits = camvid.load(Path(os.environ["KERASSEG_DATA"]) / "camvid")
    segment = class_maps.segmenter(network)
    matrix = np.zeros((11, 11), np.int64)
    for sample in itertools.islice(splits["val"], 0, None, 12):
        matrix += metrics.count(sample.label, segment(sample.image), 11)
    found = metrics.scores(matrix)
    written = json.loads((folder / "metrics.json").read_text())
    assert found["miou"] == pytest.approx(written["miou"], abs=0.03)
    assert found["pixel_accuracy"] == pytest.approx(written["pixel_accuracy"], abs=0.01)


@camvid_is_there
@pytest.mark.processes
def test_validation_miou_is_the_written_one(folder, tmp_path):
    taxonomy, splits = camvid.load(Path(os.environ["KERASSEG_DATA"]) / "camvid")
    val = {"val": splits["val"]}
    records.write_splits(val, tmp_path / "records", taxonomy=taxonomy, progress=False)
    out = tmp_path / "scores"
    found = evaluate(folder, tmp_path / "records", "val", out)
    written = json.loads((folder / "metrics.json").read_text())
    np.testing.assert_allclose(found["miou"], written["miou"], atol=1e-4)
