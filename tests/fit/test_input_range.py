"""--data.normalise: from the statistics of records to a network's first layers."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasseg import UserError, config
from kerasseg.config import normalisation
from kerasseg.fit.input_range import input_range_of, normalisation_in_words
from kerasseg.image_format import GRAY, RGB, BandStatistics, ImageFormat, InputRange

TWO = ImageFormat.of(("vv", "vh"), "float32").with_statistics(
    (
        BandStatistics(-9.0, 99.0, 2.0, 3.0, low=-4.0, high=10.0),
        # A few huge numbers: more deviation than clipped values can have.
        BandStatistics(0.0, 1e9, 5e4, 1e7, low=0.0, high=100.0),
    )
)


def test_pictures_stay_as_they_are_and_others_are_clipped():
    assert input_range_of(RGB) is None
    # Gray of 8 bits is clipped too: microscopes give pictures that are all dark.
    band = BandStatistics(0.0, 90.0, 20.0, 10.0, low=2.0, high=60.0)
    expected = InputRange((2.0,), (60.0,), (20.0,), (10.0,))
    assert input_range_of(GRAY.with_statistics((band,))) == expected
    assert input_range_of(TWO, ("none",)) is None
    expected = InputRange((-4.0, 0.0), (10.0, 100.0), (2.0, 100.0), (3.0, 50.0))
    assert input_range_of(TWO) == input_range_of(TWO, ("percentile",)) == expected


def test_scaling_alone_and_a_range_that_is_given():
    endless = input_range_of(TWO, ("zscore",))
    assert endless.low == (-math.inf, -math.inf)
    assert (endless.mean, endless.deviation) == ((2.0, 5e4), (3.0, 1e7))
    wide = input_range_of(TWO, ("range", "-1024", "3071"))
    assert wide.picture and (wide.low[1], wide.high[0]) == (-1024, 3071)
    assert input_range_of(RGB, ("range", "0", "255")).picture


def test_a_band_of_one_value_and_one_that_is_seldom_not_zero():
    constant = BandStatistics(7.0, 7.0, 7.0, 0.0, low=7.0, high=7.0)
    seldom = BandStatistics(0.0, 50.0, 0.1, 2.0, low=0.0, high=0.0)
    images = TWO.with_statistics((constant, seldom))
    found = input_range_of(images)
    assert (found.low, found.high) == ((7.0, 0.0), (7.0, 50.0))
    assert found.deviation == (0.0, 2.0)
    assert "always the same: vv" in normalisation_in_words(images, config.Data())


def test_records_without_statistics_are_refused_with_the_cure():
    images = ImageFormat.of(("gray",), "uint16")
    with pytest.raises(UserError, match=r"normalise percentile needs .* range LOW"):
        input_range_of(images)
    assert input_range_of(images, ("range", "0", "4095")).high == (4095.0,)


@pytest.mark.parametrize(
    "words",
    [
        *((), ("auot",), ("none", "1"), ("percentile", "1", "99")),
        *(("range",), ("range", "1"), ("range", "0", "1", "2"), ("range", "2", "1")),
        *(("range", "0", "x"), ("range", "nan", "1"), ("range", "0", "inf")),
    ],
)
def test_wrong_words_are_refused_in_one_line(words):
    settings = config.Config()
    data = dataclasses.replace(settings.data, normalise=words)
    with pytest.raises(UserError, match=r"--data\.normalise") as caught:
        config.check(dataclasses.replace(settings, data=data))
    assert "\n" not in str(caught.value)


@given(st.lists(st.text(max_size=8), max_size=4))
def test_any_words_are_understood_or_refused(words):
    try:
        name, low, high = normalisation(tuple(words))
    except UserError:
        return
    assert low < high if name == "range" else (low, high) == (0, 0)


@pytest.mark.parametrize(
    "words",
    [("auto",), ("zscore",), ("range", "-1024", "3071"), ("range", "-.5", "1e3")],
)
def test_flags_and_recipes_hold_them(tmp_path, words):
    settings = config.parse(["--data.normalise", *words])
    assert settings.data.normalise == words
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(config.to_toml(settings))
    assert config.parse([str(recipe)]).data.normalise == words
