"""The schedule keeps to the minutes: in the first epoch, after each, and compiled."""

import types

import numpy as np
import pytest

from kerasseg.fit import pacing, stopping


def paced(*seconds, epochs=10, minutes=10.0):
    log = [{"val_miou": "0", "seconds": str(s)} for s in seconds]
    return pacing.pace(log, epochs, minutes)


def test_the_pace_follows_the_seconds_of_epochs():
    # Ten epochs in ten minutes, as planned; the first one is slow, and alone in that.
    assert paced() == (0, 1)
    assert paced(90) == (1, 1)
    assert paced(90, 50, 50) == (3, 1)
    # 600 - 240 = 360 seconds are left after two of 120: three more, for eight.
    assert paced(120, 120) == (2, pytest.approx(8 / 3))
    assert paced(120, 120, 120, 120, 120)[0] == pytest.approx(10)
    assert paced(120, 120, 120, 120, 120)[1] == 0
    assert paced(120, 120, minutes=0) == (2, 1)


def test_the_pace_of_the_first_epoch_stands_in_its_row():
    log = [{"val_miou": "0", "seconds": "150", pacing.FIRST: "4.0"}]
    assert pacing.pace(log, 10, 5) == (4, 4)
    # 300 - 270 = 30 seconds are left: one more epoch, for what is left of the schedule.
    log += [{"val_miou": "0", "seconds": "120", pacing.FIRST: ""}]
    assert pacing.pace(log, 10, 5) == (8, 2)


def of_schedule(steps, epochs):
    """A Paced line from 1 to 0, and a model of gradient 1 with plain SGD: each step
    moves its only weight by the rate."""
    keras = pytest.importorskip("keras")
    if keras.backend.backend() == "jax":
        pytest.skip("JAX keeps the first values of the variables")
    from kerasseg.fit import schedules

    base = schedules.poly(1.0, steps * epochs, power=1.0)
    schedule = schedules.Paced(base)
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((1,)), layer])
    model.compile(
        keras.optimizers.SGD(schedule), loss=lambda true, seen: seen, jit_compile=False
    )
    model.optimizer.calls = lambda: (int(model.optimizer.iterations.numpy()), 0)
    return schedule, layer, model


class Clock:
    """Stands for `time`: each look at it is as many seconds later as `takes` says."""

    def __init__(self, takes):
        self.now, self.takes = 0.0, takes

    def monotonic(self):
        self.now += self.takes
        return self.now


def test_the_first_epoch_is_turned_after_a_few_steps(monkeypatch, capsys):
    """Ten epochs of 20 steps, three seconds each; two minutes hold two of them."""
    steps, epochs = 20, 10
    schedule, _, model = of_schedule(steps, epochs)
    rates = []
    first = pacing.FirstPace(schedule, steps, epochs, minutes=2)
    # Looked at when the epoch begins, and after steps 2 and 6: four steps, 12 seconds.
    monkeypatch.setattr(pacing, "time", Clock(12.0))

    class Rates(type(first).__base__):
        def on_train_batch_end(self, batch, logs=None):  # the rate of the next step
            made = float(model.optimizer.iterations.numpy())
            rates.append(float(schedule(made)))

    ones = np.ones((steps, 1), "float32")
    model.fit(ones, ones, 1, epochs=1, verbose=0, callbacks=[first, Rates()])
    # 24 of the 120 seconds are gone, 6 steps are made, 32 more fit: 38 for 200.
    speed = 200 / 38
    place = np.array([*range(1, 6), *(np.arange(6, 21) * speed)])
    np.testing.assert_allclose(rates, 1 - place / 200, rtol=1e-4)
    row = {"val_miou": "0", "seconds": "66", pacing.FIRST: str(first.speed)}
    assert first.speed == pytest.approx(speed)

    log = types.SimpleNamespace(rows=[row])
    pacing.Pace(log, schedule, steps, epochs, 2).on_epoch_end(0)
    said = " ".join(capsys.readouterr().out.split())
    assert "About 2 of 10 epochs fit into the 2 minutes" in said


def test_a_plan_that_fits_is_left_alone(monkeypatch):
    schedule, _, model = of_schedule(20, 10)
    first = pacing.FirstPace(schedule, 20, 10, minutes=10)
    monkeypatch.setattr(pacing, "time", Clock(12.0))
    ones = np.ones((20, 1), "float32")
    model.fit(ones, ones, 1, epochs=1, verbose=0, callbacks=[first])
    assert first.speed == 1 and float(schedule(20.0)) == pytest.approx(0.9)


def test_a_schedule_turns_inside_a_compiled_step():
    """Gradient 1 and plain SGD: each step moves the weight by the rate."""
    keras = pytest.importorskip("keras")
    steps, epochs = 4, 10
    schedule, layer, model = of_schedule(steps, epochs)
    log = types.SimpleNamespace(rows=[])
    weights = []

    class Epoch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs):
            log.rows.append({"val_miou": "0", "seconds": "120"})
            weights.append(float(layer.get_weights()[0].item()))

    pace = pacing.Pace(log, schedule, steps, epochs, minutes=10)
    stop = stopping.Stop(log, 0, 10, epochs)
    ones = np.ones((steps, 1), "float32")
    model.fit(ones, ones, 1, epochs=epochs, verbose=0, callbacks=[Epoch(), pace, stop])
    assert len(weights) == 5  # of ten that were planned: they take twice as long
    moved = -np.diff([0, *weights])
    # Two epochs as planned, the other eight in three: the rate falls 8 / 3 as fast.
    place = [*np.arange(8.0), *(8 + np.arange(12) * 8 / 3)]
    rates = (1 - np.array(place) / 40).reshape(5, 4).sum(1)
    np.testing.assert_allclose(moved, rates, rtol=1e-4)
