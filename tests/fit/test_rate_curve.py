"""--lr-find: the rate by made-up curves, and a real one that leaves nothing behind."""

import cv2
import numpy as np
import pytest
import walk

from kerasseg import UserError, train
from kerasseg.fit import rate_curve


def falling(middle, width, diverges=np.inf):
    """A loss that falls from 2 to 1 around a rate, and rises again above another."""
    rates = rate_curve._rates()
    x = np.log(rates / middle) / width
    rising = np.where(rates > diverges, 5 * np.log(rates / diverges), 0)
    return 1 + 1 / (1 + np.exp(x)) + rising


@pytest.mark.parametrize("middle", [1e-4, 1e-3, 1e-2])
def test_the_steepest_point_has_no_lag(middle, rng):
    losses = falling(middle, 1.0, diverges=0.3)
    found = rate_curve.curve_of(list(losses + rng.normal(0, 0.005, len(losses))))
    assert found.steepest == pytest.approx(middle, rel=0.5)
    assert 0.5 * middle < found.suggestion <= found.steepest


def test_a_tenth_of_the_lowest_bounds_it():
    found = rate_curve.curve_of(list(falling(1e-2, 0.5, diverges=2e-2)))
    assert found.suggestion == pytest.approx(found.lowest / 10)


def test_no_rate_where_the_loss_only_rises():
    found = rate_curve.curve_of(list(np.linspace(1, 2, 50)))
    assert np.isnan(found.suggestion)


class Diverges:
    """Stands in for a trainer whose loss becomes `last` from step 30 on."""

    def __init__(self, last):
        self.last, self.steps, self.rates = last, 0, []
        self.optimizer = self
        self.inner_optimizer = self

    def reset_metrics(self):
        pass

    def train_on_batch(self, batch, return_dict):
        self.rates.append(self.learning_rate)
        self.steps += 1
        return {"loss": 1.0 if self.steps <= 30 else self.last}


@pytest.mark.parametrize(("last", "steps"), [(np.nan, 30), (100.0, 31)])
def test_it_ends_where_the_loss_diverges(last, steps):
    trainer = Diverges(last)
    losses = rate_curve._losses(trainer, [{}] * rate_curve.STEPS)
    assert len(losses) == steps
    assert trainer.rates[0] == rate_curve.LOWEST
    ratios = np.diff(np.log(trainer.rates))
    np.testing.assert_allclose(ratios, ratios[0])


@pytest.mark.processes  # a hundred steps
def test_it_draws_and_leaves_nothing_else(
    shared_records, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    train.main([*walk.flags(shared_records, tmp_path / "runs"), "--lr-find"])
    said = capsys.readouterr().out
    assert "Suggested" in said and "--fit.learning_rate" in said
    assert [path.name for path in tmp_path.iterdir()] == ["walk-lr_find.png"]
    assert cv2.imread("walk-lr_find.png").shape[2] == 3


def test_a_loss_that_is_never_finite_is_no_fault_of_the_rate():
    trainer = Diverges(np.inf)
    trainer.steps = 30
    with pytest.raises(UserError, match="the rate is not to blame"):
        rate_curve._losses(trainer, [{}] * rate_curve.STEPS)
