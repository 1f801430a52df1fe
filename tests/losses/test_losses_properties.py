"""What must hold for every loss and every option."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from kerasseg import losses
from kerasseg.taxonomy import one_hot

pytestmark = pytest.mark.agnostic
quick = settings(deadline=None, max_examples=5)
C = 4
VARIANTS = [(name, {}) for name in losses.LOSSES] + [
    ("cross_entropy", {"label_smoothing": 0.2}),
    ("focal", {"gamma": 0.5}),
    ("ohem", {"threshold": 0.0, "fraction": 0.3}),
    ("soft_dice", {"squared": False, "epsilon": 1.0}),
    ("soft_dice", {"per_image": False, "present_only": True}),
    ("soft_dice", {"background": False}),
    ("generalised_dice", {"per_image": False}),
    ("jaccard", {"per_image": False, "present_only": True}),
    ("tversky", {"background": False}),
    ("focal_tversky", {"gamma": 3.0, "present_only": True}),
    ("lovasz_softmax", {"per_image": True}),
]
every_loss = pytest.mark.parametrize(
    "name, options", VARIANTS, ids=[f"{n}-{'-'.join(o)}" for n, o in VARIANTS]
)
seeds = st.integers(0, 2**32 - 1)


def draw(seed, ignored=0.3, shape=(2, 4, 6)):
    """Target and logits; about `ignored` of the pixels are ignored."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, rng.integers(2, C + 1), shape)
    label[rng.random(shape) < ignored] = 255
    return target(label), rng.normal(size=(*shape, C)).astype("float32") * 2


def target(label):
    return ops.convert_to_numpy(one_hot(label, C))


def value(name, options, y_true, y_pred):
    return float(losses.LOSSES[name](y_true, y_pred, **options))


@every_loss
@quick
@given(seed=seeds)
def test_ignored_pixels_do_not_matter(value_and_gradient, name, options, seed):
    y_true, logits = draw(seed)
    ignored = y_true.sum(-1) == 0
    other = logits.copy()
    other[ignored] = np.random.default_rng(seed + 1).normal(size=(ignored.sum(), C)) * 9

    def loss(x):
        return losses.LOSSES[name](y_true, x, **options)

    first, gradient = value_and_gradient(loss, logits)
    second, other_gradient = value_and_gradient(loss, other)
    assert first == pytest.approx(second, abs=1e-6)
    assert not gradient[ignored].any() and not other_gradient[ignored].any()
    np.testing.assert_allclose(gradient, other_gradient, atol=1e-6)


@every_loss
def test_nothing_labelled_costs_nothing(value_and_gradient, name, options):
    _, logits = draw(0)
    nothing = np.zeros_like(logits)
    loss, gradient = value_and_gradient(
        lambda x: losses.LOSSES[name](nothing, x, **options), logits
    )
    assert loss == 0
    assert np.array_equal(gradient, nothing)


@every_loss
@quick
@given(seed=seeds)
def test_perfect_is_zero_and_the_least(value_and_gradient, name, options, seed):
    """200 between the logits is as sure as float32 gets; gradients stay finite."""
    if "label_smoothing" in options:
        pytest.skip("approaches the entropy of the smoothed target, tested below")
    y_true, logits = draw(seed)
    loss, gradient = value_and_gradient(
        lambda x: losses.LOSSES[name](y_true, x, **options), 200 * y_true - 100
    )
    assert loss == pytest.approx(0, abs=1e-6)
    assert np.isfinite(gradient).all()
    assert value(name, options, y_true, logits) > 0


@every_loss
@quick
@given(seed=seeds)
def test_class_order_does_not_matter(name, options, seed):
    y_true, logits = draw(seed)
    order = np.random.default_rng(seed).permutation(C)
    common = name in ("unified_focal", "centreline_dice")  # class 0 is the background
    if common or not options.get("background", True):
        order = np.array([0, 3, 1, 2])
    assert value(name, options, y_true, logits) == pytest.approx(
        value(name, options, y_true[..., order], logits[..., order]), rel=1e-5
    )


@every_loss
def test_gradient_equals_differences(value_and_gradient, name, options):
    y_true, logits = draw(3)

    def loss(x):
        return losses.LOSSES[name](y_true, x, **options)

    _, gradient = value_and_gradient(loss, logits)
    rng = np.random.default_rng(4)
    for direction in (gradient, rng.normal(size=gradient.shape) + 3 * gradient):
        step = (direction / np.abs(direction).max() * 2e-3).astype("float32")
        difference = (float(loss(logits + step)) - float(loss(logits - step))) / 2
        assert difference == pytest.approx(np.sum(gradient * step), rel=1e-2, abs=3e-7)


