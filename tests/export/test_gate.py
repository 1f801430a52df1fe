"""The gate by hand, and the command around it."""

import json
import shutil
from typing import get_args

import numpy as np
import pytest
import tensorflow as tf
import tiny

from kerasseg import config, runs
from kerasseg.data.synthetic import TAXONOMY
from kerasseg.export import __main__ as export
from kerasseg.export import calibration, card, folder, gate
from kerasseg.export import run as exporting
from kerasseg.export.formats import Format, Limits, artefacts, missing
from kerasseg.export.litert import conversion
from kerasseg.export.run import Export
from kerasseg.export.saved_model import encoded
from kerasseg.inference import litert

pytestmark = pytest.mark.export


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
        ("int8_probabilities", 1.0, 0.0101, False),
        ("float16_probabilities", 1.0, 0.0011, False),
        ("opencv", 0.99989, 0.0, False),
        ("onnx", 0.99989, 0.0, False),
        ("openvino", 0.9999, 0.5, True),
    ],
)
def test_default_limits(name, agreement, lost, passed):
    assert Limits().of(name, agreement, lost)[1] is passed


@pytest.fixture(scope="module")
def run(tmp_path_factory, shared_records):
    """A run as training leaves it, without the training. Read only."""
    return untrained_run(tmp_path_factory.mktemp("gate"), shared_records)


@pytest.fixture
def own_run(tmp_path, run):
    """A copy of it, for tests that export it."""
    return shutil.copytree(run, tmp_path / run.name)


def untrained_run(folder, records):
    run = folder / "run-1"
    run.mkdir()
    tiny.convolution(11).save(run / "network.keras")
    settings = config.parse(["--data.records", str(records)])
    (run / "config.toml").write_text(config.to_toml(settings))
    (run / "taxonomy.json").write_text(json.dumps(TAXONOMY.to_json()))
    return run


def batches(count=4):
    rng = np.random.default_rng(0)
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


FLAGS = ["--overlap", "8", "--flip", "--max-pixels", "4700"]


