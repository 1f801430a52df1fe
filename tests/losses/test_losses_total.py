"""Sums of losses, weights, the Keras object, and the errors."""

import keras
import numpy as np
import pytest
from keras import layers

from kerasseg import losses

pytestmark = pytest.mark.agnostic
C = 3


@pytest.fixture
def case(rng):
    label = rng.integers(0, C, (3, 8, 8))
    y_true = np.eye(C, dtype="float32")[label]
    y_true[:, :2] = 0
    return y_true, rng.normal(size=y_true.shape).astype("float32")


def test_total_is_the_weighted_sum(case):
    loss = losses.total(
        {"cross_entropy": 1, "soft_dice": 0.5, "focal": 2},
        class_weights=[1, 2, 3],
        options={"soft_dice": {"squared": False}, "focal": {"gamma": 1.0}},
    )
    pixel_weight = np.linspace(0, 2, 3 * 64).reshape(3, 8, 8)
    parts = [
        losses.cross_entropy(*case, [1, 2, 3], pixel_weight=pixel_weight),
        0.5 * losses.soft_dice(*case, squared=False),
        2 * losses.focal(*case, [1, 2, 3], pixel_weight=pixel_weight, gamma=1.0),
    ]
    assert float(loss(*case, pixel_weight)) == pytest.approx(
        sum(map(float, parts)), rel=1e-5
    )


@pytest.mark.parametrize("name", losses.PIXELWISE)
def test_weights_are_relative_and_zero_means_ignored(case, name):
    y_true, logits = case
    loss = losses.LOSSES[name]
    plain = float(loss(y_true, logits))
    sevens = np.full(y_true.shape[:-1], 7.0)
    assert float(loss(y_true, logits, [5] * C)) == pytest.approx(plain, rel=1e-5)
    assert float(loss(y_true, logits, pixel_weight=sevens)) == pytest.approx(
        plain, rel=1e-5
    )
    if name in ("ohem", "top_k"):
        return  # hardness is judged before weights
    without = y_true.copy()
    without[..., 1] = 0
    if name == "binary_cross_entropy":  # the other classes ask for pixels of class 1
        return
    assert float(loss(y_true, logits, [1, 0, 1])) == pytest.approx(
        float(loss(without, logits)), rel=1e-5
    )
    mask = np.ones(y_true.shape[:-1])
    mask[:, 5:] = 0
    assert float(loss(y_true, logits, pixel_weight=mask)) == pytest.approx(
        float(loss(y_true * mask[..., None], logits)), rel=1e-5
    )


def test_two_pixels_by_hand():
    """p = 1/2 at class 0 and 1/4 at class 1 with weights 1 and 3."""
    y_true = np.eye(2)[None]
    logits = np.log([[[0.5, 0.5], [0.75, 0.25]]])
    by_hand = (np.log(2) + 3 * np.log(4)) / 4
    assert float(losses.cross_entropy(y_true, logits, [1, 3])) == pytest.approx(by_hand)
    focal = (0.25 * np.log(2) + 3 * 0.5625 * np.log(4)) / 4
    assert float(losses.focal(y_true, logits, [1, 3])) == pytest.approx(focal)


def test_every_loss_trains_compiled_and_is_saved(case, tmp_path):
    """One fit on the sum of all losses, with a last batch of another size."""
    y_true, image = case
    weight = np.ones(y_true.shape[:-1], "float32")
    inputs = keras.Input((8, 8, C))
    model = keras.Model(inputs, layers.Conv2D(C, 1)(inputs))
    short = {"centreline_dice": {"iterations": 1}}
    every = dict.fromkeys(losses.LOSSES, 1.0)
    loss = losses.SegmentationLoss(every, [1, 2, 3], short)
    model.compile("sgd", loss, jit_compile=False)  # XLA takes long for all losses
    history = model.fit(image, y_true, batch_size=2, verbose=0, sample_weight=weight)
    assert np.isfinite(history.history["loss"]).all()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras").loss
    assert loaded.get_config() == loss.get_config()
    assert float(loaded(*case)) == pytest.approx(float(loss(*case)))


def test_keras_sample_weight_is_the_pixel_weight(case, rng):
    y_true, logits = case
    weight = rng.random(y_true.shape[:-1]).astype("float32")
    by_keras = losses.SegmentationLoss({"cross_entropy": 1})(y_true, logits, weight)
    assert float(by_keras) == pytest.approx(
        float(losses.cross_entropy(y_true, logits, pixel_weight=weight)), rel=1e-6
    )


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: losses.total({"dice": 1}), "Unknown loss 'dice'. Known: cross_ent"),
        (lambda: losses.total({}), "at least one loss"),
        (lambda: losses.total({"soft_dice": 1}, [1, 2]), "class_weights would have no"),
        (lambda: losses.total({"focal": 1}, None, {"ohem": {}}), "without a weight"),
    ],
)
def test_errors_of_total(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda y, z: losses.cross_entropy(y[0], z), "one-hot target"),
        (lambda y, z: losses.soft_dice(y[..., :2], z), "one-hot target"),
        (lambda y, z: losses.cross_entropy(y, z, [1, 2]), "must be 3 numbers"),
        (lambda y, z: losses.cross_entropy(y, z, [1, -1, 1]), "not negative"),
        (lambda y, z: losses.cross_entropy(y, z, [1, np.nan, 1]), "finite"),
        (lambda y, z: losses.cross_entropy(y, z, label_smoothing=1), "label_smoothing"),
        (lambda y, z: losses.focal(y, z, pixel_weight=z), "pixel weight of"),
        (lambda y, z: losses.ohem(y, z, fraction=0), "0 < fraction <= 1"),
        (lambda y, z: losses.boundary(y, z, y[..., 0]), "signed distances of the"),
        (lambda y, z: losses.signed_distance(y[0, 0]), "Pass `distance`"),
        (
            lambda y, z: losses.total({"soft_dice": 1})(y, z, y[..., 0]),
            "pixel weight would have no effect",
        ),
    ],
)
def test_errors_at_the_door(case, call, message):
    with pytest.raises(ValueError, match=message):
        call(*case)
