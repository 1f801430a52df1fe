import dataclasses

import pytest

from kerasseg import config
from kerasseg.augment.policies import POLICIES


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


def test_defaults_then_recipe_then_flags(tmp_path):
    recipe = written(tmp_path, "seed = 4\n[fit]\nepochs = 7\nlearning_rate = 0.5\n")
    parsed = config.parse([recipe, "--fit.epochs", "9"])
    assert (parsed.seed, parsed.fit.epochs, parsed.fit.learning_rate) == (4, 9, 0.5)
    assert parsed.fit.optimizer == config.Fit().optimizer


def test_policy_is_chosen_then_changed(tmp_path):
    recipe = written(tmp_path, '[augment]\nscale = [0.5, 2.0]\npolicy = "cells"\n')
    parsed = config.parse([recipe])
    assert parsed.augment == dataclasses.replace(POLICIES["cells"], scale=(0.5, 2.0))


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
        ("[data]\ncrop = [1, 2, 3]\n", "3"),
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


def test_unknown_policy_lists_the_known():
    with pytest.raises(ValueError, match="unknown 'moon'"):
        config.parse(["--augment.policy", "moon"])


def test_a_recipe_that_is_no_toml(tmp_path):
    with pytest.raises(ValueError, match=r"unet\.toml is not valid TOML"):
        config.parse([written(tmp_path, "[fit\n")])
    with pytest.raises(ValueError, match="No recipe"):
        config.parse([str(tmp_path / "nowhere.toml")])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--fit.accumulate 3", "accumulate 3 does not divide --data.batch 4"),
        ("--fit.accumulate 0", "--fit.accumulate must be above 0"),
        ("--fit.ema 1", r"--fit.ema must be in \[0, 1\)"),
        ("--data.batch 0", "--data.batch must be above 0"),
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
