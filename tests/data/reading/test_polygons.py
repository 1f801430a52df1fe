"""Shapes as masks: against points inside, and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasseg.data.reading.drawn.polygons import VOID, box, class_ids, ellipse, polygon

corner = st.tuples(st.integers(-30, 60), st.integers(-30, 60))


@settings(deadline=None, max_examples=40)
@given(st.tuples(corner, corner, corner))
def test_a_triangle_has_what_is_inside_and_its_outline(corners):
    a, b, c = np.array(corners, float)
    mask = polygon(corners, (25, 31))
    y, x = np.mgrid[:25, :31]
    points = np.stack([x, y], -1).astype(float)

    def side(p, q):  # twice the area: its sign says on which side a point lies
        (dx, dy), to = q - p, points - p
        return dx * to[..., 1] - dy * to[..., 0]

    sides = np.stack([side(a, b), side(b, c), side(c, a)])
    inside = (sides > 0).all(0) | (sides < 0).all(0)
    lengths = [max(np.linalg.norm(q - p), 1) for p, q in [(a, b), (b, c), (c, a)]]
    distance = np.abs(sides) / np.array(lengths)[:, None, None]
    near = (distance <= 1).any(0)
    assert mask[inside & ~near].all()
    assert not mask[~inside & ~near].any()


def test_far_corners_are_cut():
    square = [(-4000, -4000), (4000, -4000), (4000, 5), (-4000, 5)]
    mask = polygon(square, (10, 12))
    assert mask[:6].all()
    assert not mask[6:].any()
    with pytest.raises(ValueError, match="leaves the image too far"):
        polygon([(0, 0), (5, 0), (0, 9000)], (10, 12))


@pytest.mark.parametrize(
    "wrong", [[], [(1, 1), (2, 2)], [(1, 1), (2, 2), (1, np.nan)], [(1, 1, 1)] * 3]
)
def test_what_is_no_polygon(wrong):
    with pytest.raises(ValueError, match=r"at least 3|NaN"):
        polygon(wrong, (5, 5))


def test_boxes_are_pixels_whose_centres_are_inside():
    mask = box(1, 2, 3, 2.5, (6, 8))
    assert mask[2:4, 1:4].all()
    assert mask.sum() == 6
    assert box(-5, -5, 100, 100, (6, 8)).all()
    assert not box(2.6, 2.6, 0.5, 0.5, (6, 8)).any()
    with pytest.raises(ValueError, match="NaN"):
        box(0, 0, np.nan, 1, (6, 8))


def test_ellipses():
    circle = ellipse((50, 40), (20, 20), 0, (100, 100))
    assert abs(circle.sum() - np.pi * 400) < 12
    assert (circle == ellipse((50, 40), (20, 20), 77, (100, 100))).all()
    flat = ellipse((50, 50), (30, 10), 0, (100, 100))
    assert abs(flat.sum() - np.pi * 300) < 12
    np.testing.assert_array_equal(flat.T, ellipse((50, 50), (30, 10), 90, (100, 100)))
    # Clockwise on the screen, where y grows downwards.
    turned = ellipse((50, 50), (30, 5), 30, (100, 100))
    assert turned[50 + 14, 50 + 24]
    assert not turned[50 - 14, 50 + 24]
    with pytest.raises(ValueError, match="radii"):
        ellipse((1, 1), (0, 2), 0, (5, 5))


def test_names_that_are_no_class():
    taxonomy, ids = class_ids(["b", "_background_", "__ignore__", "a", "b"])
    assert taxonomy.names == ("background", "b", "a")
    assert ids == {"b": 1, "_background_": 0, "__ignore__": VOID, "a": 2}
    assert class_ids(["background"])[0].names == ("background",)
