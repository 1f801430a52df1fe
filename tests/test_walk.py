"""From records to a trained, scored, exported and predicted run."""

import csv
import json

import cv2
import keras
import numpy as np
import pytest
import walk
from PIL import Image

from kerasseg import config, evaluate, predict, runs
from kerasseg.data import records as shards
from kerasseg.export import __main__ as export
from kerasseg.fit import from_settings, streams
from kerasseg.fit.devices import Devices


def test_a_run_holds_everything(shared_run):
    names = {p.relative_to(shared_run).as_posix() for p in shared_run.rglob("*")}
    expected = {"config.toml", "environment.json", "taxonomy.json", "network.keras"}
    expected |= {"log.csv", "metrics.json", "health.json", "report.html", "tensorboard"}
    expected |= {"pictures/examples.png", "pictures/worst.png"}
    expected |= {"pictures/confusion.png", "pictures/iou.png"}
    expected |= {"export/1/saved_model.pb", "export/model.tflite", "export/gate.json"}
    assert expected <= names
    assert "state.weights.h5" not in names
    assert not [n for n in names if n.startswith(".") and n != ".lock"]


def test_the_log_has_a_row_an_epoch(shared_run):
    with (shared_run / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    wanted = {"loss", "miou", "val_loss", "val_miou", "val_pixel_accuracy"}
    wanted |= {"learning_rate", "seconds", "gradient_norm", "waiting"}
    assert wanted <= set(rows[0])


def test_health_is_that_of_both_epochs(shared_run):
    health = json.loads((shared_run / "health.json").read_text())
    assert [row["epoch"] for row in health["epochs"]] == [0, 1]
    assert (health["steps"], health["skipped"]) == (4, 0)
    # 10 samples: 2 batches of 4 an epoch; each pixel has a class or is ignored.
    first = health["epochs"][0]
    assert sum(first["pixels"]) + first["ignored"] == 2 * 4 * 32 * 48
    assert sum(health["coverage"].values()) == pytest.approx(1)
    assert 0 < health["gradient_norm"] <= health["gradient_norm_max"]
    assert 0 <= health["waiting"] < 1


def test_metrics_are_those_of_the_best_epoch(shared_run):
    result = json.loads((shared_run / "metrics.json").read_text())
    with (shared_run / "log.csv").open() as file:
        best = max(float(row["val_miou"]) for row in csv.DictReader(file))
    assert result["miou"] == pytest.approx(best, abs=1e-5)
    assert np.sum(result["matrix"]) > 0
    assert len(result["iou"]) == 11


def test_the_gate_passed(shared_run):
    rows = json.loads((shared_run / "export" / "gate.json").read_text())
    names = ["network", "SavedModel", "LiteRT float32", "float32 scores"]
    assert [row["name"] for row in rows] == names
    assert all(row["passed"] for row in rows)


def test_the_saved_network_is_of_stock_layers(shared_run):
    modules = {type(layer).__module__ for layer in runs.load(shared_run).layers}
    assert all(module.startswith("keras.") for module in modules)


def test_evaluate_again_gives_the_same_scores(own_run, capsys):
    before = json.loads((own_run / "metrics.json").read_text())
    evaluate.main([str(own_run)])
    assert json.loads((own_run / "metrics.json").read_text()) == before
    evaluate.main([str(own_run), "--split", "train"])
    other = json.loads((own_run / "evaluation-train" / "metrics.json").read_text())
    assert (other["split"], other["samples"]) == ("train", 10)


def test_predict_pictures_of_any_size(shared_run, tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    rng = np.random.default_rng(0)
    for name, size in {"a.png": (20, 30), "b.jpg": (61, 47), "a.jpg": (32, 48)}.items():
        cv2.imwrite(str(pictures / name), rng.integers(0, 256, (*size, 3), np.uint8))
    out = tmp_path / "out"
    predict.main([str(pictures), "--run", str(shared_run), "--out", str(out)])
    names = {p.name for p in out.iterdir()}
    assert names == {
        "a_label.png", "a_2_label.png", "b_label.png", "a_overlay.jpg",
        "a_2_overlay.jpg", "b_overlay.jpg", "contact_sheet.jpg", "predicted.jsonl",
        "overlay_legend.png",
    }  # fmt: skip
    assert cv2.imread(str(out / "b_overlay.jpg")).shape == (61, 47, 3)
    label = Image.open(out / "b_label.png")
    assert (label.mode, label.size) == ("L", (47, 61))
    assert np.asarray(label).max() < 11


def test_predict_agrees_with_the_served_model(shared_run, tmp_path):
    import tensorflow as tf

    from kerasseg.data.synthetic import scene

    picture = cv2.cvtColor(scene(0, 3, 50, 70).image, cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(tmp_path / "scene.jpg"), picture)
    predict.main(
        [
            str(tmp_path / "scene.jpg"),
            "--run",
            str(shared_run),
            "--out",
            str(tmp_path / "out"),
        ]
    )
    ours = np.asarray(Image.open(tmp_path / "out" / "scene_label.png"))
    served = tf.saved_model.load(str(shared_run / "export" / "1"))
    data = (tmp_path / "scene.jpg").read_bytes()
    answer = served.signatures["serve_bytes"](image_bytes=tf.constant([data, data]))
    theirs = tf.io.decode_png(answer["class_map_png_bytes"][1])[..., 0].numpy()
    assert (ours == theirs).all()


def test_predict_a_video(shared_run, tmp_path):
    file = tmp_path / "drive.mp4"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"mp4v"), 10, (64, 48))
    for level in range(5):
        writer.write(np.full((48, 64, 3), 40 * level, np.uint8))
    writer.release()
    predict.main([str(file), "--run", str(shared_run), "--out", str(tmp_path / "out")])
    video = cv2.VideoCapture(str(tmp_path / "out" / "drive_overlay.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 5


@pytest.mark.processes
def test_export_writes_again(own_run, capsys):
    export.main([str(own_run), "--formats", "float32"])
    assert "LiteRT float32" in capsys.readouterr().out


@pytest.mark.processes  # trains twice: costly beside the rest
def test_same_seed_same_step(shared_records):
    """The first batch and what it makes of the weights; whole trainings are slow."""

    def first_step(seed, **settings):
        flags = walk.flags(shared_records, "", seed=seed, **settings)
        settings = config.parse([*flags, "--augment.policy", "road"])
        keras.utils.set_random_seed(settings.seed)
        known = shards.describe(shared_records).split("train")
        trainer = from_settings.trainer_of(
            settings,
            lambda: from_settings.network_of(settings.model, 11, (32, 48)),
            from_settings.loss_of(settings.fit, known),
            (32, 48),
            10,
            Devices(gpu=False),
        )
        begun = trainer.network.get_weights()
        (batch,) = streams.stream_of(settings, shared_records).take(1)
        return batch, begun, trainer

    batch, begun, trainer = first_step(5)
    again, same, other = first_step(5, data__threads=3)
    for key, value in batch.items():
        np.testing.assert_array_equal(value, again[key])
    for one in (trainer, other):
        one.train_on_batch(batch)
    weights = trainer.network.get_weights(), other.network.get_weights()
    assert any((a != b).any() for a, b in zip(begun, weights[0], strict=True))
    for pair in (begun, same), weights:
        for ours, theirs in zip(*pair, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    changed, different, _ = first_step(6)
    assert (batch["numbers"] != changed["numbers"]).numpy().all()
    assert any((a != b).any() for a, b in zip(begun, different, strict=True))


@pytest.mark.slow
def test_same_seed_same_result(shared_records, tmp_path):
    settings = {"fit__epochs": 1, "export": False, "fit__deterministic": True}
    first = walk.trained(shared_records, tmp_path, seed=5, **settings)
    again = walk.trained(shared_records, tmp_path, seed=5, data__threads=3, **settings)
    other = walk.trained(shared_records, tmp_path, seed=6, **settings)
    weights = [runs.load(run).get_weights() for run in (first, again, other)]
    assert all((a == b).all() for a, b in zip(*weights[:2], strict=True))
    assert any((a != b).any() for a, b in zip(*weights[1:], strict=True))
