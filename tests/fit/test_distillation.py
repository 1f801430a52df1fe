"""What teachers add to the loss, by hand and in Hinton's limits, and which pixels."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasseg import augment, losses
from kerasseg.fit import optimizer
from kerasseg.fit.distillation import Distillation, divergence, marks, unmarked
from kerasseg.fit.trainer import Trainer

pytestmark = pytest.mark.agnostic
SIZE = (16, 24)


def number(tensor):
    return np.asarray(ops.convert_to_numpy(tensor))


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_divergence_by_hand():
    """Two classes: 0.8 log(0.8 / 0.5) + 0.2 log(0.2 / 0.5)."""
    found = number(divergence(np.float32([[0.8, 0.2]]), np.zeros((1, 2), "float32")))
    assert found[0] == pytest.approx(0.8 * np.log(1.6) + 0.2 * np.log(0.4), rel=1e-5)
    none = divergence(np.float32([[1, 0]]), np.float32([[30, -30]]))
    assert number(none)[0] == pytest.approx(0, abs=1e-6)


def test_at_temperature_1_it_is_cross_entropy_less_entropy(rng):
    targets, z = softmax(rng.normal(0, 2, (5, 4))), rng.normal(0, 2, (5, 4))
    crossed = -(targets * np.log(softmax(z))).sum(-1)
    entropy = -(targets * np.log(targets)).sum(-1)
    found = number(divergence(targets.astype("float32"), z.astype("float32")))
    np.testing.assert_allclose(found, crossed - entropy, rtol=1e-4, atol=1e-6)
    sure = np.eye(4, dtype="float32")[[0, 3, 1, 2, 2]]
    ours = number(divergence(sure, z.astype("float32"))).mean()
    theirs = number(losses.cross_entropy(sure[None], z[None].astype("float32")))
    assert ours == pytest.approx(float(theirs), rel=1e-5)


def test_in_the_limit_of_high_temperatures_it_matches_logits(rng):
    """Hinton et al. 2015, section 2.1: T^2 KL -> squared distance of centred logits
    over 2 C."""
    teacher, student = (rng.normal(0, 1, (1, 3, 2, 4)) for _ in range(2))
    teaching = Distillation([lambda _: teacher], False, 100.0, 1.0, 1.0)
    image = np.zeros((1, 3, 2, 3), "float32")
    label, inside = np.full((1, 3, 2), 255), np.ones((1, 3, 2))
    found = teaching.loss(
        teaching.targets(image), student.astype("float32"), label, inside
    )
    centred = [z - z.mean(-1, keepdims=True) for z in (teacher, student)]
    expected = ((centred[0] - centred[1]) ** 2).sum(-1).mean() / (2 * 4)
    assert float(number(found)) == pytest.approx(expected, rel=0.02)


def test_several_teachers_and_the_mirror_image_by_hand(rng):
    """One sees the image, the other is always the same; both are mirrored back."""
    image = rng.normal(0, 1, (2, 3, 4, 2)).astype("float32")
    constant = rng.normal(0, 1, (2, 3, 4, 2)).astype("float32")
    teaching = Distillation([lambda x: x, lambda _: constant], True, 2.0, 1.0, 1.0)
    turned = softmax(constant / 2)[:, :, ::-1]
    expected = (2 * softmax(image / 2) + softmax(constant / 2) + turned) / 4
    np.testing.assert_allclose(number(teaching.targets(image)), expected, rtol=1e-5)


@pytest.mark.parametrize("exclusive", [True, False])
def test_pixels_that_contradict_and_pixels_outside(exclusive):
    """Four pixels: agreed, contradicted, without a label, outside. Each has the same
    divergence; the second counts a quarter of it, the last nothing."""
    p = np.float32([0.9, 0.1])
    targets = np.tile(p, (1, 1, 4, 1))
    logits = np.zeros((1, 1, 4, 2), "float32")
    label = np.array([[[0, 1, 255, 255]]])
    if not exclusive:
        label = np.array([[[[1, 0], [0, 1], [255, 255], [255, 255]]]])
    inside = np.array([[[1, 1, 1, 0]]])
    teaching = Distillation([], False, 3.0, 2.0, 0.25, exclusive)
    each = 0.9 * np.log(0.9 / 0.5) + 0.1 * np.log(
        0.1 / 0.5
    )  # where both, of each class
    found = float(number(teaching.loss(targets, logits, label, inside)))
    assert found == pytest.approx(2 * 9 * each * (1 + 0.25 + 1) / 3, rel=1e-5)
    assert np.isfinite(number(teaching.loss(targets, logits, label, 0 * inside)))


def test_marks_survive_the_augmentation(rng):
    """Ids come back less 1, the background is 0 and inside, what was not there is
    outside."""
    instance = np.array([[[0, 1, 7, 65535]]], np.uint16)
    found = number(marks(instance, instance))
    moved = np.concatenate([found, np.zeros((1, 1, 4), "int32")], -1)
    ids, inside = map(number, unmarked(moved))
    assert ids[0, 0].tolist() == [0, 1, 7, 65535, 0, 0, 0, 0]
    assert inside[0, 0].tolist() == [True] * 4 + [False] * 4
    pasted = moved + (moved > 0) * (2 << 28)  # two places before in the batch
    ids, inside = map(number, unmarked(pasted))
    assert ids[0, 0, 0] == 0 and inside[0, 0, :4].all() and not inside[0, 0, 4:].any()
    planes = np.zeros((1, 2, 3, 5), np.uint8)
    assert number(marks(planes)).tolist() == [[[1, 1, 1], [1, 1, 1]]]


# ---- Inside a Trainer ---------------------------------------------------------------


def network(seed):
    keras.utils.set_random_seed(seed)
    image = keras.Input((*SIZE, 3), name="image")
    x = keras.layers.Conv2D(4, 3, padding="same")(image / 255.0)
    x = keras.layers.BatchNormalization()(x)
    return keras.Model(image, keras.layers.Conv2D(2, 1)(keras.layers.ReLU()(x)))


def batch(label=None):
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (4, *SIZE, 3)).astype(np.uint8)
    label = rng.integers(0, 2, (4, *SIZE)).astype(np.uint8) if label is None else label
    numbers = rng.uniform(0, 1, (4, augment.NUMBERS)).astype(np.float32)
    return {"image": image, "label": label, "numbers": numbers}


def taught(parts=1, weight=1.0, policy="flip", label=None, jit=None):
    teacher, student = network(1), network(2)
    teacher.trainable = False
    before = teacher.get_weights()
    teaching = Distillation(
        [lambda image: teacher(image, training=False)], True, 2.0, weight, 0.5
    )
    loss = losses.total({"cross_entropy": 1})
    options = {"parts": parts, "teaching": teaching}
    rules = augment.POLICIES[policy]
    trainer = Trainer(student, loss, rules, SIZE, **options)
    jax = keras.backend.backend() == "jax"
    guard = optimizer.optimizer("sgd", 0.1)
    trainer.compile(optimizer=guard, jit_compile=jax if jit is None else jit)
    logs = [trainer.train_on_batch(batch(label), return_dict=True) for _ in range(2)]
    if jax:
        trainer.jax_state_sync()
    for ours, theirs in zip(teacher.get_weights(), before, strict=True):
        assert (ours == theirs).all()  # nor statistics of batch normalisation
    return trainer, logs


@pytest.fixture(scope="module")
def once():
    """A Trainer after two steps, and its logs. Read only."""
    return taught()


def test_teachers_stay_as_they_are_and_out_of_the_state(once):
    trainer, logs = once
    assert len(trainer.trainable_variables) == len(network(2).trainable_variables)
    assert len(trainer.network.variables) == len(network(2).variables)
    assert logs[1]["loss"] < logs[0]["loss"]


def test_images_without_labels_are_learnt_from():
    """Without a label the loss is the teachers' alone, and it moves the weights."""
    nothing = np.full((4, *SIZE), 255, np.uint8)
    trainer, logs = taught(label=nothing)
    assert 0 < logs[1]["loss"] < logs[0]["loss"]
    moved = trainer.network.get_weights()[0]
    assert np.abs(moved - network(2).get_weights()[0]).max() > 0


