"""The export of a run of volumes: every file is scored, and predicts by itself."""

import json
import shutil
import zipfile

import numpy as np
import pytest

from kerasseg import UserError, predict, runs
from kerasseg.export.run import Export, export_run

pytestmark = pytest.mark.processes

FORMATS = ("saved_model", "float32", "int8")


@pytest.fixture(scope="module")
def exported(tmp_path_factory, volume_run, volume_records):
    run = tmp_path_factory.mktemp("exported") / volume_run.name
    shutil.copytree(volume_run, run)
    rows = export_run(
        run, volume_records, "val", Export(formats=FORMATS, signatures="both")
    )
    return run, rows


@pytest.mark.export
def test_files_pass_the_gate_and_say_what_they_are(exported):
    run, rows = exported
    assert all(row["passed"] for row in rows)
    assert [row["format"] for row in rows] == [
        *("network", "saved_model", "float32", "int8"),
    ]
    with zipfile.ZipFile(run / "export" / "model_int8.tflite") as archive:
        made = json.loads(archive.read("volume_format.json"))
    assert made == runs.volume_format(run).to_json()
    card = (run / "export" / "card.md").read_text()
    assert "8x16x16 volumes" in card and "standardised" in card


@pytest.mark.export
def test_devices_predict_what_the_run_does(exported, tmp_path, rng):
    run, _ = exported
    volume = (400 + 90 * rng.normal(size=(9, 21, 17))).astype(np.float32)
    np.save(tmp_path / "v.npy", volume)
    files = run / "export"
    networks = {
        "run": ["--run", str(run)],
        "float32": ["--litert", str(files / "model.tflite")],
        "int8": ["--litert", str(files / "model_int8.tflite")],
    }
    found = {}
    for name, words in networks.items():
        out = tmp_path / name
        predict.main([str(tmp_path / "v.npy"), *words, "--out", str(out), "--flip"])
        found[name] = np.load(out / "v_label.npy")
    assert (found["float32"] == found["run"]).mean() > 0.999
    assert (found["int8"] == found["run"]).mean() > 0.9


REFUSED = {
    "opencv": Export(formats=("opencv",)),
    "gpu": Export(compat=("gpu",)),
    "overlap": Export(overlap=8),
}


@pytest.mark.parametrize("asked", REFUSED.values(), ids=REFUSED)
def test_what_is_of_pictures_is_refused(volume_run, volume_records, asked):
    with pytest.raises(UserError, match="pictures"):
        export_run(volume_run, volume_records, "val", asked)
