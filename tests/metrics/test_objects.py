"""Scores of objects: by hand, by StarDist, HoVer-Net and torchmetrics."""

import sys
from pathlib import Path

import numpy as np
import pytest

from kerasseg import UserError, metrics


@pytest.fixture(scope="module")
def golden():
    """golden/make_objects.py names the versions: three images of 64 x 80."""
    return dict(np.load(Path(__file__).parents[1] / "golden" / "objects.npz"))


@pytest.fixture(scope="module")
def pairs(golden):
    return list(zip(golden["true"], golden["seen"], strict=True))


def test_stardist_counts_the_same_at_every_threshold(golden, pairs):
    """StarDist 0.9.2: IoU >= threshold, also below 0.5."""
    pytest.importorskip("scipy")
    thresholds = golden["thresholds"]
    for pair, counts, accuracy in zip(
        pairs, golden["stardist_counts"], golden["stardist_accuracy"], strict=True
    ):
        found = [metrics.object_counts(*pair, t, equal=True) for t in thresholds]
        np.testing.assert_array_equal(found, counts)
        score = metrics.average_precision(*pair, thresholds, equal=True)
        assert score == pytest.approx(accuracy.mean())


def test_panoptic_quality(golden, pairs):
    each = [metrics.panoptic_counts(*pair) for pair in pairs]
    found = [metrics.panoptic_quality(counts)["pq"] for counts in each]
    np.testing.assert_allclose(found, golden["stardist_pq"], rtol=1e-6)
    whole = metrics.panoptic_quality(sum(each))
    assert whole["pq"] == pytest.approx(golden["torchmetrics_pq"], abs=1e-6)
    assert whole["pq"] == pytest.approx(whole["sq"] * whole["rq"])
    assert whole["rq"] == metrics.object_f1(sum(each)[:3])


def test_aggregated_jaccard(golden, pairs):
    """HoVer-Net's get_fast_aji and get_fast_aji_plus."""
    found = [metrics.aggregated_jaccard(*pair) for pair in pairs]
    np.testing.assert_allclose(found, golden["aji"], rtol=1e-6)
    pytest.importorskip("scipy")
    found = [metrics.aggregated_jaccard(*pair, unique=True) for pair in pairs]
    np.testing.assert_allclose(found, golden["aji_plus"], rtol=1e-6)


def test_kappa(golden):
    """torchmetrics 1.9.0: MulticlassCohenKappa."""
    matrix = metrics.count(golden["label"], golden["predicted"], 4)
    assert metrics.cohen_kappa(matrix) == pytest.approx(golden["kappa"], abs=1e-6)
    assert metrics.cohen_kappa(np.eye(3)) == 1
    assert np.isnan(metrics.cohen_kappa([[5, 0], [0, 0]]))
    assert np.isnan(metrics.cohen_kappa(np.zeros((2, 2))))


def test_an_overlap_equal_to_the_threshold():
    """11 of 20 pixels are an IoU of 0.55 exactly, though 0.55 * 20 is more than 11."""
    true, seen = np.zeros((2, 20), int)
    true[:], seen[:11] = 1, 1
    for equal, found in ((False, 0), (True, 1)):
        counts = metrics.object_counts(true, seen, 0.55, equal=equal)
        assert counts.tolist() == [found, 1 - found, 1 - found]
    # Kaggle's score: found at 0.5 alone; COCO's ">=": at 0.5 and 0.55.
    assert metrics.average_precision(true, seen) == 0.1
    assert metrics.average_precision(true, seen, equal=True) == 0.2


def test_the_most_matches_below_one_half():
    """The large object overlaps both; it is given to the one that has no other."""
    pytest.importorskip("scipy")
    true = [[1, 1, 1, 2, 2, 2, 0, 0]]
    seen = [[7, 7, 7, 7, 8, 0, 8, 8]]
    counts = metrics.object_counts(true, seen, 0.1)
    assert counts.tolist() == [2, 0, 0]


@pytest.mark.parametrize("shape", [(0, 4), (3, 4), (2, 3, 4)])
def test_without_objects(shape):
    none, one = np.zeros(shape, int), np.ones(shape, int)
    assert np.isnan(metrics.average_precision(none, none))
    assert np.isnan(metrics.aggregated_jaccard(none, none))
    assert np.isnan(metrics.panoptic_quality(metrics.panoptic_counts(none, none))["pq"])
    if one.size:
        assert metrics.average_precision(one, none) == 0
        assert metrics.aggregated_jaccard(none, one) == 0
        assert metrics.panoptic_counts(one, one).tolist() == [1, 0, 0, 1]
        assert np.isnan(metrics.panoptic_quality([0, 1, 1, 0])["sq"])


def test_wrong_input_is_named(monkeypatch):
    one = np.ones((2, 2), int)
    for threshold, equal in ((1.0, False), (-0.1, False), (0.0, True), (1.1, True)):
        with pytest.raises(UserError, match="threshold must be in"):
            metrics.object_counts(one, one, threshold, equal)
    with pytest.raises(UserError, match="one shape"):
        metrics.aggregated_jaccard(one, np.ones(3))
    with pytest.raises(UserError, match=r"\(C, C\)"):
        metrics.cohen_kappa(np.ones((2, 3)))
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(UserError, match=r"pip install 'kerasseg\[datasets\]'"):
        metrics.object_counts(one, one, 0.3)
