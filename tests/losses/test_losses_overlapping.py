"""What must hold for every loss of classes that overlap."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasseg import losses
from kerasseg.losses.arguments import Prediction

pytestmark = pytest.mark.agnostic
C = 3
VARIANTS = [(name, {}) for name in losses.LOSSES] + [
    ("cross_entropy", {"label_smoothing": 0.2}),
    ("cross_entropy", {"class_weights": [1, 2, 3]}),
    ("focal", {"gamma": 0.5, "alpha": 0.25}),
    ("ohem", {"threshold": 0.0, "fraction": 0.3}),
    ("soft_dice", {"squared": False, "epsilon": 1.0}),
    ("soft_dice", {"per_image": False, "present_only": True}),
    ("lovasz_softmax", {"per_image": True}),
]
every_loss = pytest.mark.parametrize(
    "name, options", VARIANTS, ids=[f"{n}-{'-'.join(o)}" for n, o in VARIANTS]
)
each_alone = pytest.mark.parametrize(
    "name, options",
    [
        (name, {})
        for name in losses.LOSSES
        if name not in {*losses.PIXELWISE, "generalised_dice", "unified_focal"}
    ],
)
"""Losses that are a mean over the classes, each by itself."""


def function(name, options, y_true):
    return lambda x: losses.LOSSES[name](y_true, x, **options, exclusive=False)


def draw(seed=0, shape=(2, 4, 6, C), ignored=0.3):
    """Target and logits; `ignored` of the pixels, others in each class."""
    rng = np.random.default_rng(seed)
    y_true = (rng.random(shape) < 0.4).astype("float32")
    y_true[rng.random(shape) < ignored] = -1
    return y_true, rng.normal(size=shape).astype("float32") * 2


@every_loss
def test_ignored_pixels_of_one_class_do_not_matter(value_and_gradient, name, options):
    y_true, logits = draw()
    ignored = y_true < 0
    other = np.where(ignored, draw(1)[1] * 9, logits)
    other_target = np.where(ignored, -0.25, y_true)  # any negative number
    first, gradient = value_and_gradient(function(name, options, y_true), logits)
    second, again = value_and_gradient(function(name, options, other_target), other)
    assert second == pytest.approx(first, rel=1e-6)
    assert not gradient[ignored].any() and not again[ignored].any()
    np.testing.assert_allclose(gradient, again, rtol=1e-5, atol=1e-8)


@each_alone
def test_other_classes_are_as_before(value_and_gradient, name, options):
    """Ignoring pixels of class 1 leaves classes 0 and 2 what they were."""
    before, logits = draw(ignored=0)
    after = before.copy()
    after[:, 1:3, :, 1] = -1

    def part(classes, y_true):
        """What some of the classes add to the mean: value and gradient."""
        alone = np.full_like(y_true, -1)
        alone[..., classes] = y_true[..., classes]
        value, gradient = value_and_gradient(function(name, options, alone), logits)
        # The boundary loss is a mean over the pixels that are left.
        share = np.sum(alone >= 0) if name == "boundary" else 1
        return share * value, share * gradient

    others, kept = part([0, 2], before)
    alone, own = part([1], after)
    whole, gradient = part([0, 1, 2], after)
    assert whole == pytest.approx(others + alone, rel=1e-5)
    np.testing.assert_allclose(gradient, kept + own, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("name", ["cross_entropy", "focal"])
def test_other_pixels_are_as_before(value_and_gradient, name):
    """The mean has fewer parts when pixels are ignored, and they are what they were."""
    before, logits = draw(ignored=0)
    after = np.where(draw(1)[0] < 0, -1, before)
    kept = after >= 0
    _, gradient = value_and_gradient(function(name, {}, before), logits)
    _, again = value_and_gradient(function(name, {}, after), logits)
    np.testing.assert_allclose(again[kept], gradient[kept] / kept.mean(), rtol=1e-5)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_ignored_pixels_are_as_if_they_were_not_there(name):
    y_true, logits = draw(ignored=0)
    distance = np.random.default_rng(0).normal(size=y_true.shape)
    whole, part = {}, {}
    if name == "boundary":
        whole, part = (
            {"distance": np.tile(distance, (1, 2, 1, 1))},
            {"distance": distance},
        )
    more = np.concatenate([y_true, np.full_like(y_true, -1)], axis=1)
    value = function(name, whole, more)(np.tile(logits, (1, 2, 1, 1)))
    cut = function(name, part, y_true)(logits)
    assert float(value) == pytest.approx(float(cut), rel=1e-5)


@every_loss
def test_nothing_labelled_costs_nothing(value_and_gradient, name, options):
    _, logits = draw()
    nothing = np.full_like(logits, -1)
    loss, gradient = value_and_gradient(function(name, options, nothing), logits)
    assert loss == 0 and not gradient.any()


@every_loss
def test_large_logits(value_and_gradient, name, options):
    """Surely right costs 0, surely wrong more; all is finite in float32."""
    y_true, _ = draw()
    right = np.where(y_true > 0, 1e4, -1e4).astype("float32")
    loss, gradient = value_and_gradient(function(name, options, y_true), right)
    if "label_smoothing" not in options:
        assert loss == pytest.approx(0, abs=1e-6)
    assert np.isfinite(gradient).all()
    wrong, gradient = value_and_gradient(function(name, options, y_true), -right)
    assert np.isfinite(wrong) and wrong > loss and np.isfinite(gradient).all()
    if name == "cross_entropy" and not options:
        assert wrong == 1e4


@every_loss
def test_gradient_equals_differences(value_and_gradient, name, options):
    y_true, logits = draw(3)
    loss = function(name, options, y_true)
    _, gradient = value_and_gradient(loss, logits)
    step = (gradient / np.abs(gradient).max() * 2e-3).astype("float32")
    difference = (float(loss(logits + step)) - float(loss(logits - step))) / 2
    assert difference == pytest.approx(np.sum(gradient * step), rel=1e-2, abs=3e-7)


@every_loss
def test_axes_classes_and_types(name, options):
    """Any number of spatial axes, any order of the classes, half-precision logits."""
    y_true, logits = draw(5)
    shapes, order = ((2, 24, C), (2, 2, 2, 6, C)), [2, 0, 1]
    if name in ("hausdorff", "centreline_dice"):  # they see where a pixel lies
        shapes = ()
    if "class_weights" in options:
        order = [0, 1, 2]
    if name == "boundary":
        options = {"distance": np.random.default_rng(0).normal(size=y_true.shape)}

    def value(change, logits):
        changed = {k: change(v) if k == "distance" else v for k, v in options.items()}
        return float(function(name, changed, change(y_true))(change(logits)))

    plain = value(np.asarray, logits)
    for shape in shapes:
        assert value(lambda x, s=shape: x.reshape(s), logits) == pytest.approx(
            plain, rel=1e-5
        )
    assert value(lambda x: x[..., order], logits) == pytest.approx(plain, rel=1e-5)
    for dtype in ("float16", "bfloat16"):
        half = ops.cast(logits, dtype)
        loss = losses.LOSSES[name](y_true, half, **options, exclusive=False)
        assert keras.backend.standardize_dtype(loss.dtype) == "float32"
        widened = ops.convert_to_numpy(ops.cast(half, "float32"))
        assert float(loss) == pytest.approx(value(np.asarray, widened), rel=1e-6)


def test_absent_classes_are_pushed_down(value_and_gradient):
    """An image in which a class is nowhere still teaches where it is not."""
    y_true, logits = (np.full((2, 4, 6, C), value, "float32") for value in (0, 1))
    for name in ("cross_entropy", "focal", "ohem", "lovasz_softmax"):
        _, gradient = value_and_gradient(function(name, {}, y_true), logits)
        assert (gradient.sum((0, 1, 2)) > 0).all(), name


def test_pixel_weights_of_classes():
    """(B, ..., C): 0 is the same as ignored."""
    y_true, logits = draw()
    weight = (np.random.default_rng(4).random(y_true.shape) < 0.5).astype("float32")
    for name in ("cross_entropy", "focal"):
        weighed = function(name, {"pixel_weight": weight}, y_true)(logits)
        ignoring = function(name, {}, np.where(weight > 0, y_true, -1))(logits)
        assert float(weighed) == pytest.approx(float(ignoring), rel=1e-6)


def test_total_shares_one_sigmoid_and_is_saved(tmp_path):
    y_true, logits = draw()
    weights, pixel_weight = dict.fromkeys(losses.LOSSES, 0.5), np.ones((2, 4, 6))
    parts = [float(function(name, {}, y_true)(logits)) for name in weights]
    loss = losses.SegmentationLoss(weights, exclusive=False)
    assert float(loss(y_true, logits, pixel_weight)) == pytest.approx(
        sum(parts) / 2, rel=1e-6
    )
    shared = Prediction(logits, exclusive=False)
    assert float(losses.total(weights, exclusive=False)(y_true, shared)) == (
        pytest.approx(sum(parts) / 2, rel=1e-6)
    )
    assert shared.probability is shared.probability
    inputs = keras.Input((4, 6, C))
    model = keras.Model(inputs, layers.Conv2D(C, 1)(inputs))
    model.compile("sgd", loss)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras").loss
    assert loaded.get_config() == loss.get_config()
    assert loaded.get_config()["exclusive"] is False
    assert float(loaded(y_true, logits)) == pytest.approx(sum(parts) / 2, rel=1e-6)


def test_configurations_of_exclusive_losses_are_what_they_were():
    config = losses.SegmentationLoss({"focal": 1}, name="loss").get_config()
    old = {
        "name": "loss",
        "weights": {"focal": 1},
        "class_weights": None,
        "options": {},
    }
    assert config == old
    assert losses.SegmentationLoss.from_config(old).get_config() == old


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda y, z: losses.focal(y, z, alpha=0.25), "goes with exclusive=False"),
        (lambda y, z: losses.focal(y, z, alpha=2, exclusive=False), "0 to 1"),
        (
            lambda y, z: losses.soft_dice(y, Prediction(z), exclusive=False),
            "exclusive=False, got one with exclusive=True",
        ),
        (
            lambda y, z: losses.jaccard((y > 0).astype("uint8"), z, exclusive=False),
            "got uint8. Labels become a target",
        ),
        (
            lambda y, z: losses.jaccard(
                y[..., :1], z[..., :1], background=False, exclusive=False
            ),
            "there is no other",
        ),
        (
            lambda y, z: losses.total({"focal": 1}, options={"focal": {"gama": 1}}),
            "has no option gama in a sum of losses. Known: gamma, alpha",
        ),
        (
            lambda y, z: losses.total(
                {"jaccard": 1}, options={"jaccard": {"exclusive": False}}
            ),
            "no option exclusive",
        ),
        (
            lambda y, z: losses.focal(y, z, pixel_weight=z[0, 0], exclusive=False),
            "pixel weight of",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call(*draw())
