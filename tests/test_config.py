import dataclasses
import math
import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasseg import UserError, config
from kerasseg.augment.policies import POLICIES, Policy


def written(tmp_path, text, name="unet.toml"):
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def test_round_trip_through_toml(tmp_path):
    words = "--fit.epochs 3 --data.crop 32 64 --augment.policy cells --augment.hue 1.5"
    words += " --fit.loss focal=1 soft_dice=0.5 --fit.deterministic True --name"
    before = config.parse([*words.split(), 'a "b" c'])
    path = written(tmp_path, config.to_toml(before), "config.toml")
    assert config.parse([path, "--name", before.name]) == before


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
"""Emoji, quotes, newlines, controls; all but what a file name can never hold."""
FACTORS = st.floats(min_value=0, exclude_min=True)


def values(kind):
    """Any value of a setting of that type."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        fields = {name: values(hint) for name, hint in hints.items()}
        if kind is Policy:  # that checks its ranges itself
            ranges = st.lists(FACTORS, min_size=2, max_size=2).map(sorted).map(tuple)
            fields |= {"scale": ranges, "gamma": ranges}
        return st.builds(kind, **fields)
    if origin is typing.Literal:
        return st.sampled_from(parts)
    if origin is tuple and parts[-1] is ...:
        words = TEXTS.filter(lambda text: not text.startswith("-"))
        each = words if parts[0] is str else values(parts[0])
        return st.lists(each, max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values, parts))
    simple = {str: TEXTS, bool: st.booleans(), int: st.integers()}
    return simple.get(kind, st.floats(allow_nan=False))


@settings(deadline=None, max_examples=25)
@given(before=values(config.Config))
def test_every_setting_survives_its_file(tmp_path_factory, before):
    path = tmp_path_factory.mktemp("recipe") / "any.toml"
    path.write_text(config.to_toml(before), encoding="utf-8")
    parsed = config.parse([str(path)])
    assert parsed == before
    assert config.to_toml(parsed) == config.to_toml(before)


@pytest.mark.parametrize(
    "name", ["road😀", 'a "b" c', "two\nlines", "--fit.epochs", ""]
)
def test_names_that_broke_the_file_once(tmp_path, name):
    before = dataclasses.replace(config.Config(), name=name)
    before = dataclasses.replace(before, fit=config.Fit(clip_norm=math.inf))
    path = written(tmp_path, config.to_toml(before), "config.toml")
    assert config.parse([path]) == before


def test_a_list_in_a_recipe_cannot_set_another_flag(tmp_path):
    path = written(tmp_path, '[fit]\nloss = ["--fit.epochs", "3"]\n')
    with pytest.raises(UserError, match=r"unet\.toml: a text in --fit\.loss must not"):
        config.parse([path])


def test_files_of_the_writer_before_still_parse(tmp_path):
    """It wrote JSON's texts, numbers and lists; later settings have their defaults."""
    text = 'seed = 3\nname = "caf\\u00e9"\nexport = true\n\n[data]\ncrop = [32, 64]\n'
    text += '\n[fit]\nlearning_rate = 1e-05\nloss = ["focal=1", "soft_dice=0.5"]\n'
    parsed = config.parse([written(tmp_path, text, "config.toml"), "--name", "café"])
    assert (parsed.seed, parsed.name, parsed.data.crop) == (3, "café", (32, 64))
    assert parsed.fit.learning_rate == 1e-5
    assert parsed.fit.loss == ("focal=1", "soft_dice=0.5")
    assert parsed.fit.epochs == config.Fit().epochs


def test_defaults_then_recipe_then_flags(tmp_path):
    recipe = written(tmp_path, "seed = 4\n[fit]\nepochs = 7\nlearning_rate = 0.5\n")
    parsed = config.parse([recipe, "--fit.epochs", "9"])
    assert (parsed.seed, parsed.fit.epochs, parsed.fit.learning_rate) == (4, 9, 0.5)
    assert parsed.fit.optimizer == config.Fit().optimizer


def test_policy_is_chosen_then_changed(tmp_path):
    recipe = written(tmp_path, '[augment]\nscale = [0.5, 2.0]\npolicy = "cells"\n')
    parsed = config.parse([recipe])
    assert parsed.augment == dataclasses.replace(POLICIES["cells"], scale=(0.5, 2.0))


