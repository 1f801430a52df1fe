"""Targets: ids and one-hot give the same, and what could be two things is refused."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasseg import UserError, losses
from kerasseg.taxonomy import one_hot

pytestmark = pytest.mark.agnostic
C = 3
RNG = np.random.default_rng(0)
LABEL = RNG.integers(0, C, (2, 4, 6))
LABEL[0, 0, :2] = 255
LOGITS = RNG.normal(size=(2, 4, 6, C)).astype("float32")
TARGET = ops.convert_to_numpy(one_hot(LABEL, C))


@pytest.mark.parametrize("name", losses.LOSSES)
def test_ids_and_one_hot_give_the_same(name):
    loss = losses.LOSSES[name]
    want = float(loss(TARGET, LOGITS))
    assert want > 0
    for ids in (LABEL, LABEL.astype("uint8")[..., None], LABEL.astype("float32")):
        assert float(loss(ids, LOGITS)) == pytest.approx(want, rel=1e-6)
    ids = ops.convert_to_tensor(np.where(LABEL == 255, -1, LABEL))
    assert float(loss(ids, LOGITS)) == pytest.approx(want, rel=1e-6)
    # What is no class cannot raise in a compiled step: it is not passed over either.
    assert np.isnan(
        float(loss(ops.convert_to_tensor(LABEL + (LABEL == 1) * 4), LOGITS))
    )


@pytest.mark.parametrize("name", losses.LOSSES)
def test_mask_of_one_class(name):
    """One output channel is a sigmoid; a mask (B, H, W) is its target."""
    mask, logits = (LABEL == 1).astype("int32"), LOGITS[..., :1]
    loss = losses.LOSSES[name]
    want = float(loss(mask[..., None].astype("float32"), logits, exclusive=False))
    assert float(loss(mask, logits, exclusive=False)) == pytest.approx(want, rel=1e-6)
    for y_true in (mask, mask[..., None], TARGET[..., :1]):
        with pytest.raises(UserError, match="softmax over one is always 1"):
            loss(y_true, logits)


def test_more_than_255_classes():
    """255 is a class there, and 65535 is ignored."""
    label = np.array([[[255, 65535]]])
    logits = np.log(1 + (np.arange(300) == 255))[None, None, None].repeat(2, 2)
    value = losses.cross_entropy(label, logits)
    assert float(value) == pytest.approx(np.log(301 / 2), rel=1e-5)


@pytest.mark.parametrize(
    "y_true, logits, message",
    [
        (LABEL, LOGITS[:, :, :5], "class ids or a one-hot target and logits of one"),
        (LABEL[0], LOGITS, r"got \(4, 6\) and \(2, 4, 6, 3\)"),
        (LABEL + (LABEL == 1) * 4, LOGITS, "ids 0 to 2, and 255 or negative.*got 5"),
        (LABEL * 0.5, LOGITS, "Expected class ids.*0.5"),
        (np.ones((2, 4, 6, C), int), LOGITS, "more than one 1 in a pixel"),
        (np.ones((2, 4, C), int), LOGITS[:, 0, :4], "read in two ways: as one-hot"),
    ],
)
def test_refused(y_true, logits, message):
    with pytest.raises(UserError, match=message):
        losses.soft_dice(y_true, logits)


def test_an_unknown_last_axis_is_refused():
    y_true = keras.KerasTensor((None, 4, 6, None))
    logits = keras.KerasTensor((None, 4, 6, C))
    with pytest.raises(UserError, match="read in two ways, as ids with an axis of 1"):
        losses.targets.target_of(y_true, tuple(logits.shape))
    ids = keras.KerasTensor((None, None, None), "uint8")
    assert losses.targets.target_of(ids, tuple(logits.shape)).shape[-1] == C


@pytest.mark.parametrize("form", ["one-hot", "ids", "axis of 1", "one channel"])
def test_a_keras_model_trains_on_them(form):
    """`fit` of any Keras model: the loss of the first step is that of the function."""
    exclusive, channels = form != "one channel", 1 if form == "one channel" else C
    y_true = {"one-hot": TARGET, "ids": LABEL.astype("uint8")}.get(form)
    if form == "axis of 1":
        y_true = LABEL[..., None].astype("int32")
    elif form == "one channel":
        y_true = np.where(LABEL == 255, -1, LABEL == 1).astype("int32")
    inputs = keras.Input((4, 6, C))
    outputs = layers.Conv2D(channels, 1, kernel_initializer="ones")(inputs)
    model = keras.Model(inputs, outputs)
    loss = losses.SegmentationLoss(
        {"cross_entropy": 1, "soft_dice": 0.5}, exclusive=exclusive
    )
    model.compile("sgd", loss, jit_compile=False)
    want = float(loss(y_true, model(LOGITS)))
    history = model.fit(LOGITS, y_true, batch_size=2, verbose=0).history
    assert want > 0 and history["loss"][0] == pytest.approx(want, rel=1e-5)


def test_a_single_loss_in_compile():
    """Keras itself casts the ids to floats."""
    inputs = keras.Input((4, 6, C))
    model = keras.Model(inputs, layers.Conv2D(C, 1)(inputs))
    model.compile("sgd", losses.focal, jit_compile=False)
    want = float(losses.focal(LABEL, model(LOGITS)))
    assert model.evaluate(LOGITS, LABEL, verbose=0) == pytest.approx(want, rel=1e-5)
