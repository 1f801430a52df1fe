"""What the compiled step adds to a network."""

import keras
import numpy as np
import pytest

from kerasseg import augment, border, losses
from kerasseg.fit import optimizer
from kerasseg.fit.trainer import Trainer

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


def trained(options, network=None, steps=2, rate=0.1, loss=None, scaled=False):
    """A small network after some steps, with batch normalisation unless given one."""
    keras.utils.set_random_seed(4)
    built = (network or normalised)()
    loss = loss or losses.total({"cross_entropy": 1})
    model = Trainer(built, loss, augment.POLICIES["none"], SIZE, **options)
    guard = optimizer.optimizer("sgd", rate, ema=0.5, loss_scale=scaled)
    jax = keras.backend.backend() == "jax"
    model.compile(optimizer=guard, jit_compile=jax)
    begun = built.get_weights()
    for seed in range(steps):
        model.train_on_batch(pair(seed))
    if jax:
        model.jax_state_sync()
    return model, begun


def pair(seed):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, (4, *SIZE)).astype(np.uint8)
    image = rng.integers(0, 256, (4, *SIZE, 3)).astype(np.uint8)
    numbers = np.zeros((4, augment.NUMBERS), np.float32)
    return {"image": image, "label": label, "numbers": numbers}


def plain():
    image = keras.Input((*SIZE, 3), name="image")
    x = keras.layers.Rescaling(1 / 255)(image)
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    return keras.Model(image, keras.layers.Conv2D(2, 1)(x))


def normalised():
    image = keras.Input((*SIZE, 3), name="image")
    x = skip = keras.layers.Rescaling(1 / 255)(image)
    for _ in range(3):
        x = keras.layers.Conv2D(4, 3, padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.Dropout(0.3)(keras.layers.ReLU()(x))
    x = keras.layers.Concatenate()([x, skip])
    return keras.Model(image, keras.layers.Conv2D(2, 1)(x))


def assert_same(model, other, rtol=1e-4):
    pairs = zip(model.network.weights, other.network.weights, strict=True)
    for ours, theirs in pairs:
        ours, theirs = map(keras.ops.convert_to_numpy, (ours, theirs))
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="TensorFlow and JAX")
def test_a_batch_in_parts_makes_the_step_of_the_batch():
    whole, _ = trained({}, plain)
    parts, _ = trained({"parts": 4}, plain)
    assert_same(parts, whole)
    assert (int(parts.optimizer.steps), int(parts.optimizer.iterations)) == (2, 2)
    assert parts.confusion.matrix().sum() == whole.confusion.matrix().sum()


def test_what_is_computed_again_is_the_same():
    """Also what dropout drops, and moving statistics, which must move once."""
    kept, _ = trained({})
    again, _ = trained({"remat": True})
    assert_same(again, kept)


def test_fit_goes_on_where_it_ended():
    """Keras alone ends `fit` with the running means as weights, under JAX shared with
    the optimizer: the next `fit` failed."""
    model, _ = trained({}, plain, steps=1)
    once, _ = trained({}, plain, steps=3)
    for seed in (1, 2):
        batch = pair(seed)
        source = ((each,) for each in [batch])
        model.fit(source, steps_per_epoch=1, shuffle=False, verbose=0)
    assert_same(model, once)


def test_the_norm_of_the_gradient_is_noted():
    model, begun = trained({}, plain, steps=1, rate=1.0)
    # Nesterov momentum 0.9 from rest moves by 1.9 times the gradient.
    moved = zip(begun, model.network.get_weights(), strict=True)
    norms = [np.linalg.norm(a - b) / 1.9 for a, b in moved]
    found = keras.ops.convert_to_numpy(model.optimizer.gradient_norms)
    np.testing.assert_allclose(found, norms, rtol=1e-3)


def test_an_update_that_is_not_finite_is_left_out():
    def broken(target, logits):
        return float("nan") * losses.cross_entropy(target, logits)

    model, begun = trained({}, plain, loss=broken)
    for before, after in zip(begun, model.network.get_weights(), strict=True):
        assert (before == after).all()
    assert (int(model.optimizer.steps), int(model.optimizer.iterations)) == (2, 0)
    norms = keras.ops.convert_to_numpy(model.optimizer.gradient_norms)
    assert not np.isfinite(norms).any()


def test_mixed_precision_leaves_augmentation_alone():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = normalised()
        loss = losses.total({"cross_entropy": 1})
        model = Trainer(network, loss, augment.POLICIES["none"], SIZE)
    finally:
        keras.config.set_dtype_policy("float32")
    seen = []

    def move(image, label, numbers):
        seen.append(keras.backend.standardize_dtype(numbers.dtype))
        return image, label

    model.augment = move
    model(pair(0), training=True)
    assert seen == ["float32"]
    assert network.layers[2].compute_dtype == "bfloat16"


def test_an_overflow_halves_the_loss_scale():
    def steep(target, logits):
        return 1e36 * losses.cross_entropy(target, logits)

    model, _ = trained({}, plain, steps=2, loss=steep, scaled=True)
    assert float(keras.ops.convert_to_numpy(model.optimizer.dynamic_scale)) == 2**13
    assert (int(model.optimizer.steps), int(model.optimizer.iterations)) == (2, 0)
    gentle, _ = trained({}, plain, scaled=True)
    assert_same(gentle, trained({}, plain)[0])