@pytest.mark.parametrize(
    ("words", "policy"),
    [
        (["--augment.policy", "cells"], POLICIES["cells"]),
        (["--augment.policy=cells"], POLICIES["cells"]),
        (["--augment.policy=road", "--augment.policy", "cells"], POLICIES["cells"]),
        (["--augment.policy", "cells", "--augment.policy=road"], POLICIES["road"]),
        (
            ["--augment.hue=3", "--augment.policy=cells"],
            dataclasses.replace(POLICIES["cells"], hue=3.0),
        ),
    ],
)
def test_a_policy_is_given_as_every_flag_is(tmp_path, words, policy):
    assert config.parse(words).augment == policy
    recipe = written(tmp_path, '[augment]\npolicy = "none"\n')
    assert config.parse([recipe, *words]).augment == policy


def test_the_name_comes_from_the_recipe(tmp_path):
    folder = tmp_path / "camvid"
    folder.mkdir()
    assert config.parse([written(folder, "")]).name == "camvid-unet"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[fit]\nepoch = 3\n", "--fit.epochs"),
        ("[fitt]\nepochs = 3\n", "--fit.epochs"),
        ("[fit]\nepochs = 1.5\n", "--fit.epochs"),
        ("[augment]\nscale = [1, 2, 3]\n", "3"),
        ('[fit]\noptimizer = "magic"\n', "--fit.optimizer"),
    ],
)
def test_mistakes_in_a_recipe_name_key_and_file(tmp_path, capsys, text, hint):
    with pytest.raises(SystemExit) as left:
        config.parse([written(tmp_path, text)])
    assert left.value.code == 2
    said = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert hint in said
    assert "unet.toml" in said


@pytest.mark.parametrize(
    "words",
    [
        ["--augment.policy", "moon"],
        ["--augment.policy=moon"],
        ["--augment.policy=moon", "--augment.policy=road"],
        ["--augment.policy=road", "--augment.policy", "moon"],
    ],
)
def test_unknown_policy_lists_the_known(tmp_path, words):
    with pytest.raises(UserError, match=r"policy: unknown 'moon'\. Known: none, flip"):
        config.parse(words)
    with pytest.raises(
        UserError, match=r"unet\.toml: --augment.policy: unknown 'moon'"
    ):
        config.parse([written(tmp_path, '[augment]\npolicy = "moon"\n')])
    with pytest.raises(UserError, match="unknown ''"):
        config.parse(["--augment.policy"])


def test_a_recipe_that_is_no_toml(tmp_path):
    with pytest.raises(ValueError, match=r"unet\.toml is not valid TOML"):
        config.parse([written(tmp_path, "[fit\n")])
    with pytest.raises(ValueError, match="No recipe"):
        config.parse([str(tmp_path / "nowhere.toml")])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--fit.accumulate 3", "accumulate 3 does not divide --data.batch 4"),
        ("--fit.accumulate 0", "--fit.accumulate must be 1 or more, got 0"),
        ("--fit.ema 1", r"--fit.ema must be in \[0, 1\)"),
        ("--data.batch 0", "--data.batch must be 1 or more"),
        ("--fit.clip_norm inf", "--fit.clip_norm must be a finite .* 0 means no limit"),
        ("--fit.learning_rate nan", "--fit.learning_rate must be a finite number"),
        ("--fit.border_sigma=-inf", "--fit.border_sigma must be a finite number"),
        ("--augment.hue nan", "--augment.hue must be a finite number, got nan"),
        ("--augment.scale 1 inf", "--augment.scale must be a finite number, got inf"),
        ("--name a\udcff", r"--name must be text .* UTF-8.* got 'a\\udcff'"),
        ("--fit.loss a\udcff=1", "--fit.loss must be text"),
        ("--data.records a\0b", "--data.records must be text .* NUL"),
    ],
)
def test_settings_that_do_not_go(words, message):
    with pytest.raises(ValueError, match=message):
        config.check(config.parse(words.split()))


def test_options_are_toml_values():
    pairs = ("filters=16", "batch_norm=true", "encoder=lite0", "rates=[6, 12]", "a=''")
    expected = {"filters": 16, "batch_norm": True, "encoder": "lite0"}
    expected |= {"rates": [6, 12], "a": ""}
    assert config.options(pairs, "--model.options") == expected
    with pytest.raises(ValueError, match=r"--model\.options: expected key=value"):
        config.options(("filters",), "--model.options")
