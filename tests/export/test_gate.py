"""The gate by hand, and the command around it."""

import functools
import json
import shutil

import keras
import numpy as np
import pytest
import walk

from kerasseg import runs
from kerasseg.export import __main__ as export
from kerasseg.export import card, gate, latency
from kerasseg.export import run as exporting
from kerasseg.export.formats import ARTEFACTS, Limits, missing
from kerasseg.export.litert import conversion
from kerasseg.inference import litert


@pytest.mark.parametrize(
    ("name", "agreement", "lost", "passed"),
    [
        ("saved_model", 0.9999, 0.5, True),
        ("float32", 0.99989, 0.0, False),
        ("float16", 0.5, 0.001, True),
        ("float16", 1.0, 0.0011, False),
        ("int8", 0.5, 0.01, True),
        ("int8", 0.5, -0.2, True),
        ("int8", 1.0, 0.0101, False),
        ("mediapipe", 1.0, 0.0101, False),
        ("onnx", 0.99989, 0.0, False),
        ("openvino", 0.9999, 0.5, True),
    ],
)
def test_default_limits(name, agreement, lost, passed):
    assert Limits().of(name, agreement, lost)[1] is passed


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run as training leaves it, without the training."""
    folder = tmp_path_factory.mktemp("gate")
    records = walk.records(folder / "records")
    run = folder / "run-1"
    run.mkdir()
    from kerasseg import config, models
    from kerasseg.data.synthetic import TAXONOMY

    keras.utils.set_random_seed(0)
    network = models.build("unet_small", 11, (32, 48, 3), filters=4, depth=2)
    network.save(run / "network.keras")
    settings = config.parse(["--data.records", str(records)])
    (run / "config.toml").write_text(config.to_toml(settings))
    (run / "taxonomy.json").write_text(json.dumps(TAXONOMY.to_json()))
    return run


def batches(count=4):
    rng = np.random.default_rng(0)
    import tensorflow as tf

    image = rng.integers(0, 256, (count, 32, 48, 3), np.uint8)
    label = rng.integers(0, 11, (count, 32, 48), np.uint8)
    return [{"image": tf.constant(image), "label": tf.constant(label)}]


def test_a_wrong_artefact_is_found_and_its_worst_image_named(
    run, tmp_path, monkeypatch
):
    """One image of four gets another class everywhere: agreement is 3/4 or more."""
    network = runs.load(run)
    file = conversion.write(network, tmp_path / "model.tflite")
    seen = []

    def spoiled(self, image):
        ids = self._run("class_map", image)
        seen.append(1)
        return (ids + 1) % 11 if len(seen) == 3 else ids

    monkeypatch.setattr(litert.Model, "class_map", spoiled)
    _, row = gate.check(network, {"float32": file}, batches())
    assert row["agreement"] == pytest.approx(0.75, abs=1e-3)
    assert row["worst"] == {"image": 2, "agreement": 0.0}
    assert not row["passed"]
    assert row["rule"] == "agreement >= 99.99 %"
    assert len(row["iou"]) == 11
    assert "FAILED" in gate.table([_, row])


def test_a_split_without_labels_is_refused(run):
    (batch,) = batches()
    batch["label"] = batch["label"] * 0 + 255
    with pytest.raises(ValueError, match="no labelled pixel"):
        gate.check(runs.load(run), {}, [batch])


def test_export_scores_every_format_and_writes_a_card(run, capsys, monkeypatch):
    brief = functools.partial(latency.measure, seconds=0)
    monkeypatch.setattr(latency, "measure", brief)
    everything = [name for name in ARTEFACTS if not missing(name)]
    limits = ["--limits.float16", "100", "--limits.int8", "100"]  # of random weights
    export.main([str(run), "--formats", *everything, *limits])
    assert "MediaPipe int8" in capsys.readouterr().out
    rows = json.loads((run / "export" / "gate.json").read_text())
    assert [row["format"] for row in rows] == ["network", *everything]
    assert all(row["passed"] for row in rows)
    assert rows[1]["worst"]["id"].startswith("synthetic_")
    for row in rows[1:]:
        assert (run / "export" / row["file"]).exists()
    words = (run / "export" / "card.md").read_text()
    for part in ("model_int8.tflite", "CONV_2D", "```kotlin", "synthetic", "Pole"):
        assert part in words
    page = (run / "export" / "card.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert not [p for p in (run / "export").iterdir() if p.name.startswith(".")]


def test_a_broken_limit_sets_aside_and_exits_with_3(run, tmp_path, capsys):
    run = shutil.copytree(run, tmp_path / "run-1")
    with pytest.raises(SystemExit) as left:
        export.main([str(run), "--formats", "int8", "--limits.int8", "-100"])
    assert left.value.code == 3
    shown = capsys.readouterr()
    assert "LiteRT int8 broke its limit: mIoU loss <= -100 points" in shown.err
    assert "culprit is most likely" in shown.out
    folder = run / "export"
    assert (folder / "rejected" / "model_int8.tflite").is_file()
    assert not (folder / "model_int8.tflite").exists()
    errors = json.loads((folder / "rejected" / "layer_errors.json").read_text())
    assert errors[0]["error"] >= errors[-1]["error"]
    assert "REJECTED" in (folder / "card.md").read_text()


def test_calibration_images_are_those_of_validation_reading(run):
    from kerasseg.data import records as shards
    from kerasseg.data.resize import resize_image

    records = runs.settings(run).data.records
    images = exporting.calibration_images(records, "train", (24, 40), 99)
    assert len(images) == 10  # no more than there are
    read = [
        resize_image(s.image, (24, 40)).numpy() for s in shards.read(records, "train")
    ]
    for image in images:
        assert any((image == other).all() for other in read)


def test_an_image_is_named_by_its_place_in_the_batches(run):
    from kerasseg.data import records as shards

    records = runs.settings(run).data.records
    ids = [sample.id for sample in shards.read(records, "val")]
    assert [exporting._sample_id(records, "val", number) for number in range(5)] == ids


def test_a_card_escapes_and_marks_missing_scores(run, monkeypatch):
    monkeypatch.setattr(card, "_cost", lambda *_: iter(()))
    rows = [
        {"format": "network", "name": "network", "file": "", "bytes": 0, "miou": 0.5}
        | {"iou": [None] + [0.4] * 10, "agreement": None, "passed": True}
        | {"split": "<val>", "sha256": "0"}
    ]
    file = card.write(run, rows, runs.settings(run).data.records, (32, 48))
    text = file.read_text()
    assert "&lt;val&gt;" in text
    assert "Not in the scored split: Sky" in text