@every_loss
def test_number_of_spatial_axes_does_not_matter(name, options):
    y_true, logits = draw(5)
    if name in ("hausdorff", "centreline_dice"):
        pytest.skip("sees where a pixel lies, tested against other code in 2-D and 3-D")
    if name == "boundary":
        options = {"distance": np.random.default_rng(0).normal(size=y_true.shape)}
    flat = value(name, options, y_true, logits)
    for shape in ((2, 24, C), (2, 2, 3, 4, C)):
        if name == "boundary":
            options = {"distance": options["distance"].reshape(shape)}
        reshaped = value(name, options, y_true.reshape(shape), logits.reshape(shape))
        assert reshaped == pytest.approx(flat, rel=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", losses.LOSSES)
def test_half_precision_of_large_images(name, dtype):
    """Sums over 2^18 pixels overflow float16: they are taken in float32."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, (1, 512, 512))
    y_true = np.eye(2, dtype="float32")[label]
    logits = ops.cast(y_true + rng.normal(size=y_true.shape), dtype)
    options = {"distance": rng.normal(size=y_true.shape)} if name == "boundary" else {}
    if name == "centreline_dice":
        options = {"iterations": 1}
    half = losses.LOSSES[name](y_true, logits, **options)
    assert keras.backend.standardize_dtype(half.dtype) == "float32"
    exact = value(name, options, y_true, ops.cast(logits, "float32"))
    assert np.isfinite(exact) and float(half) == pytest.approx(exact, rel=1e-5)


def test_sums_over_large_images_are_exact():
    """TensorFlow's own sum over both axes is off by 4e-4 here."""
    rng = np.random.default_rng(0)
    y_true = np.eye(2, dtype="float32")[rng.integers(0, 2, (1, 1024, 1024))]
    p = rng.random((1, 1024, 1024, 2)).astype("float32")
    y64, p64 = y_true.astype("float64"), p.astype("float64")
    dice = 2 * (y64 * p64).sum((1, 2)) / ((p64**2).sum((1, 2)) + y64.sum((1, 2)))
    value = losses.soft_dice(y_true, p, from_logits=False)
    assert float(value) == pytest.approx(1 - dice.mean(), rel=1e-5)


@quick
@given(seed=seeds)
def test_hard_predictions_give_the_metric(seed):
    """At certain predictions Jaccard, Lovasz and Dice are 1 - IoU and 1 - Dice."""
    y_true, logits = draw(seed, shape=(1, 4, 6))
    hard = np.eye(C, dtype="float32")[logits.argmax(-1)]
    seen = hard * y_true.sum(-1, keepdims=True)
    hit, true = (seen * y_true).sum((0, 1, 2)), y_true.sum((0, 1, 2))
    both = true + seen.sum((0, 1, 2))
    present = true > 0
    iou = (hit[present] / (both - hit)[present]).mean()
    dice = (2 * hit[present] / both[present]).mean()
    only = {"present_only": True}
    assert value("jaccard", only, y_true, 100 * hard) == pytest.approx(
        1 - iou, abs=1e-5
    )
    assert value("lovasz_softmax", {}, y_true, 100 * hard) == pytest.approx(
        1 - iou, abs=1e-5
    )
    for options in (only, {**only, "squared": False}):
        assert value("soft_dice", options, y_true, 100 * hard) == pytest.approx(
            1 - dice, abs=1e-5
        )


@quick
@given(seed=seeds)
def test_special_cases(seed):
    case = draw(seed)
    entropy = value("cross_entropy", {}, *case)
    same = {"rel": 1e-5, "abs": 1e-6}
    assert value("focal", {"gamma": 0.0}, *case) == pytest.approx(entropy, **same)
    everything = {"threshold": 0.0, "fraction": 1.0}
    assert value("ohem", everything, *case) == pytest.approx(entropy, **same)
    half = {"alpha": 0.5, "beta": 0.5, "epsilon": 1e-6}
    plain = {"squared": False, "epsilon": 2e-6}
    assert value("tversky", half, *case) == pytest.approx(
        value("soft_dice", plain, *case), **same
    )
    assert value("tversky", {"alpha": 1, "beta": 1}, *case) == pytest.approx(
        value("jaccard", {}, *case), **same
    )
    assert value("focal_tversky", {"gamma": 1.0}, *case) == pytest.approx(
        value("tversky", {}, *case), **same
    )


def test_label_smoothing_keeps_ignored_pixels_out():
    y_true, _ = draw(0)
    smoothed = 0.8 * y_true + 0.2 / C
    perfect = np.log(np.where(y_true.sum(-1, keepdims=True) > 0, smoothed, 1))
    entropy = -0.85 * np.log(0.85) - 3 * 0.05 * np.log(0.05)
    options = {"label_smoothing": 0.2}
    loss = value("cross_entropy", options, y_true, perfect.astype("float32"))
    assert loss == pytest.approx(entropy, rel=1e-5)
