"""Augmentation compiled by XLA equals the plain one."""

import keras
import numpy as np
import pytest

from kerasseg import augment
from kerasseg.fit.augmentation import augmentation

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="others compile the whole step"
)


def test_augmentation_in_one_pass_is_the_same(rng):
    """XLA rounds exponentials and sums another way, by hundredths of a grey level."""
    image = rng.integers(0, 256, (3, 30, 50, 3)).astype("uint8")
    label = rng.integers(0, 5, (3, 30, 50)).astype("uint8")
    numbers = rng.random((3, augment.NUMBERS)).astype("float32")
    policy, size = augment.POLICIES["road"], (24, 40)
    expected = augment.apply(image, label, numbers, policy, size, label)
    found = augmentation(policy, size)(image, label, numbers, label)
    moved, *ids = (keras.ops.convert_to_numpy(x) for x in found)
    np.testing.assert_allclose(moved, keras.ops.convert_to_numpy(expected[0]), atol=0.1)
    for one, other in zip(ids, expected[1:], strict=True):
        assert np.mean(one != keras.ops.convert_to_numpy(other)) < 1e-3
