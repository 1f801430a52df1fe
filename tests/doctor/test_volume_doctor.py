"""The doctor on records of volumes."""

import dataclasses

import numpy as np
import pytest

from kerasseg import prepare
from kerasseg.data import records
from kerasseg.data.datasets import synthetic_volumes
from kerasseg.doctor.checks import run
from kerasseg.doctor.record_source import of_records
from kerasseg.doctor.survey import survey


def samples(**options):
    shape = {"train": 4, "val": 2, "shape": (6, 12, 14)} | options
    return synthetic_volumes.load(**shape)


def findings(folder):
    source = of_records(folder)
    seen = survey(source, progress=False)
    return seen, run(seen, source.findings)


def changed(folder, change):
    taxonomy, splits = samples()
    splits = {
        split: dataclasses.replace(s, read=lambda e, s=s: change(s.read(e)))
        for split, s in splits.items()
    }
    records.write_splits(splits, folder, taxonomy=taxonomy, progress=False)
    return folder


def test_healthy_volumes_and_their_page(tmp_path, capsys, monkeypatch):
    from kerasseg.doctor import __main__ as doctor

    monkeypatch.chdir(tmp_path)
    words = ["synthetic_volumes", "records", "--train", "4", "--val", "2"]
    prepare.main([*words, "--shape", "6", "12", "14"])
    doctor.main(["records"])
    said = capsys.readouterr().out
    assert "Healthy." in said and "6 images (train 4, val 2)" in said
    assert (tmp_path / "doctor.html").stat().st_size > 10_000


def test_counts_are_those_of_all_voxels(tmp_path):
    taxonomy, splits = samples()
    records.write_splits(splits, tmp_path, taxonomy=taxonomy, progress=False)
    seen, found = findings(tmp_path)
    known = records.describe(tmp_path).split("train")
    totals = seen.totals(seen.splits["train"])
    assert tuple(totals.get(i, 0) for i in range(4)) == known.pixels
    assert not [one for one in found if one.severity == "error"]


def test_the_slice_that_is_drawn_holds_most_classes(tmp_path):
    taxonomy, splits = samples()
    records.write_splits(splits, tmp_path, taxonomy=taxonomy, progress=False)
    entry = next(of_records(tmp_path).pairs)[0]
    image, mask = entry.read()
    (sample, *_) = records.read(tmp_path, "train")
    assert image.pixels.shape == (12, 14, 1)
    most = max(len(np.unique(plane)) for plane in sample.label)
    assert len(np.unique(mask.pixels)) == most
    assert any((image.pixels == plane).all() for plane in sample.image)


@pytest.mark.parametrize("times, warned", [(1.9, False), (2.5, True)])
def test_voxels_of_another_size(tmp_path, times, warned):
    def coarse(sample):
        if not sample.id.endswith("e-00001"):
            return sample
        z, y, x = sample.volume.spacing
        geometry = dataclasses.replace(sample.volume, spacing=(z * times, y, x))
        return dataclasses.replace(sample, volume=geometry)

    _, found = findings(changed(tmp_path, coarse))
    assert [one.check for one in found if one.check == "spacing"] == [
        "spacing"
    ] * warned
    if warned:
        assert "1 of 6 volumes (volume-00001)" in found[0].says
        assert "--spacing 2 1 1" in found[0].fix


def test_an_empty_volume_and_copies_are_found(tmp_path):
    def flat(sample):
        if sample.id.endswith("e-00002"):
            return dataclasses.replace(sample, image=np.zeros_like(sample.image))
        return sample

    _, found = findings(changed(tmp_path, flat))
    assert {"blank"} & {one.check for one in found}
