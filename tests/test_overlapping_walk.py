"""Classes that overlap, a heart over lungs: each way to ask one run scores alike."""

from __future__ import annotations

import base64
import importlib.util
import json
import shutil
import urllib.request
from pathlib import Path

import cv2
import numpy as np
import pytest
import walk

from kerasseg import (
    UserError,
    adjust,
    evaluate,
    finetune_int8,
    predict,
    prepare,
    preview,
    runs,
)
from kerasseg import records as records_command
from kerasseg.data import records
from kerasseg.demo.__main__ import describe
from kerasseg.doctor import __main__ as doctor
from kerasseg.export import __main__ as export
from kerasseg.fit import from_settings
from kerasseg.losses import LOSSES
from kerasseg.metrics import overlapping
from kerasseg.runs import class_bias

pytestmark = pytest.mark.processes  # trains and exports

SIZE = (32, 48)
ONNX = all(map(importlib.util.find_spec, ("onnx", "tf2onnx", "onnxruntime")))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Ten pictures, and a mask for each class of each."""
    root = tmp_path_factory.mktemp("chest")
    rng = np.random.default_rng(0)
    for number in range(10):
        lung, heart = np.zeros((2, *SIZE), np.uint8)
        middle = int(rng.integers(20, 28))
        for side in (-9, 9):
            cv2.ellipse(lung, (middle + side, 16), (7, 12), 0, 0, 360, 255, -1)
        cv2.ellipse(heart, (middle + 2, 22), (8, 6), 20, 0, 360, 255, -1)
        gray = 120 - lung / 5.0 + heart / 4.0 + rng.normal(0, 5, SIZE)
        image = np.repeat(gray.clip(0, 255).astype(np.uint8)[..., None], 3, -1)
        places = {"images": image, "masks/lung": lung, "masks/heart": heart}
        for place, pixels in places.items():
            (root / place).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / place / f"p{number}.png"), pixels)
    return root


@pytest.fixture(scope="module")
def prepared(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("records") / "chest"
    words = ["--per-class", "folders", "--val-share", "0.4"]
    prepare.main(["folder", str(folder), str(out), *words])
    return out


@pytest.fixture(scope="module")
def run(prepared, tmp_path_factory):
    """Trained with every loss and every mixing of samples, and exported."""
    out = tmp_path_factory.mktemp("runs")
    losses = " ".join(f"{name}=0.1" for name in LOSSES)
    settings = {f"augment__{name}": 0.5 for name in ("cutmix", "classmix", "mosaic")}
    settings |= {"fit__loss": losses, "fit__epochs": 1, "fit__ema": 0.9}
    options = "filters=4 depth=1 batch_norm=true dropout=0.0"
    run = walk.trained(prepared, out, model__options=options, export=False, **settings)
    formats = ["saved_model", "float32", "int8", *(["onnx"] * ONNX)]
    words = ["--limits.int8", "100"]  # one epoch: most answers are close calls
    export.main([str(run), "--formats", *formats, *words])
    return run


@pytest.fixture(scope="module")
def pictures(prepared, tmp_path_factory):
    """The pictures of val, and their labels (5, H, W, 2)."""
    out, labels = tmp_path_factory.mktemp("pictures"), []
    for sample in records.read(prepared, "val"):
        cv2.imwrite(str(out / f"{sample.id}.png"), sample.image[..., ::-1])
        labels.append(sample.label)
    return out, np.stack(labels)


@pytest.fixture(scope="module")
def expected(run):
    """What the run's own evaluation says."""
    return json.loads((run / "metrics.json").read_text())


def planes(folder: Path, names=("heart", "lung")) -> np.ndarray:
    """What `predict` and the client wrote, (B, H, W, 2)."""
    of_each = [sorted(folder.glob(f"*_label_{name}.png")) for name in names]
    read = [[cv2.imread(str(file), -1) for file in files] for files in of_each]
    return np.stack([np.stack(one) for one in read], -1)


def miou(labels: np.ndarray, found: np.ndarray) -> float:
    assert found.dtype == np.uint8 and found.max() <= 1
    return float(overlapping.scores(overlapping.counts(labels, found))["miou"])


def predicted(pictures: Path, out: Path, *words: str) -> np.ndarray:
    predict.main([str(pictures), "--out", str(out), *words])
    return planes(out)


