"""--fit.options and --fit.class_weights: from words to the loss of a training."""

from types import SimpleNamespace

import numpy as np
import pytest

from kerasseg import UserError, config, losses
from kerasseg.data.class_weights import SEGNET_CAMVID
from kerasseg.data.datasets import camvid
from kerasseg.fit import from_settings
from kerasseg.fit.class_weighting import weights_of

NAMES = ("road", "traffic light", "a=b")
SPLIT = SimpleNamespace(pixels=(64, 16, 4), pixels_of_images_with=(100, 100, 100))
SQRT = [0.5, 1, 2]
"""By hand: the median frequency is 0.16, so 0.25 1 4, and their roots."""


@pytest.mark.parametrize(
    "words, weights",
    [
        (("none",), None),
        ((), None),
        ("sqrt_median", SQRT),
        (("median",), [0.25, 1, 4]),
        (("inverse_log",), 1 / np.log(1.02 + np.array([64, 16, 4]) / 84)),
        (("sqrt_median", "a=b=7"), [0.5, 1, 7]),
        (("none", "road=2"), [2, 1, 1]),
        (("traffic light=2.5",), [1, 2.5, 1]),
        (("0.1", "2", "3e-1"), [0.1, 2, 0.3]),
    ],
)
def test_class_weights(words, weights):
    found = weights_of(words, SPLIT, NAMES)
    if weights is None:
        assert found is None
    else:
        np.testing.assert_allclose(found, weights, rtol=1e-6)


def test_segnet_by_name():
    names = camvid.TAXONOMY.names
    assert weights_of(("segnet_camvid",), SPLIT, names) == list(SEGNET_CAMVID)
    with pytest.raises(UserError, match=r"is for CamVid's classes sky, .*have road"):
        weights_of(("segnet_camvid",), SPLIT, NAMES)


@pytest.mark.parametrize(
    "words, message",
    [
        (("raod=2",), "no class 'raod'. Classes: road, traffic light, a=b"),
        (("1", "2"), "2 numbers for 3 classes, road,"),
        (("road=0", "traffic light=0", "a=b=0"), "all weights are 0"),
        (("mediam",), "one of none, median, .* got 'mediam'"),
        (("road=1", "median"), "got 'median'"),
        (("road=x",), "finite number of 0 or more, got 'road=x'"),
        (("road=-1",), "finite number of 0 or more, got 'road=-1'"),
        (("1", "nan", "2"), "got 'nan'"),
        (("road=1", "road=2"), "class 'road' is given twice"),
    ],
)
def test_class_weights_that_are_none(words, message):
    with pytest.raises(UserError, match=rf"^--fit\.class_weights.*{message}"):
        weights_of(words, SPLIT, NAMES)


def fit_of(*flags):
    settings = config.parse([*flags])
    config.check(settings)
    return settings.fit


@pytest.mark.parametrize("form", ["recipe", "flags"])
def test_options_and_weights_reach_the_loss(tmp_path, form):
    options = ["tversky.alpha=0.4", "focal.gamma=[0, 1, 2]", "tversky.log=true"]
    words = ["focal=1", "tversky=0.5"]
    if form == "flags":
        flags = ["--fit.loss", *words, "--fit.options", *options]
        flags += ["--fit.class_weights", "road=3", "a=b=0.5"]
    else:
        recipe = tmp_path / "mine.toml"
        recipe.write_text(
            f"[fit]\nloss = {words}\noptions = {options}\nclass_weights = [3, 1, 0.5]\n"
        )
        flags = [str(recipe)]
    fit = fit_of(*flags)
    loss = from_settings.loss_of(fit, SPLIT, names=NAMES)
    rng = np.random.default_rng(0)
    y_true, logits = np.eye(3)[[[[0, 1, 2, 2]]]], rng.normal(size=(1, 1, 4, 3))
    want = losses.focal(y_true, logits, [3, 1, 0.5], gamma=[0, 1, 2])
    want += 0.5 * losses.tversky(y_true, logits, alpha=0.4, log=True)
    assert float(loss(y_true, logits)) == pytest.approx(float(want), rel=1e-6)
    # What a run writes down says the same again.
    (tmp_path / "config.toml").write_text(config.to_toml(config.Config(fit=fit)))
    assert config.parse([str(tmp_path / "config.toml")]).fit == fit


@pytest.mark.parametrize(
    "options, message",
    [
        (["alpha=0.3"], "expected LOSS.OPTION=VALUE, such as .* got 'alpha=0.3'"),
        (["tversky.alpha"], "expected key=value, got 'alpha'"),
        (["focal.gamma=2"], "a loss that --fit.loss does not name: it has cross_e"),
        (["tversky.alpha=1", "tversky.alpha=2"], "tversky.alpha is given twice"),
        (["tversky.alfa=1"], "no option alfa in a sum of losses. Known: alpha, beta"),
        (["tversky.alpha=high"], "tversky.alpha must be a number, got 'high'"),
        (["tversky.alpha=true"], "tversky.alpha must be a number, got True"),
        (["tversky.log=1"], "tversky.log must be true or false, got 1"),
        (["tversky.class_weights=2"], "must be a list of numbers, got 2"),
        (["tversky.class_weights=[2]"], "class_weights must be 3 numbers"),
        (["tversky.alpha=-1"], "alpha must be a finite number of 0 or more, got -1"),
        (["cross_entropy.label_smoothing=1.0"], r"label_smoothing must be in \[0, 1\)"),
        (["cross_entropy.class_weights=[1, 2, 3]"], "no option class_weights"),
    ],
)
def test_wrong_options(options, message):
    flags = ["--fit.loss", "cross_entropy=1", "tversky=1", "--fit.options", *options]
    with pytest.raises(UserError, match=rf"^--fit\..*{message}"):
        from_settings.loss_of(fit_of(*flags), SPLIT, names=NAMES)


def test_weights_that_reach_no_loss_are_found_before_the_training():
    flags = ["--fit.loss", "soft_dice=1", "--fit.class_weights", "none"]
    flags += ["--fit.border_weight", "10"]
    with pytest.raises(UserError, match=r"^--fit\.loss: A pixel weight would have no"):
        from_settings.loss_of(fit_of(*flags), SPLIT, names=NAMES)


def test_one_exclusive_class_is_refused():
    one = SimpleNamespace(pixels=(5,), pixels_of_images_with=(9,))
    with pytest.raises(UserError, match="softmax over one is always 1"):
        from_settings.loss_of(fit_of(), one)
    from_settings.loss_of(fit_of(), one, exclusive=False)
