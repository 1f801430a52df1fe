"""A training ends early by what its log says, and by nothing else."""

import types

import pytest

from kerasseg.fit import stopping


def rows(*scores, seconds=30):
    return [{"val_miou": str(s), "seconds": str(seconds)} for s in scores]


@pytest.mark.parametrize(
    ("scores", "patience", "minutes", "why"),
    [
        ((), 1, 1, ""),
        ((0.5, 0.4, 0.3), 0, 0, ""),
        ((0.5, 0.4), 2, 0, ""),
        ((0.5, 0.4, 0.5), 2, 0, "no better score for 2 epochs after epoch 1"),
        ((0.5, 0.4, 0.6), 2, 0, ""),
        ((0.1,), 0, 1, ""),
        ((0.1, 0.2), 0, 1, "the 1 minutes of --fit.minutes are used"),
        ((0.1,), 0, 0.4, "the 0.4 minutes of --fit.minutes are used"),
    ],
)
def test_reason(scores, patience, minutes, why):
    assert stopping.reason(rows(*scores), patience, minutes) == why


def test_the_callback_reads_the_log():
    log = types.SimpleNamespace(rows=rows(0.5, 0.4))
    stop = stopping.Stop(log, 2, 0)
    stop.set_model(types.SimpleNamespace(stop_training=False))
    stop.on_epoch_end(1)
    assert not stop.model.stop_training
    log.rows += rows(0.3)
    stop.on_epoch_end(2)
    assert stop.model.stop_training


def test_a_paced_training_ends_with_its_schedule():
    log = [{"val_miou": "0", "seconds": "120"}] * 5
    assert not stopping.reason(log[:4], 0, 10, 10)
    assert "10 minutes" in stopping.reason(log, 0, 10, 10)
    assert not stopping.reason(log, 0, 0, 10)
