"""The doctor on classes that overlap: a folder of layers, and its records."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from kerasseg.data import records
from kerasseg.data.datasets import folder
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.doctor.checks import run
from kerasseg.doctor.class_balance import balances
from kerasseg.doctor.mask_ids import one_number
from kerasseg.doctor.pair_source import of_folder
from kerasseg.doctor.record_source import of_records
from kerasseg.doctor.survey import survey

FLAGS = MaskFlags(per_class="folders")


def write(file, pixels):
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), pixels)


def make(root, hearts=True):
    """Eight scenes: a lung that is bright, a heart in it that is brighter."""
    drawn = np.random.default_rng(0)
    for number in range(8):
        split = "val" if number > 5 else "train"
        lung, heart = np.zeros((2, 96, 96), np.uint8)
        x, y = drawn.integers(35, 60, 2).tolist()
        cv2.ellipse(lung, (x, y), (30, 24), 0, 0, 360, 255, -1)
        if hearts:
            cv2.circle(heart, (x + 8, y), 10, 255, -1)
        image = 40 + 0.3 * lung + 0.4 * heart + drawn.normal(0, 3, (96, 96))
        image = np.repeat(image[..., None], 3, -1).clip(0, 255).astype(np.uint8)
        write(root / f"{split}/images/{number}.png", image)
        write(root / f"{split}/masks/lung/{number}.png", lung)
        write(root / f"{split}/masks/heart/{number}.png", heart)
    return root


@pytest.mark.parametrize("prepared", [False, True], ids=["folder", "records"])
def test_a_healthy_set(tmp_path, prepared):
    make(tmp_path / "s")
    if prepared:
        taxonomy, splits = folder.load(tmp_path / "s", masks=FLAGS)
        records.write_splits(splits, tmp_path / "r", taxonomy=taxonomy, progress=False)
        source = of_records(tmp_path / "r")
    else:
        source = of_folder(tmp_path / "s", masks=FLAGS)
    seen = survey(source, progress=False)
    assert not seen.classes.exclusive and seen.classes.names == ("heart", "lung")
    errors = [f for f in run(seen, []) if f.severity == "error"]
    assert not errors, errors
    train, _ = balances(seen.splits, seen.classes)
    assert train.images_with.tolist() == [6, 6]
    assert train.ignored == 0
    lung = cv2.imread(str(tmp_path / "s/train/masks/lung/0.png"), 0) > 0
    assert train.share[1] == pytest.approx(lung.mean(), abs=0.02)
    assert 0.02 < train.share[0] < 0.06
    assert all(facts.margin > 0 for facts in seen.good)


def test_classes_that_never_occur_are_told(tmp_path):
    make(tmp_path, hearts=False)
    flags = MaskFlags(per_class="folders", overlap=True)
    seen = survey(of_folder(tmp_path, masks=flags), progress=False)
    said = [str(finding.says) for finding in run(seen, [])]
    assert any("1 of 2 classes never occur: heart" in line for line in said)


def test_one_number_tells_combinations_apart():
    planes = np.array(np.meshgrid(*[[0, 1, 255]] * 4)).reshape(4, -1).T[None]
    numbers = one_number(planes, 255)
    assert len(np.unique(numbers)) == 3**4
    assert numbers[0, -1] == 255 and (numbers == 255).sum() == 1
