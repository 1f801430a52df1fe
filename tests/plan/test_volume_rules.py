"""Rules of a plan for volumes, by facts made up for them."""

import dataclasses

import pytest
from plan_facts import FACTS, rhythm

from kerasseg import config, models
from kerasseg.plan import rules, volume_rules


def planned(**facts):
    seen = dataclasses.replace(
        FACTS, depth=36, height=50, width=35, spacing=[1.0, 1.0, 1.0], channels=1
    )
    seen = dataclasses.replace(seen, **facts)
    plan = rules.first(seen, "R")
    plan = rules.with_steps(plan, seen, rhythm(plan, 40), "why")
    config.check(plan.settings)
    return plan


def test_each_choice_says_what_it_rests_on():
    assert all(c.fact and c.rule and c.instead for c in planned().choices)


@pytest.mark.parametrize(
    ("shape", "spacing", "patch", "depth"),
    [
        # nnU-Net plans 40 x 56 x 40 and three halvings for the hippocampus, too.
        ((36, 50, 35), (1.0, 1.0, 1.0), (40, 48, 32), 3),
        ((20, 320, 320), (3.6, 0.6, 0.6), (20, 80, 80), 3),
        ((200, 512, 512), (2.0, 0.8, 0.8), (32, 64, 64), 3),
        ((1, 64, 64), (1.0, 1.0, 1.0), (2, 64, 64), 1),
    ],
)
def test_patches_fit_the_network_and_the_volume(shape, spacing, patch, depth):
    found, levels = volume_rules.patch_of(shape, spacing)
    assert levels == depth
    options = {"filters": 1, "depth": levels, "spacing": spacing}
    models.build("unet_3d", 2, (*found, 1), **options)  # takes the size
    assert all(abs(a - b) <= 0.25 * b + 1 for a, b in zip(found, patch, strict=True))


def test_names_of_sides_are_not_mirrored():
    assert planned().settings.augment.flip == 0.5
    names = ["background", "left kidney"]
    assert planned(names=names).settings.augment.flip == 0


def test_a_small_network_is_asked_for():
    seen = dataclasses.replace(FACTS, depth=36, spacing=[1.0, 1.0, 1.0])
    options = rules.first(seen, "R", 1e6).settings.model.options
    assert "filters=8" in options


def test_patches_of_a_grid():
    seen = dataclasses.replace(FACTS, depth=36, height=50, width=35)
    assert volume_rules.patches(seen, (40, 48, 32)) == 4