def test_before_the_training(folder, prepared, tmp_path, capsys):
    described = records.describe(prepared)
    assert not described.taxonomy.exclusive
    assert described.taxonomy.names == ("heart", "lung")
    assert (
        described.splits["train"].images_with
        == (described.splits["train"].samples,) * 2
    )
    records_command.main(["verify", str(prepared)])
    doctor.main(
        [str(folder), "--per-class", "folders", "--out", str(tmp_path / "d.html")]
    )
    preview.main([str(prepared), str(tmp_path / "preview.png"), "--count", "4"])
    assert "Healthy" in capsys.readouterr().out


def test_training_and_evaluation_agree(run, expected, capsys):
    taxonomy = json.loads((run / "taxonomy.json").read_text())
    assert taxonomy["exclusive"] is False
    evaluate.main([str(run)])
    again = json.loads((run / "metrics.json").read_text())
    assert again == expected and "matrix" not in again
    assert "no confusion matrix" in capsys.readouterr().out


def test_predict_gives_the_score_of_evaluate(run, pictures, expected, tmp_path):
    given, labels = pictures
    own = ("--run", str(run))
    found = predicted(given, tmp_path / "run", *own)
    assert miou(labels, found) == pytest.approx(expected["miou"], abs=1e-6)
    tiled = predicted(given, tmp_path / "tiles", *own, "--tiles")
    np.testing.assert_array_equal(tiled, found)  # no picture is larger
    words = ("--format", "tiff", "--probabilities", "npz")
    predict.main([str(given), "--out", str(tmp_path / "tiff"), *own, *words])
    import tifffile

    files = sorted((tmp_path / "tiff").glob("*_label.tif"))
    pages = np.stack([np.moveaxis(tifffile.imread(file), 0, -1) for file in files])
    np.testing.assert_array_equal(pages, found)
    files = sorted((tmp_path / "tiff").glob("*_probabilities.npz"))
    shares = np.stack([np.load(file)["probabilities"] for file in files])
    clear = np.abs(shares - 0.5) > 1e-3  # float16 rounds to 0.5
    assert ((shares > 0.5) == found)[clear].all()
    mirrored = predicted(given, tmp_path / "flip", *own, "--flip")
    scores = run / "export" / "model_probabilities.tflite"
    device = predicted(given, tmp_path / "device", "--litert", str(scores), "--flip")
    assert (mirrored == device).mean() > 0.999


def test_files_give_the_score_of_evaluate(run, pictures, expected, tmp_path):
    given, labels = pictures
    rows = json.loads((run / "export" / "gate.json").read_text())
    by_format = {row["format"]: row for row in rows}
    exact = ["network", "saved_model", "float32", "float32_probabilities"]
    for name in [*exact, *(["onnx", "onnx_probabilities"] * ONNX)]:
        assert by_format[name]["miou"] == pytest.approx(expected["miou"], abs=1e-4)
    files = {name: run / "export" / by_format[name]["file"] for name in by_format}
    for name in ("float32", "float32_probabilities", "int8", "int8_probabilities"):
        found = predicted(given, tmp_path / name, "--litert", str(files[name]))
        gate = by_format[name]["miou"]
        assert miou(labels, found) == pytest.approx(gate, abs=1e-4), name


def test_flags_that_cannot_be_are_refused_at_once(run, pictures, tmp_path, capsys):
    given = str(pictures[0])
    class_map = ["--litert", str(run / "export" / "model.tflite")]
    refused = {
        "--crf": ["--run", str(run)],
        "--palette": ["--run", str(run)],
        "--flip": class_map,
        "--tiles": class_map,
        "--probabilities=npz": class_map,
    }
    for flag, words in refused.items():
        with pytest.raises(SystemExit):
            predict.main([given, flag, *words, "--out", str(tmp_path / "none")])
        error = capsys.readouterr().err
        assert len(error.splitlines()) == 1, error
        assert "overlap" in error or "model_probabilities.tflite" in error
        assert not (tmp_path / "none").exists()


def test_adjust_finds_a_threshold(run, tmp_path, capsys):
    low = shutil.copytree(run, tmp_path / "runs" / run.name)
    network = runs.load(low)
    bias = network.layers[-1].bias
    bias.assign(bias - np.array([30, 0], np.float32))  # no heart is found any more
    network.save(low / "network.keras")
    out = adjust.adjust(low)
    scores = json.loads((out / "metrics.json").read_text())
    assert scores["recall"][0] > 0
    assert json.loads((out / class_bias.FILE).read_text())["bias"]["heart"] > 20
    assert "threshold of the probability" in capsys.readouterr().out


