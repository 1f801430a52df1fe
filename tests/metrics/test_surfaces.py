"""Distances of surfaces: by hand, by MONAI, in two and three dimensions."""

import sys
from pathlib import Path

import numpy as np
import pytest

from kerasseg import UserError
from kerasseg.metrics import surface_distances, surface_scores

pytest.importorskip("scipy")


@pytest.mark.parametrize("name", ["plane", "volume"])
def test_monai_agrees(name):
    """MONAI 1.6.1, see golden/make_surfaces.py."""
    golden = np.load(Path(__file__).parents[1] / "golden" / "surfaces.npz")
    masks = golden[f"{name}_true"], golden[f"{name}_seen"]
    own = {"plane": (0.5, 2.0), "volume": (3.0, 1.0, 0.7)}[name]
    for key, spacing in (("one", 1.0), ("own", own)):
        found = surface_distances(*masks, spacing)
        mean, at_95, at_100, *dice = golden[f"{name}_{key}"]
        scores = surface_scores(found)
        assert scores["assd"] == pytest.approx(mean, rel=1e-5)
        assert scores["hausdorff"] == pytest.approx(at_95, rel=1e-5)
        whole = surface_scores(found, percentile=100)
        assert whole["hausdorff"] == pytest.approx(at_100, rel=1e-5)
        for tolerance, expected in zip((0.0, 1.0, 2.5), dice, strict=True):
            share = surface_scores(found, tolerance)["surface_dice"]
            assert share == pytest.approx(expected, rel=1e-5)


def test_two_squares_by_hand():
    """Of side 3, one moved by 2 pixels of 0.5 mm."""
    true, seen = np.zeros((2, 9, 9))
    true[3:6, 1:4] = 1
    seen[3:6, 3:6] = 1
    to_seen, to_true = surface_distances(true, seen, (1, 0.5))
    # Columns 1, 2 and 3 hold 3, 2 and 3 surface pixels.
    assert sorted(to_seen) == [0, 0, 0, 0.5, 0.5, 1, 1, 1]
    assert sorted(to_true) == sorted(to_seen)
    scores = surface_scores((to_seen, to_true), tolerance=0.5)
    assert scores["assd"] == 0.5 and scores["hausdorff"] == 1
    assert scores["surface_dice"] == 10 / 16


def test_empty_masks():
    one, none = np.ones((3, 4)), np.zeros((3, 4))
    for masks in ((one, none), (none, one)):
        scores = surface_scores(surface_distances(*masks))
        assert (scores["assd"], scores["hausdorff"]) == (np.inf, np.inf)
        assert scores["surface_dice"] == 0
    nothing = surface_scores(surface_distances(none, none))
    assert all(np.isnan(value) for value in nothing.values())
    same = surface_scores(surface_distances(one, one), tolerance=0)
    assert tuple(same.values()) == (0, 0, 1)


def test_wrong_input_is_named(monkeypatch):
    one = np.ones((3, 4))
    with pytest.raises(UserError, match="one shape"):
        surface_distances(one, np.ones((4, 3)))
    for spacing in (0, (1, 2, 3), (1, -1), np.nan, [[1, 1]]):
        with pytest.raises(UserError, match="spacing must be"):
            surface_distances(one, one, spacing)
    for wrong in ({"tolerance": -1}, {"percentile": 101}):
        with pytest.raises(UserError, match="percentile in"):
            surface_scores(([], []), **wrong)
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(UserError, match=r"pip install 'kerasseg\[datasets\]'"):
        surface_distances(one, one)
