"""Options of networks: bounds by name, kinds by the default, one line for a slip."""

import inspect
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasseg import UserError, models
from kerasseg.models.encoders import ENCODERS
from kerasseg.models.options import BOUNDS, WHOLE, check_bounds

GIVEN = {"num_classes", "input_shape", "image", "name", "blocks"}


def parameters():
    """(whose, parameter) of all networks and encoders."""
    networks = {name: models.function(name) for name in models.MODELS}
    for whose, function in (networks | ENCODERS).items():
        for parameter in inspect.signature(function).parameters.values():
            if parameter.name not in GIVEN:
                yield whose, parameter


def test_every_option_of_numbers_has_a_row():
    missing = {
        (whose, p.name)
        for whose, p in parameters()
        if any(kind in str(p.annotation) for kind in ("int", "float"))
        and p.name not in BOUNDS
    }
    assert not missing


def test_every_row_is_an_option_and_every_default_inside():
    names = set()
    for whose, parameter in parameters():
        names.add(parameter.name)
        check_bounds({parameter.name: parameter.default}, whose)
    assert BOUNDS.keys() <= names


@given(
    st.sampled_from(sorted(BOUNDS)),
    st.one_of(
        st.floats(),
        st.integers(),
        st.sampled_from([math.nan, math.inf, -math.inf, -1, 0, 0.5, 1]),
    ),
    st.booleans(),
)
def test_a_value_is_inside_or_refused_with_its_name(name, value, several):
    bounds = BOUNDS[name]
    inside = (
        math.isfinite(value)
        and bounds.least <= value <= bounds.most
        and not (bounds.above and value == bounds.least)
        and not (bounds.below and value == bounds.most)
        and (name not in WHOLE or value == int(value))
    )
    options = {"encoder_options": {name: [value, value] if several else value}}
    if inside:
        check_bounds(options, "x")
    else:
        with pytest.raises(UserError, match=f"{name} must be ") as refused:
            check_bounds(options, "x")
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("unet", {"filters": -4}, "filters must be .*1 .*, got -4"),
        ("unet", {"filters": "many"}, "filters must be a number.*got 'many'"),
        ("unet", {"filters": [4, 8]}, "filters must be a number"),
        ("unet", {"batch_norm": "yes"}, "batch_norm must be true or false"),
        ("unet", {"padding": 3}, "padding must be a word"),
        ("ladder_efficientnet_lite0", {"filters": 8}, "filters must be a list"),
        ("unet", {"dropout": math.nan}, "dropout must be a finite number"),
        ("vnet", {"convolutions": [1, 2.5]}, "convolutions must be a whole number"),
        (
            "deeplab_v3_mobilenet_v2",
            {"encoder_options": {"width": 0}},
            "encoder_options: width must be .*, got 0",
        ),
    ],
)
def test_a_slip_is_one_line(name, options, words):
    with pytest.raises(UserError, match=words):
        models.build(name, 2, (32, 32, 3), **options)
