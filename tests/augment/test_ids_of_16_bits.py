"""Labels of more than 255 classes: 255 moves like any other id, 65535 is ignore."""

import numpy as np

from kerasseg import augment
from kerasseg.augment import NUMBERS, Policy

IDS = np.array([[0, 1, 254, 255], [256, 257, 299, 65535]], np.uint16)
LABEL = np.stack([IDS, IDS[::-1], IDS[:, ::-1]])
IMAGE = np.stack([LABEL % 251] * 3, -1).astype(np.uint8)
DRAWN = np.random.default_rng(1).random((3, NUMBERS)).astype("float32")


def test_outside_the_source_is_ignored():
    _, label = augment.apply(IMAGE, LABEL, DRAWN, Policy(), (4, 6), ignore=65535)
    expected = np.full((4, 6), 65535)
    expected[1:3, 1:5] = IDS
    np.testing.assert_array_equal(label[0], expected)


def test_classmix_pastes_all_classes_and_nothing_ignored():
    policy = Policy(classmix=1.0)
    image, label = augment.apply(IMAGE, LABEL, DRAWN, policy, (2, 4), ignore=65535)
    label = np.asarray(label)
    np.testing.assert_array_equal(np.asarray(image)[..., 0], label % 251)
    pasted = label != LABEL
    assert pasted.any() and not (label[pasted] == 65535).any()
