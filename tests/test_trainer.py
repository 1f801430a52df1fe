"""What the compiled step adds to a network: borders between objects weigh more."""

import keras
import numpy as np
import pytest

from kerasseg import augment, border, losses
from kerasseg.trainer import Trainer

pytestmark = pytest.mark.agnostic
SIZE = (24, 40)


def trainer(borders):
    image = keras.Input((*SIZE, 3), name="image")
    network = keras.Model(image, keras.layers.Conv2D(2, 1)(image / 255.0))
    loss = losses.total({"cross_entropy": 1})
    return Trainer(network, loss, augment.POLICIES["none"], SIZE, borders)


def batch():
    """Two objects that touch; the label keeps one column between them as class 0."""
    instance = np.zeros((1, *SIZE), np.uint16)
    instance[0, 4:20, 6:18], instance[0, 4:20, 18:32] = 1, 2
    label = (instance > 0).astype(np.uint8)
    label[0, :, 17] = 0
    label[0, 0] = 255
    image = np.random.default_rng(0).integers(0, 256, (1, *SIZE, 3)).astype(np.uint8)
    numbers = np.zeros((1, augment.NUMBERS), np.float32)
    return {"image": image, "label": label, "instance": instance, "numbers": numbers}


def test_the_gap_between_touching_objects_weighs_most():
    found = trainer((10.0, 5.0))(batch(), training=True)
    weight = keras.ops.convert_to_numpy(found["weight"])[0]
    given = batch()
    instance = np.where(given["label"][0] == 1, given["instance"][0], 0)
    expected = 1 + border.border_weight_map(instance)
    np.testing.assert_allclose(weight, expected, rtol=1e-4)
    assert weight[12, 17] == pytest.approx(1 + 10 * np.exp(-(2**2) / 50), rel=1e-4)


def test_the_loss_gets_the_weights():
    model = trainer((10.0, 5.0))
    found = model(batch(), training=True)
    loss = float(keras.ops.convert_to_numpy(model.compute_loss(y_pred=found)))
    target = np.eye(3)[np.minimum(batch()["label"], 2)][..., :2]
    expected = losses.cross_entropy(
        target, found["logits"], pixel_weight=found["weight"]
    )
    assert loss == pytest.approx(float(keras.ops.convert_to_numpy(expected)), rel=1e-6)
    plain = losses.cross_entropy(target, found["logits"])
    assert abs(loss / float(keras.ops.convert_to_numpy(plain)) - 1) > 1e-3


def test_no_weights_in_validation_and_where_none_are_asked():
    assert "weight" not in trainer((10.0, 5.0))(batch(), training=False)
    without = {key: value for key, value in batch().items() if key != "instance"}
    assert "weight" not in trainer(None)(without, training=True)
