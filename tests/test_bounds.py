"""Every setting has bounds, and a value outside is one line that names its flag."""

import dataclasses
import math
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasseg import UserError, config
from kerasseg.augment.policies import POLICIES
from kerasseg.config.bounds import BOUNDS, Number
from kerasseg.config.settings import Config, flags_of


def kinds(kind=Config, prefix="--"):
    """Flag -> type of each setting."""
    for name, hint in typing.get_type_hints(kind).items():
        if dataclasses.is_dataclass(hint):
            yield from kinds(hint, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", hint


KINDS = dict(kinds())
NUMBERS = {flag: row for flag, row in BOUNDS.items() if isinstance(row, Number)}


def test_every_setting_has_a_row():
    """Yes or no, and words of a list, are checked by their type."""
    free = {
        flag
        for flag, hint in KINDS.items()
        if hint is bool or typing.get_origin(hint) is typing.Literal
    }
    assert BOUNDS.keys() == KINDS.keys() - free


def with_value(flag, value):
    """The default settings with one value, or both of a pair, changed."""
    kind, one = KINDS[flag], value
    if typing.get_origin(kind) is tuple:
        value = (value,) * len(typing.get_args(kind))
    *path, last = flag.removeprefix("--").split(".")
    made = Config()
    if not path:
        return dataclasses.replace(made, **{last: value})
    part = getattr(made, path[0])
    try:
        part = dataclasses.replace(part, **{last: value})
    except UserError:  # a policy checks its ranges when it is made
        assert not NUMBERS[flag].least <= one <= NUMBERS[flag].most
        raise
    return dataclasses.replace(made, **{path[0]: part})


@given(
    st.sampled_from(sorted(NUMBERS)),
    st.one_of(
        st.floats(),
        st.integers(-(2**70), 2**70),
        st.sampled_from([0, 1, -1, -0.0, 2**31, math.nan, math.inf]),
    ),
)
def test_a_number_is_inside_or_refused(flag, value):
    whole = int in (KINDS[flag], *typing.get_args(KINDS[flag]))
    if whole and math.isfinite(value):
        value = int(value)
    row = NUMBERS[flag]
    inside = row.least <= value <= row.most and math.isfinite(value)
    inside &= not (row.above and value == row.least)
    inside &= not (row.below and value == row.most)
    try:
        config.check(with_value(flag, value))
    except UserError as error:
        said = str(error)
        assert "\n" not in said
        assert flag in said or said.startswith("Policy.")
        # Some also depend on another setting.
        assert not inside or flag in ("--fit.accumulate", "--data.size", "--data.crop")
    else:
        assert inside


def test_defaults_and_policies_are_inside():
    for policy in POLICIES.values():
        config.check(dataclasses.replace(Config(), augment=policy))
    assert set(dict(flags_of(dataclasses.asdict(Config())))) == KINDS.keys()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--name ../escape", "--name must be a name of a folder inside --out"),
        ("--name /escape", "inside --out, got '/escape'. Set --out instead."),
        ("--name a/../../b", "inside --out"),
        (r"--name ..\escape", "inside --out"),
        (r"--name C:\escape", "inside --out"),
        ("--name a/", "inside --out"),
        ("--out=", "--out must not be empty."),
        ("--seed=-1", "--seed must be 0 or more, got -1."),
        ("--seed 4294967296", "--seed must be at most 4294967295"),
        ("--data.threads=-3", r"--data.threads must be in \[0, 4096\], got -3."),
        ("--data.shuffle 0", "--data.shuffle must be 1 or more"),
        ("--data.train=", "--data.train must not be empty."),
        ("--data.crop=-8 8", "--data.crop must be 0 or more, got -8."),
        ("--data.size 0 8", "--data.size must be two sides above 0, or 0 0, got 0 8."),
        ("--data.crop 8 0 8", "above 0, or 0 0, got 8 0 8. Volumes have three sides."),
        ("--data.crop 8", "above 0, or 0 0, got 8. Volumes have three sides."),
        ("--fit.warmup 1.5", r"--fit.warmup must be in \[0, 1\]"),
        ("--fit.clip_norm=-1", "--fit.clip_norm must be 0 or more, got -1.0. 0 means"),
        ("--fit.weight_decay=-1", "--fit.weight_decay must be 0 or more"),
        ("--augment.flip 2", r"--augment.flip must be in \[0, 1\], got 2"),
        ("--augment.rotation=-3", r"--augment.rotation must be in \[0, 180\]"),
        ("--augment.brightness 1", r"--augment.brightness must be in \[0, 1\)"),
        ("--augment.jpeg_quality 0", "--augment.jpeg_quality must be"),
        ("--fit.loss cross_entropy=0", "must have a loss of a weight above 0"),
        ("--fit.loss cross_entropy=-1", "the weight of cross_entropy must be a number"),
        ("--fit.loss cross_entropy=nan", "the weight of cross_entropy must be"),
        ("--fit.loss cross_entropy=true", "the weight of cross_entropy must be"),
        ("--fit.loss focal=1 focal=2", "--fit.loss names a loss twice"),
    ],
)
def test_what_was_tried(words, said):
    with pytest.raises(UserError, match=said):
        config.check(config.parse(words.split(" ")))


@pytest.mark.parametrize("name", ["road😀", "of/mine", "a[b]", "..a", "a b", "-x"])
def test_other_names_stay(name):
    config.check(config.parse([f"--name={name}"]))
