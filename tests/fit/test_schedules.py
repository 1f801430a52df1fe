"""Learning rates at steps worked out by hand."""

import keras
import numpy as np
import pytest

from kerasseg.fit import schedules

pytestmark = pytest.mark.agnostic


def rates(schedule, steps):
    return [float(keras.ops.convert_to_numpy(schedule(step))) for step in steps]


def test_poly_by_hand():
    # 0.01 (1 - 50/100)^0.9 = 0.01 * 0.535887
    schedule = schedules.poly(0.01, 100)
    expected = [0.01, 0.00535887, 0.01 * 0.01**0.9, 0.0, 0.0]
    np.testing.assert_allclose(rates(schedule, [0, 50, 99, 100, 150]), expected, 1e-5)
    linear = rates(schedules.poly(0.2, 10, power=1.0), [0, 5, 9])
    np.testing.assert_allclose(linear, [0.2, 0.1, 0.02], 1e-5)


def test_warmup_cosine_by_hand():
    schedule = schedules.warmup_cosine(0.4, steps=110, warmup=10, final=0.2)
    # t = 1/4: 0.2 + 0.2 (1 + cos 45 degrees) / 2 = 0.2 + 0.2 * 0.853553
    expected = [0.0, 0.2, 0.4, 0.3707107, 0.3, 0.2, 0.2]
    found = rates(schedule, [0, 5, 10, 35, 60, 110, 200])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)


def test_without_warmup_it_starts_at_the_peak():
    found = rates(schedules.warmup_cosine(0.4, steps=100, warmup=0), [0, 50, 100])
    np.testing.assert_allclose(found, [0.4, 0.2, 0.0], atol=1e-7)


def test_an_optimizer_follows_it():
    variable = keras.Variable([0.0])
    optimizer = keras.optimizers.SGD(schedules.poly(1.0, 4, power=1.0))
    for _ in range(2):  # steps of 1 and 3/4
        optimizer.apply([keras.ops.ones((1,))], [variable])
    assert float(keras.ops.convert_to_numpy(variable.value)[0]) == -1.75


def test_schedules_by_name():
    assert schedules.schedule("constant", 0.3, 10, 0.1) == 0.3
    rate = schedules.schedule("poly", 0.01, 100, 0.1)
    np.testing.assert_allclose(rates(rate, [50]), [0.00535887], 1e-5)
    rate = schedules.schedule("warmup_cosine", 0.4, 100, 0.095)
    np.testing.assert_allclose(rates(rate, [5, 10]), [0.2, 0.4], 1e-5)
    with pytest.raises(ValueError, match="Unknown schedule 'step'"):
        schedules.schedule("step", 0.1, 10, 0.1)


@pytest.mark.parametrize("warmup", [-1, 100, 200])
def test_warmup_must_fit(warmup):
    with pytest.raises(ValueError, match="warmup"):
        schedules.warmup_cosine(0.1, steps=100, warmup=warmup)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_training_of_few_steps_has_the_default_warmup(steps):
    """Two images in batches of 16, one epoch: a single step, at the full rate."""
    schedule = schedules.schedule("warmup_cosine", 0.4, steps, 0.05)
    assert max(rates(schedule, range(steps))) == pytest.approx(0.4)


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_warmup_that_is_no_share_is_refused(share):
    with pytest.raises(ValueError, match=r"--fit\.warmup must be in \[0, 1\)"):
        schedules.schedule("warmup_cosine", 0.4, 10, share)
