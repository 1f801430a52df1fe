"""Largest pieces and holes, on labels small enough to see."""

import numpy as np

from kerasseg.inference.volumes.cleaning import cleaned


def test_the_largest_piece_of_each_class_is_kept():
    label = np.zeros((1, 3, 7), np.uint8)
    label[0] = [[1, 1, 0, 0, 2, 0, 2], [0, 0, 1, 0, 2, 0, 0], [0, 0, 0, 0, 0, 0, 1]]
    found = cleaned(label.copy(), largest=True)[0]
    # The three 1s hang together by a corner.
    wanted = [[1, 1, 0, 0, 2, 0, 0], [0, 0, 1, 0, 2, 0, 0], [0, 0, 0, 0, 0, 0, 0]]
    assert found.tolist() == wanted


def test_holes_are_filled_but_not_those_that_are_open_or_of_another_class():
    label = np.zeros((5, 5, 5), np.uint8)
    label[1:4, 1:4, 1:4] = 1
    label[2, 2, 2] = 0
    assert cleaned(label.copy(), fill=True)[2, 2, 2] == 1
    label[2, 2, 1] = 0  # a way out
    assert cleaned(label.copy(), fill=True)[2, 2, 2] == 0
    label[2, 2, 1:3] = 1, 2
    assert cleaned(label.copy(), fill=True)[2, 2, 2] == 2


def test_planes_of_overlapping_classes_are_cleaned_one_by_one():
    planes = np.zeros((1, 1, 5, 2), np.uint8)
    planes[0, 0, :, 0] = [1, 1, 0, 1, 0]
    planes[0, 0, :, 1] = [1, 0, 1, 1, 1]
    found = cleaned(planes, exclusive=False, largest=True)
    assert found[0, 0, :, 0].tolist() == [1, 1, 0, 0, 0]
    assert found[0, 0, :, 1].tolist() == [0, 0, 1, 1, 1]


def test_nothing_asked_for_is_nothing_done():
    label = np.arange(3, dtype=np.uint8)[None, None]
    assert cleaned(label) is label