def test_what_the_pages_say(run, expected):
    report = (run / "report.html").read_text()
    card = (run / "export" / "card.md").read_text()
    for words in ("onfusion matrix of", "sums of 1", "Class ids", "the largest"):
        assert words not in report + card
    assert "2 classes that overlap" in card
    assert f"{expected['mean_dice']:.3f}" in report
    about = describe(run / "export" / "model.tflite")
    assert about["exclusive"] is False
    assert about["names"] == ["heart", "lung"]


def test_served_and_asked(run, pictures, expected, tmp_path, monkeypatch):
    pytest.importorskip("aiohttp", reason="needs pip install 'kerasseg[serve]'")
    pytest.importorskip("tensorflow_serving")
    monkeypatch.syspath_prepend(Path(__file__).parent / "serve")
    from servers import Server

    from kerasseg.serve.client.__main__ import main as ask

    given, labels = pictures
    files = sorted(given.iterdir())
    server = Server(run / "export")
    try:
        rest = f"{server.rest}/v1/models/street"

        def answer(instances):
            body = json.dumps({"instances": instances}).encode()
            with urllib.request.urlopen(f"{rest}:predict", body) as response:
                return json.load(response)["predictions"]

        pixels = [cv2.imread(str(file))[..., ::-1].tolist() for file in files]
        found = np.array(answer(pixels), np.uint8)
        assert miou(labels, found) == pytest.approx(expected["miou"], abs=1e-4)
        coded = [base64.b64encode(file.read_bytes()).decode() for file in files[:1]]
        (one,) = answer([{"b64": words} for words in coded])
        pngs = [base64.b64decode(png["b64"]) for png in one["class_map_png_bytes"]]
        decoded = [cv2.imdecode(np.frombuffer(png, np.uint8), -1) for png in pngs]
        np.testing.assert_array_equal(np.stack(decoded, -1), found[0])
        ask([rest, str(given), "--out", str(tmp_path / "rest")])
        grpc = [server.grpc, "--model", "street"]
        ask([*grpc, str(given), "--out", str(tmp_path / "grpc")])
        for way in ("rest", "grpc"):
            np.testing.assert_array_equal(planes(tmp_path / way), found)
    finally:
        server.stop()


def test_what_int8_loses_is_said_before_it_is_tuned(run, tmp_path, monkeypatch, capsys):
    def stop(*_, **__):
        raise UserError("far enough")

    own = shutil.copytree(run, tmp_path / "runs" / run.name)
    monkeypatch.setattr(from_settings, "trainer_of", stop)
    with pytest.raises(UserError, match="far enough"):
        finetune_int8.finetune(own, finetune_int8.FinetuneInt8())
    rows = json.loads((run / "export" / "gate.json").read_text())
    scores = {row["format"]: row["miou"] for row in rows}
    words = f"network {scores['network']:.4f}, int8 {scores['int8']:.4f}"
    assert words in capsys.readouterr().out


@pytest.mark.slow
def test_int8_is_tuned(run, tmp_path):
    own = shutil.copytree(run, tmp_path / "runs" / run.name)
    assert finetune_int8.finetune(own, finetune_int8.FinetuneInt8(limit=100))
    tuned = tmp_path / "runs" / f"{run.name}-int8-1"
    rows = json.loads((tuned / "export" / "gate.json").read_text())
    assert [row["format"] for row in rows][:2] == ["network", "int8"]
    assert json.loads((tuned / "taxonomy.json").read_text())["exclusive"] is False


def test_a_run_with_another_taxonomy_is_refused(run, tmp_path, capsys):
    own = shutil.copytree(run, tmp_path / run.name)
    file = own / "taxonomy.json"
    right = json.loads(file.read_text())
    wrong = {"exclusive": "no"}, {"names": ["heart"], "colours": [[1, 2, 3]]}
    for values in wrong:
        file.write_text(json.dumps(right | values))
        for program in (evaluate, adjust):
            with pytest.raises(SystemExit):
                program.main([str(own)])
            error = capsys.readouterr().err
            assert len(error.splitlines()) == 1, error
            assert "exclusive" in error or "knows the classes heart" in error, error
