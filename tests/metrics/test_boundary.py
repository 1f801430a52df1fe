"""Boundary F1 and trimap against hand values and loops over all pixel pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kerasseg.metrics import boundary_f1, trimap

quick = settings(deadline=None, max_examples=25)
masks = hnp.arrays(
    np.uint8, (7, 8), elements=st.one_of(st.integers(0, 2), st.just(255))
)


def half(column, shape=(30, 40)):
    label = np.zeros(shape, np.uint8)
    label[:, column:] = 1
    return label


def loop_boundary(mask, valid):
    points = []
    for y, x in np.argwhere(mask & valid):
        for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            inside = 0 <= v < mask.shape[0] and 0 <= u < mask.shape[1]
            if inside and valid[v, u] and not mask[v, u]:
                points.append((y, x))
                break
    return np.array(points).reshape(-1, 2)


def loop_f1(label, predicted, num_classes, tolerance):
    valid = label < num_classes
    reach = tolerance * np.hypot(*label.shape)
    f1 = np.full(num_classes, np.nan)
    for c in range(num_classes):
        true = loop_boundary(label == c, valid)
        seen = loop_boundary(predicted == c, valid)
        if len(true):
            f1[c] = 0
        if len(true) and len(seen):
            distance = np.sqrt(((true[:, None] - seen[None]) ** 2).sum(-1))
            recall = (distance.min(1) <= reach).mean()
            precision = (distance.min(0) <= reach).mean()
            if precision + recall:
                f1[c] = 2 * precision * recall / (precision + recall)
    return f1


def test_shifted_edge_by_hand():
    # The diagonal of 30 x 40 is 50: 0.04 of it reaches 2 pixels.
    for shift, expected in ((0, 1), (1, 1), (2, 1), (3, 0)):
        f1 = boundary_f1(half(20), half(20 + shift), 3, tolerance=0.04)
        np.testing.assert_allclose(f1, [expected, expected, np.nan])


def test_precision_and_recall_by_hand():
    # True edge of class 1: column 20, 30 pixels. Predicted: the same and column 29
    # (a strip 20..29), so precision 1/2, recall 1, F1 2/3.
    predicted = half(20)
    predicted[:, 30:] = 0
    f1 = boundary_f1(half(20), predicted, 2, tolerance=0.01)
    assert f1[1] == pytest.approx(2 / 3)


def test_one_object_only_has_no_boundary():
    assert np.isnan(boundary_f1(np.zeros((5, 5), int), half(2, (5, 5)), 2)).all()


@quick
@given(masks, hnp.arrays(np.uint8, (7, 8), elements=st.integers(0, 2)))
def test_boundary_f1_equals_a_loop(label, predicted):
    # The diagonal is 10.63: 0.15 of it is 1.59, between sqrt(2) and 2.
    np.testing.assert_allclose(
        boundary_f1(label, predicted, 3, tolerance=0.15),
        loop_f1(label, predicted, 3, 0.15),
    )


@quick
@given(masks, hnp.arrays(np.uint8, (2, 7, 8), elements=st.integers(0, 2)))
def test_ignored_pixels_do_not_matter(label, predictions):
    changed = np.where(label == 255, predictions[1], predictions[0])
    np.testing.assert_array_equal(
        boundary_f1(label, predictions[0], 3), boundary_f1(label, changed, 3)
    )


@quick
@given(masks)
def test_perfect_boundary_is_one(label):
    f1 = boundary_f1(label, label, 3)
    np.testing.assert_array_equal(f1[~np.isnan(f1)], 1)


def test_trimap_by_hand():
    kept = trimap(half(20), width=2) != 255
    assert np.flatnonzero(kept.any(0)).tolist() == [18, 19, 20, 21]
    label = half(20)
    label[10, 5] = 255
    near_void = trimap(label, width=1) != 255
    assert near_void[9, 5] and near_void[10, 4] and not near_void[10, 5]
    assert not near_void[9, 4]  # sqrt(2) away


@quick
@given(masks, st.floats(1, 4))
def test_trimap_equals_a_loop(label, width):
    expected = np.full(label.shape, 255)
    for place in np.ndindex(label.shape):
        others = np.argwhere(label != label[place])
        distance = np.sqrt(((others - place) ** 2).sum(1))
        if label[place] != 255 and (distance <= width).any():
            expected[place] = label[place]
    np.testing.assert_array_equal(trimap(label, width), expected)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="shape"):
        boundary_f1(np.zeros((2, 5, 5)), np.zeros((2, 5, 5)), 2)
