"""Scores of volumes, by hand: in millilitres, in millimetres, case by case."""

import numpy as np
import pytest

from kerasseg.metrics.overlap_scores import OverlapScores
from kerasseg.metrics.split_scores import SplitScores

SPACING = 5.0, 10.0, 20.0  # a voxel of a millilitre


def cases():
    """Class 1 is two voxels of a row, found are the second and the third; then it is
    not there, and found in one voxel; then neither."""
    label, ids = np.zeros((2, 3, 2, 3, 4), np.uint8)
    label[0, 1, 1, :2] = 1
    ids[0, 1, 1, 1:3] = 1
    ids[1, 0, 0, 0] = 1
    label[0, 0, 0] = 255
    ids[0, 0, 0] = 1  # ignored
    return zip(label, ids, strict=True)


def test_classes_that_exclude_each_other():
    scores = SplitScores(2, tolerance=1.0)
    for label, ids in cases():
        scores.add(label[:2], ids[:2], spacing=SPACING)
    result, columns = scores.scores(), scores.columns()
    # Dice 2 * 1 / (2 + 2), then 0, then nothing.
    assert columns["dice"][:, 1] == pytest.approx([0.5, 0.0, np.nan], nan_ok=True)
    assert result["case_dice"][1] == pytest.approx(0.25)
    assert result["case_iou"][1] == pytest.approx(1 / 6)
    assert columns["true_ml"][:, 1].tolist() == [2, 0, 0]
    assert columns["found_ml"][:, 1].tolist() == [2, 1, 0]
    assert result["volume_error"][1] == pytest.approx(0.5)  # of the first two
    # One voxel of 20 mm is missed, one found wrongly.
    assert columns["hausdorff"][0, 1] == pytest.approx(19)  # percentile 95 of 0 and 20
    assert columns["surface_dice"][0, 1] == pytest.approx(0.5)
    assert np.isnan(columns["assd"][:, 0]).all()
    assert "boundary_f1" not in result and "boundary_f1" not in columns


def test_classes_that_overlap():
    scores = OverlapScores(2, tolerance=1.0)
    for label, ids in cases():
        planes = np.stack([np.where(label == 255, 255, 1), label], -1)
        found = np.stack([np.ones_like(ids), ids], -1)
        scores.add(planes, found, spacing=SPACING)
        scores.calibrate(planes, found.astype(np.float32))
    result = scores.scores()
    assert result["case_dice"] == pytest.approx([1.0, 0.25])
    assert result["volume_error"] == pytest.approx([0.0, 0.5])
    assert result["calibration_error"] > 0
    assert scores.columns()["hausdorff"][0, 1] == pytest.approx(19)
