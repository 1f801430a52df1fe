"""What an export writes where, without and with records; versions; the first use."""

import json
import shutil

import cv2
import numpy as np
import pytest
import tiny

from kerasseg import UserError, config, runs
from kerasseg.data import pipeline, records
from kerasseg.export import __main__ as export
from kerasseg.export import (
    calibration,
    card,
    first_use,
    folder,
    formats,
    latency,
    run,
    writing,
)
from kerasseg.image_format import RGB
from kerasseg.taxonomy import Taxonomy

pytestmark = pytest.mark.export
STUB = b"a file"


@pytest.fixture
def bare(tmp_path, tiny_network):
    """A run whose records are gone: settings, classes and a network."""
    made = tmp_path / "street-1"
    made.mkdir()
    tiny_network.save(made / "network.keras")
    (made / "taxonomy.json").write_text(json.dumps(tiny.TAXONOMY.to_json()))
    settings = config.parse(["--data.records", str(tmp_path / "gone")])
    (made / "config.toml").write_text(config.to_toml(settings))
    return made


@pytest.fixture
def stubs(monkeypatch):
    """Files are written without any conversion, and not measured."""

    def write(self, name, file, gives):
        if name == "saved_model":
            file.mkdir()
            (file / "saved_model.pb").write_bytes(STUB)
        else:
            file.write_bytes(STUB)

    monkeypatch.setattr(writing.Writer, "_write", write)
    monkeypatch.setattr(card.which_file.accelerators, "missing", lambda _: {"GPU": []})
    monkeypatch.setattr(card, "runner", lambda *_: lambda image: image)
    monkeypatch.setattr(latency, "measure", lambda *_, **__: dict(median=1.0, fast=1.0))
    monkeypatch.setattr(card.flatbuffer, "operators", lambda _: {})


def test_without_records_nothing_is_scored_and_it_is_said(bare, stubs, capsys):
    names = ["saved_model", "float16", "opencv"]
    export.main([str(bare), "--formats", *names])
    said = " ".join(capsys.readouterr().out.split())
    assert "gone, are not here: the files are not scored" in said
    export.main([str(bare), "--formats", *names, "--no-gate"])
    place = bare / "export"
    written = {one.name for one in place.iterdir()}
    files = {"model_float16.tflite", "model_float16_probabilities.tflite"}
    files |= {"model_opencv.tflite", "1", "2"}
    assert written == files | {"card.html", "card.md", "gate.json"}
    words = (place / "card.md").read_text()
    assert "Not scored here: there were no records" in words
    assert "not scored here" in words and "passed the gate" not in words
    rows = json.loads((place / "gate.json").read_text())
    assert [row["file"] for row in rows][:2] == ["", "2"]
    assert not any(row["scored"] for row in rows)


def test_records_that_are_named_must_be_there(bare, capsys):
    with pytest.raises(SystemExit):
        export.main([str(bare), "--formats", "float16", "--records", "nowhere"])
    assert "nowhere" in capsys.readouterr().err
    assert not (bare / "export").exists()


def test_the_worst_image_has_its_name_also_where_some_are_looked_at(shared_records):
    names = [sample.id for sample in records.read(shared_records, "val")]
    numbers = pipeline.evenly(len(names), 2)
    found = [run._sample_id(shared_records, "val", numbers, i) for i in range(2)]
    assert found == [names[number] for number in numbers]


def test_files_scored_on_other_images_are_not_put_together(tmp_path):
    earlier = [
        {"format": "network", "sha256": "x", "split": "val"},
        {"format": "int8", "passed": True, "file": "a.tflite"},
    ]
    (tmp_path / "a.tflite").write_bytes(STUB)
    (tmp_path / folder.GATE).write_text(json.dumps(earlier))
    rows = [earlier[0] | {"images": [2, 5]}, {"format": "float32", "passed": True}]
    kept = [row["format"] for row in folder.with_earlier(rows, tmp_path)]
    assert kept == ["network", "float32"]
    rows[0] = earlier[0]
    kept = [row["format"] for row in folder.with_earlier(rows, tmp_path)]
    assert sorted(kept) == ["float32", "int8", "network"]