def test_validation_has_no_teachers(once):
    trainer, _ = once
    found = trainer(batch(), training=False)
    assert set(found) == {"logits", "label"}
    seen = trainer(batch(), training=True)
    assert set(seen) == {"logits", "label", "targets", "inside"}


@pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="Torch works a batch through at once"
)
def test_a_batch_in_parts_is_taught_too():
    _, logs = taught(parts=2)
    assert logs[1]["loss"] < logs[0]["loss"]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of TensorFlow")
def test_xla_compiles_the_teachers_with_the_step(once):
    _, plain = once
    _, compiled = taught(jit=True)
    assert compiled[0]["loss"] == pytest.approx(plain[0]["loss"], rel=1e-4)


def test_classes_that_overlap_are_taught_each_for_itself():
    teacher, student = network(1), network(2)
    teaching = Distillation(
        [lambda image: teacher(image, training=False)], False, 1.0, 1.0, 0.5, False
    )
    loss = losses.total({"cross_entropy": 1}, exclusive=False)
    rules = augment.POLICIES["road"]
    options = {"exclusive": False, "teaching": teaching}
    trainer = Trainer(student, loss, rules, SIZE, **options)
    label = np.random.default_rng(0).integers(0, 2, (4, *SIZE, 2)).astype(np.uint8)
    found = trainer(batch(label), training=True)
    assert tuple(found["targets"].shape) == (4, *SIZE, 2)
    names = "targets", "logits", "label", "inside"
    term = number(teaching.loss(*(found[name] for name in names)))
    whole = number(trainer.compute_loss(y_pred=found))
    del found["targets"]
    assert whole == pytest.approx(term + number(trainer.compute_loss(y_pred=found)))
    assert term > 0