@pytest.mark.processes
def test_export_scores_what_it_writes_and_sets_aside_what_breaks_a_limit(
    own_run, capsys
):
    """One export: two files pass, int8 does not; flags of the SavedModel reach it."""
    names = ["saved_model", "float32", "int8"]
    words = [str(own_run), "--formats", *names, "--limits.int8", "-100"]
    words += ["--signatures", "class_map"]
    with pytest.raises(SystemExit) as left:
        export.main([*words, *FLAGS])
    assert left.value.code == 3
    shown, folder = capsys.readouterr(), own_run / "export"
    rows = json.loads((folder / "gate.json").read_text())
    assert [row["format"] for row in rows] == ["network", *names]
    assert [row["passed"] for row in rows] == [True, True, True, False]
    assert rows[1]["worst"]["id"].startswith("synthetic_")

    assert "LiteRT int8 broke its limit: mIoU loss <= -100 points" in shown.err
    assert "culprit is most likely" in shown.out
    assert (folder / "rejected" / "model_int8.tflite").is_file()
    assert not (folder / "model_int8.tflite").exists()
    errors = json.loads((folder / "rejected" / "layer_errors.json").read_text())
    assert errors[0]["error"] >= errors[-1]["error"]

    words = (folder / "card.md").read_text()
    for part in ("model.tflite", "CONV_2D", "```kotlin", "synthetic", "Pole"):
        assert part in words
    assert "REJECTED" in words
    for part in ("tiles that share 8 pixels", "its mirror image", "more than 4,700"):
        assert part in words
    page = (folder / "card.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert not [p for p in folder.iterdir() if p.name.startswith(".")]

    assert rows[1]["larger"] > 0.9999
    served = tf.saved_model.load(str(folder / "1"))
    # With the flip, a mirrored picture has the mirrored answer.
    image = tf.random.stateless_uniform((1, 30, 40, 3), (0, 1), 0, 255)
    ask = served.signatures["serving_default"]
    one = ask(image=image)["class_map"].numpy()
    other = ask(image=image[:, :, ::-1])["class_map"].numpy()[:, :, ::-1]
    assert (one == other).mean() > 0.99
    ask = served.signatures["serve_bytes"]
    data = tf.io.encode_png(np.zeros((80, 60, 3), np.uint8))
    with pytest.raises(tf.errors.InvalidArgumentError, match="more than the 4700"):
        ask(image_bytes=data[None])


@pytest.mark.processes
def test_export_writes_every_format(own_run, capsys):
    everything = [name for name in get_args(Format) if not missing(name)]
    limits = ["--limits.float16", "100", "--limits.int8", "100"]  # of random weights
    export.main([str(own_run), "--formats", *everything, *limits])
    assert "int8 scores" in capsys.readouterr().out
    folder = own_run / "export"
    rows = json.loads((folder / "gate.json").read_text())
    assert [row["format"] for row in rows] == ["network", *artefacts(everything)]
    assert all(row["passed"] for row in rows)
    for row in rows[1:]:
        assert (folder / row["file"]).exists()
    words = (folder / "card.md").read_text()
    assert "model_int8.tflite" in words


def test_a_file_that_breaks_a_limit_raises_rejected(own_run, monkeypatch):
    """As at the end of a training."""
    row = {"passed": False}
    monkeypatch.setattr(exporting, "export_run", lambda *_: [row])
    with pytest.raises(exporting.Rejected, match=r"rejected\. See the table above"):
        exporting.export(own_run, "records", "val")


def test_too_few_pixels_for_the_gate_are_refused(run, capsys):
    with pytest.raises(SystemExit):
        export.main([str(run), "--formats", "saved_model", "--max-pixels", "4600"])
    assert "--max-pixels must be at least 4608" in capsys.readouterr().err
    assert Export().max_pixels == encoded.MAX_PIXELS


def test_rows_of_earlier_exports_stay_while_the_network_is_the_same(tmp_path):
    (tmp_path / "model.tflite").write_bytes(b"network")

    def rows(name, sha256, file="model.tflite", passed=True):
        network = {"format": "network", "file": "", "passed": True, "split": "val"}
        row = {"format": name, "file": file, "passed": passed}
        return [network | {"sha256": sha256}, row]

    def known(earlier, new):
        (tmp_path / folder.GATE).write_text(json.dumps(earlier))
        return [row["format"] for row in folder.with_earlier(new, tmp_path)]

    new = rows("saved_model", "a", "1")
    assert known(rows("float32", "a"), new) == ["network", "saved_model", "float32"]
    assert known(rows("float32", "b"), new) == ["network", "saved_model"]
    (tmp_path / "1").mkdir()
    assert known(rows("float32", "a", "gone"), new) == ["network", "saved_model"]
    assert known(rows("int8", "a", passed=False), new) == ["network", "saved_model"]
    assert known(rows("saved_model", "a"), new) == ["network", "saved_model"]


def test_calibration_images_are_those_of_validation_reading(run):
    from kerasseg.data import records as shards
    from kerasseg.data.resize import resize_image

    records = runs.settings(run).data.records
    images = calibration.of_records(records, "train", (24, 40), 99)
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
    places = [*range(5)]
    assert [exporting._sample_id(records, "val", places, i) for i in places] == ids


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


def test_the_table_has_80_columns():
    """Whatever the rules say; a line is never cut, but continued."""
    network = {"name": "network", "bytes": 0, "miou": 0.5, "agreement": None}
    rule = (
        "agreement >= 99.99 %, larger pictures 100.0000 %, and more of that kind here"
    )
    row = {"name": "OpenVINO scores", "bytes": 123456789, "miou": 0.4, "passed": True}
    gpu = {"accelerator": "LiteRT GPU", "adapter": "", "note": "not tried " * 9}
    row |= {"agreement": 1.0, "rule": rule, "accelerators": [gpu]}
    lines = gate.table([network, row]).splitlines()
    assert max(map(len, lines)) < 80
    assert (
        lines[2].split()
        == "OpenVINO scores 123.46 0.4000 10.00 100.0000 % passed".split()
    )
    assert " ".join(" ".join(lines[3:5]).split()) == f"limit: {rule}"