def test_int8_needs_images(bare, stubs, capsys, tmp_path, rng):
    with pytest.raises(SystemExit) as left:
        export.main([str(bare)])
    told = capsys.readouterr().err
    assert left.value.code == 2
    assert "--calibrate" in told and told.count("\n") == 1
    assert not (bare / "export").exists()
    place = tmp_path / "pictures" / "deep"
    place.mkdir(parents=True)
    for number in range(5):
        picture = rng.integers(0, 256, (40, 60, 3), np.uint8)
        cv2.imwrite(str(place / f"{number}.png"), picture)
    export.main([str(bare), "--formats", "int8", "--calibrate", str(tmp_path)])
    images = calibration.of_folder(tmp_path / "pictures", tiny.SIZE, 3, RGB)
    assert [one.shape for one in images] == [(*tiny.SIZE, 3)] * 3
    first = cv2.imread(str(place / "0.png"))[..., ::-1]
    from kerasseg.inference.litert import stretched

    np.testing.assert_array_equal(images[0], stretched(first, *tiny.SIZE))
    for wrong in ("nowhere", str(tmp_path / "street-1")):
        with pytest.raises(UserError, match=r"is no folder|holds no pictures"):
            calibration.of_folder(tmp_path / wrong, tiny.SIZE, 3, RGB)


def test_a_failed_export_leaves_nothing(bare, monkeypatch):
    def fails(self, name, file, gives):
        file.mkdir()
        raise UserError("full")

    monkeypatch.setattr(writing.Writer, "_write", fails)
    asked = run.Export(formats=("saved_model",), gate=False)
    with pytest.raises(UserError, match="full"):
        run.export_run(bare, "", "", asked)
    assert not (bare / "export").exists()


def test_versions_count_on(tmp_path):
    assert folder.next_version(tmp_path) == 1
    for name in ("1", "0010", "9", "rejected", ".tmp"):
        (tmp_path / name).mkdir()
    assert folder.next_version(tmp_path) == 11
    (tmp_path / "9" / "saved_model.pb").touch()
    (tmp_path / "0010" / "saved_model.pb").touch()
    assert [one.name for one in folder.versions(tmp_path)] == ["9", "0010"]


def test_a_rejected_version_leaves_those_that_are_served(tmp_path):
    for place in (tmp_path / "1", tmp_path / ".aside"):
        place.mkdir()
        (place / "saved_model.pb").touch()
    row = {"format": "saved_model", "passed": False}
    files = {"saved_model": tmp_path / ".aside"}
    folder.let_in([{}, row], files, tmp_path)
    assert row["file"] == "2"
    assert (tmp_path / "1").is_dir() and (tmp_path / "rejected" / "2").is_dir()
    assert not (tmp_path / "2").exists()


@pytest.mark.parametrize(
    ("names", "signatures", "files"),
    [
        (["int8"], "separate", ["int8", "int8_probabilities"]),
        (["int8"], "class_map", ["int8"]),
        (["onnx"], "probabilities", ["onnx_probabilities"]),
        (["mediapipe"], "both", ["float16_probabilities", "int8_probabilities"]),
        (["saved_model", "opencv"], "both", ["saved_model", "opencv"]),
        (["openvino", "float32"], "class_map", ["float32", "openvino"]),
    ],
)
def test_what_a_format_writes(names, signatures, files):
    assert list(formats.artefacts(names, signatures)) == files


def test_both_signatures_in_one_file():
    both = ("class_map", "probabilities")
    assert formats.artefacts(["float16"], "both") == {"float16": both}


def test_the_first_use_makes_the_saved_model(bare, monkeypatch, capsys, tmp_path):
    written = []

    def write(run, file):
        written.append(file)
        file.mkdir(parents=True)
        (file / "saved_model.pb").touch()

    monkeypatch.setattr(first_use, "_write", write)
    monkeypatch.setenv("KERASSEG_CACHE", str(tmp_path / "cache"))
    assert first_use.ensure_saved_model(bare) == bare / "export"
    assert "made once, into" in capsys.readouterr().out
    assert first_use.ensure_saved_model(bare) == bare / "export"
    assert first_use.ensure_saved_model(bare / "export") == bare / "export"
    assert not capsys.readouterr().out
    shutil.rmtree(bare / "export")
    # That of the package is not changed.
    monkeypatch.setattr(runs, "comes_along", lambda run: run == bare)
    place = first_use.ensure_saved_model(bare)
    assert place.parent.parent == tmp_path / "cache"
    assert not (bare / "export" / "1").exists()
    classes = Taxonomy.numbered(3)
    (bare / "taxonomy.json").write_text(json.dumps(classes.to_json()))
    assert first_use.ensure_saved_model(bare) != place
    assert len(written) == 3
    with pytest.raises(UserError, match="holds no version"):
        first_use.ensure_saved_model(tmp_path / "cache")
