"""A budget of minutes as epochs, for sets from ten images to a million."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st
from plan_facts import FACTS

from kerasseg.plan import budget, rules
from kerasseg.plan.machine import Cost

COST = Cost(ready=15, traced=25, step=0.4, image=0.06)


def rhythm(seconds, cost=COST, folds=0, export=True, **facts):
    seen = dataclasses.replace(FACTS, **facts)
    settings = rules.first(seen, "R").settings
    return budget.rhythm(settings, seen, cost, seconds, folds, export), settings


def test_a_middling_set_shows_each_image_once_and_asks_all():
    found, settings = rhythm(3600, train=1000, val=50)
    assert found.shown == 1 and not found.judged and found.adjust
    assert found.steps == 1000 // settings.data.batch
    assert found.epochs > 20 and found.statistics == 192


def test_a_small_set_is_shown_several_times_between_two_looks():
    found, settings = rhythm(900, train=40, val=40)
    assert found.shown > 1 and found.epochs >= budget.EPOCHS
    training = found.steps * COST.step
    assert training > 0.75 * found.epoch
    whole = COST.ready + COST.traced + found.epochs * found.epoch + found.after
    assert 0.92 * 900 < whole < 900
    assert settings.data.batch > 1


def test_a_large_set_is_judged_in_between_and_by_some():
    found, _ = rhythm(900, train=20_000, val=2000)
    assert found.shown < 1 and found.epochs >= budget.EPOCHS
    assert budget.LEAST_JUDGED <= found.judged < 400
    assert not found.adjust
    whole = COST.ready + COST.traced + found.epochs * found.epoch + found.after
    assert whole < 900


def test_without_files_all_are_asked_as_long_as_it_pays():
    with_files, _ = rhythm(300, train=367, val=101)
    without, _ = rhythm(300, train=367, val=101, export=False)
    assert without.epochs * without.steps > with_files.epochs * with_files.steps


@given(
    seconds=st.floats(60, 1e5),
    train=st.integers(2, 10**6),
    val=st.integers(1, 10**5),
    step=st.floats(0.01, 20),
    image=st.floats(0.001, 2),
    folds=st.sampled_from([0, 2, 5]),
    export=st.booleans(),
)
def test_whatever_the_set_it_is_a_training(
    seconds, train, val, step, image, folds, export
):
    cost = Cost(10, 20, step, image)
    options = {"cost": cost, "folds": folds, "export": export}
    found, _ = rhythm(seconds, **options, train=train, val=val)
    assert found.epochs >= 1 and found.steps >= 1
    assert 0 <= found.judged < max(val, 1)
    assert found.judged == 0 or found.judged >= budget.LEAST_JUDGED
    trainings = max(1, folds)
    fits = found.left >= trainings * found.epoch
    assert not fits or trainings * found.epochs * found.epoch <= found.left
