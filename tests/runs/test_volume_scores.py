"""Volumes are scored whole, in millimetres and millilitres."""

import csv
import json

import numpy as np
import pytest

from kerasseg import UserError, adjust, finetune_int8, runs
from kerasseg.data import records as shards
from kerasseg.data.sample import Sample, Samples
from kerasseg.image_format import ImageFormat
from kerasseg.inference.volumes.networks import volume_segmenter
from kerasseg.runs import report, score_table
from kerasseg.runs.cases import cases
from kerasseg.runs.scores import evaluate
from kerasseg.taxonomy import Taxonomy
from kerasseg.volume_format import VolumeFormat, VolumeGeometry


@pytest.fixture(scope="module")
def evaluated(volume_run, volume_records, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluated")
    return folder, evaluate(volume_run, volume_records, "val", folder)


def test_scores_of_cases_are_those_of_numpy(evaluated, volume_run, volume_records):
    folder, result = evaluated
    images, volume = runs.image_format(volume_run), runs.volume_format(volume_run)
    network = runs.load(volume_run)
    segment = volume_segmenter(network, volume, images)
    dices, away = [], []
    for sample in shards.read(volume_records, "val"):
        ids = segment(sample.image)
        pairs = [(sample.label == c, ids == c) for c in range(4)]
        dices.append([2 * (a & b).sum() / (a.sum() + b.sum()) for a, b in pairs])
        voxel = np.prod(sample.volume.spacing) / 1000
        away.append([abs(int(b.sum()) - int(a.sum())) * voxel for a, b in pairs])
    np.testing.assert_allclose(result["case_dice"], np.mean(dices, 0), atol=1e-5)
    np.testing.assert_allclose(result["volume_error"], np.mean(away, 0), atol=1e-5)
    assert result["samples"] == 3
    assert result["voxels"] == 3 * np.prod((10, 20, 18)) == np.sum(result["matrix"])
    with (folder / "metrics_per_image.csv").open() as opened:
        rows = list(csv.DictReader(opened))
    assert float(rows[1]["dice ball"]) == pytest.approx(dices[1][3], abs=1e-5)
    assert not any("boundary" in name for name in rows[0])


def test_surfaces_are_in_mm_and_leave_the_background_out(evaluated):
    _, result = evaluated
    assert result["surfaces"]["unit"] == "mm"
    assert result["hausdorff"][0] is None
    assert all(value is not None for value in result["surface_dice"][1:])


def test_tables_and_report(evaluated, volume_run, tmp_path):
    folder, result = evaluated
    text = score_table.table(result, runs.taxonomy(volume_run).names)
    assert "3 volumes of 'val'" in text and "surfaces in mm" in text
    assert max(map(len, text.splitlines())) < 80
    for name in ("taxonomy.json", "config.toml"):
        (folder / name).write_bytes((volume_run / name).read_bytes())
    page = report.write(folder).read_text()
    assert "Dice, mean of volumes" in page and "are in mm" in page
    assert json.loads((folder / "metrics.json").read_text())["case_dice"]
    assert (folder / "pictures" / "worst.png").is_file()


def test_flags_of_pictures_are_refused(volume_run, volume_records, tmp_path):
    with pytest.raises(UserError, match="--trimap"):
        evaluate(volume_run, volume_records, "val", tmp_path, trimap=2.0)


def test_pictures_are_refused(volume_run, shared_records, tmp_path):
    with pytest.raises(UserError, match=r"hold pictures|knows"):
        evaluate(volume_run, shared_records, "val", tmp_path)


def test_commands_of_pictures_refuse_runs_of_volumes(volume_run, capsys):
    for main in (adjust.main, finetune_int8.main):
        with pytest.raises(SystemExit):
            main([str(volume_run)])
        assert "is for runs of pictures" in capsys.readouterr().err


def test_blocks_of_a_volume_are_put_together(tmp_path, rng):
    whole = rng.normal(size=(7, 4, 5, 1)).astype(np.float32)
    label = rng.integers(0, 2, (7, 4, 5)).astype(np.uint8)
    blocks = []
    for first in (0, 3):
        geometry = VolumeGeometry(
            (1.0, 1.0, 1.0), np.eye(4), (5, 4, 7), (first, 0, 0), (7, 4, 5)
        )
        part = slice(first, first + 4)
        blocks.append(
            Sample(f"case@{first}_0_0", whole[part], label[part], volume=geometry)
        )
    samples = Samples(
        blocks,
        lambda one: one,
        image_format=ImageFormat.of(("mr",), "float32"),
        volume=VolumeFormat(),
    )
    options = {"taxonomy": Taxonomy.numbered(2), "shards": 1, "progress": False}
    shards.write(samples, tmp_path, "val", **options)
    (found,) = cases(tmp_path, "val")
    assert found.id == "case" and found.volume.whole == ()
    np.testing.assert_array_equal(found.image, whole)
    np.testing.assert_array_equal(found.label, label)
