"""Rules of the plan, by facts made up for them."""

import dataclasses
import math

import pytest
from plan_facts import FACTS, rhythm

from kerasseg import config
from kerasseg.plan import rules


def planned(epochs=40, parameters=math.inf, **facts):
    seen = dataclasses.replace(FACTS, **facts)
    plan = rules.first(seen, "R", parameters)
    plan = rules.with_steps(plan, seen, rhythm(plan, epochs), "why")
    config.check(plan.settings)
    return plan


def test_each_choice_says_what_it_rests_on():
    plan = planned()
    assert all(dataclasses.astuple(choice) for choice in plan.choices)
    assert all(c.fact and c.rule and c.instead for c in plan.choices)
    assert planned() == plan


@pytest.mark.parametrize(
    ("facts", "size"),
    [
        ({}, (352, 480)),  # 360 is no multiple of 32
        ({"height": 384}, (0, 0)),  # as it is
        ({"height": 384, "one_size": False}, (384, 480)),
        ({"height": 1024, "width": 2048, "thickness": [9, 20.0]}, (416, 800)),
        # 3 pixels stay 3: a class two pixels thin must not be shrunk.
        ({"height": 1024, "width": 2048, "thickness": [3.0]}, (0, 0)),
        # Strays, one pixel in ten thousand, do not decide it.
        (
            {"height": 1080, "width": 1920, "thickness": [90, 2.0]}
            | {"shares": [0.9999, 1e-4]},
            (416, 768),
        ),
        ({"height": 8, "width": 8}, (32, 32)),
    ],
)
def test_size(facts, size):
    settings = planned(**facts).settings
    assert settings.data.size == size
    height, width = settings.data.crop
    assert height % 32 == width % 32 == 0
    assert height * width <= rules.LARGEST_CROP or min(height, width) == 32


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, {"flip": 0.5, "vertical_flip": 0.0, "quarter_turns": False}),
        (
            {"asymmetry": 0.1, "height": 512, "width": 512},
            {"vertical_flip": 0.5, "quarter_turns": True, "hue": 8.0},
        ),
        ({"names": ["left lung", "heart"]}, {"flip": 0.0, "vertical_flip": 0.0}),
        ({"gray": 1.0}, {"hue": 0.0, "saturation": 0.0, "brightness": 0.25}),
        ({"rgb8": False}, {"hue": 0.0, "cast": 0.0}),
    ],
)
def test_augmentation(facts, expected):
    policy = planned(**facts).settings.augment
    assert {name: getattr(policy, name) for name in expected} == expected


def test_what_follows_from_the_number_of_steps():
    few, some, many = (planned(epochs=e).settings.fit for e in (3, 10, 100))
    assert (few.ema, few.learning_rate) == (0.0, 4e-3)
    assert 0.9 < some.ema < many.ema <= 0.99
    assert many.learning_rate == 2e-3
    assert planned(exclusive=False).settings.fit.learning_rate > 2e-3


@pytest.mark.parametrize("train", [1, 5, 17, 100, 10**6])
def test_batch(train):
    data = planned(train=train).settings.data
    assert min(2, train) <= data.batch <= 8


def test_touching_objects_are_told_of_border_weights():
    (loss,) = (c for c in planned(touching=0.3).choices if c.what.startswith("loss"))
    assert "--fit.border_weight 10 (objects touch on 30 %" in loss.instead


@pytest.mark.parametrize(
    ("most", "name"),
    [
        (math.inf, "ladder_efficientnet_lite0"),
        (1e6, "lraspp_mobilenet_v3_small"),
        (1e5, "unet_small"),
    ],
)
def test_parameters(most, name):
    assert planned(parameters=most).settings.model.name == name


@pytest.mark.parametrize(
    ("minutes", "parameters", "facts", "stride"),
    [
        (15, math.inf, {}, 8),
        (30, math.inf, {"gray": 0.5}, 8),
        (15, math.inf, {"gray": 1.0}, 0),  # membranes: .783 instead of .789
        (31, math.inf, {}, 0),
        (15, 1e6, {}, 0),  # no weights of ImageNet
        (15, 1e5, {}, 0),  # no encoder
        (15, math.inf, {"channels": 12, "rgb8": False}, 0),  # its first layer is new
    ],
)
def test_layers_that_stay(minutes, parameters, facts, stride):
    seen = dataclasses.replace(FACTS, **facts)
    plan = rules.first(seen, "R", parameters)
    plan = rules.with_still_layers(plan, seen, minutes)
    assert plan.settings.fit.freeze == stride
    said = [c.instead for c in plan.choices if c.what == "layers that stay"]
    assert said == (["--fit.freeze 0"] if stride else [])


HD = {"height": 1080, "width": 1920, "thickness": [99.0, 30.0]}


@pytest.mark.parametrize(
    ("records", "facts", "minutes", "copy"),
    [
        ("mine", HD, 15, "mine.smaller"),
        ("mine/", HD, 15, "mine.smaller"),
        ("gs://b/mine", HD, 15, ""),
        ("mine", {}, 15, ""),  # as they are
        ("mine", {"height": 540, "width": 960, "thickness": [99.0, 30.0]}, 15, ""),
        ("mine", HD | {"train": 400, "val": 51}, 15, ""),  # seen too seldom
        ("mine", HD | {"train": 400, "val": 51}, 16, "mine.smaller"),
    ],
)
def test_large_images_are_read_from_a_smaller_copy(records, facts, minutes, copy):
    seen = dataclasses.replace(FACTS, **facts)
    plan = rules.with_smaller_copy(rules.first(seen, records), seen, minutes)
    assert plan.settings.data.smaller == copy
    said = [c.instead for c in plan.choices if c.what == "copy"]
    assert said == (["--data.smaller ''"] if copy else [])
