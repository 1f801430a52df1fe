"""A training on volumes: the same trainer with one axis more."""

import dataclasses

import keras
import numpy as np
import pytest
import walk

from kerasseg import augment, config, losses, models
from kerasseg.data import records as shards
from kerasseg.fit import checkpoint, deep_supervision, from_settings, input_range
from kerasseg.fit.devices import Devices
from kerasseg.fit.fused_normalisation import FusedInstanceNormalization, fused
from kerasseg.fit.trainer import Trainer
from kerasseg.image_format import GRAY, BandStatistics, ImageFormat
from kerasseg.volume_format import VolumeFormat

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the fast kernels are TensorFlow's"
)
CPU = Devices(gpu=False)
SIZE = (4, 8, 8)
SMALL = {"filters": 2, "depth": 2, "spacing": (3, 1, 1)}


def unet(**options):
    return models.build("unet_3d", 3, (*SIZE, 1), **SMALL | options)


def pair(seed=0, batch=2):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (batch, *SIZE, 1)).astype("uint8")
    label = rng.integers(0, 3, (batch, *SIZE)).astype("uint8")
    numbers = rng.random((batch, augment.NUMBERS)).astype("float32")
    return {"image": image, "label": label, "numbers": numbers}


def trained(steps=2, network=unet, **options):
    keras.utils.set_random_seed(4)
    network, loss = network(), losses.total({"cross_entropy": 1, "soft_dice": 1})
    policy = augment.POLICIES["none"]
    options = {"image_format": GRAY, "spacing": SMALL["spacing"]} | options
    model = Trainer(network, loss, policy, SIZE, **options)
    model.compile(optimizer=keras.optimizers.SGD(0.1), jit_compile=False)
    for seed in range(steps):
        model.train_on_batch(pair(seed))
    return model


def assert_same(ours, theirs, rtol=1e-3):
    for a, b in zip(ours.network.weights, theirs.network.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-5)


def test_in_parts_and_computed_again_it_is_the_same_step():
    whole = trained(network=lambda: unet(dropout=0.2))
    again = trained(network=lambda: unet(dropout=0.2), remat=True)
    assert_same(again, whole)


@pytest.mark.parametrize("rank", [2, 3])
def test_one_kernel_equals_kerass_instance_normalisation(rank, rng):
    shape = (2, *SIZE[:rank], 3)
    image = keras.Input(shape[1:])
    x = keras.layers.GroupNormalization(-1, epsilon=1e-5)(image)
    stock = keras.Model(image, keras.layers.LeakyReLU(0.01)(x))
    stock.set_weights([rng.normal(size=weight.shape) for weight in stock.weights])
    ours = fused(stock)
    assert any(isinstance(la, FusedInstanceNormalization) for la in ours.layers)
    import tensorflow as tf

    x = tf.constant(3 + 2 * rng.normal(size=shape), "float32")
    found = []
    for network in (stock, ours):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = network(x, training=True)
            loss = tf.reduce_sum(y * tf.cast(tf.sin(tf.range(3.0)), "float32") * y)
        found.append([y, *tape.gradient(loss, [x, *network.trainable_variables])])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4)


def test_groups_that_are_no_instances_stay_as_they_are():
    image = keras.Input((*SIZE, 4))
    network = keras.Model(image, keras.layers.GroupNormalization(2)(image))
    kinds = [type(layer) for layer in fused(network).layers]
    assert kinds[1] is keras.layers.GroupNormalization


@pytest.mark.parametrize("rank", [2, 3])
def test_one_kernel_equals_kerass_batch_normalisation(rank, rng):
    shape = (2, *SIZE[:rank], 3)
    image = keras.Input(shape[1:])
    stock = keras.Model(image, keras.layers.BatchNormalization(momentum=0.7)(image))
    ours = fused(stock)
    x = rng.normal(size=shape).astype("float32")
    np.testing.assert_allclose(
        ours(x, training=True), stock(x, training=True), atol=1e-5
    )
    for a, b in zip(ours.get_weights(), stock.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_deep_supervision_weighs_the_losses_of_the_levels():
    """By hand: logits at half the size count half of the first ones."""
    model = trained(steps=0, deep=True)
    assert model.network.output_shape == (None, *SIZE, 3)
    batch = pair()
    found = model(batch, training=True)
    assert found["level_1"].shape == (2, 4, 4, 4, 3)  # strides (1, 2, 2) for slices
    label = keras.ops.convert_to_numpy(found["label"])

    def loss(ids, logits):
        true = np.eye(256, dtype="float32")[ids][..., :3]
        return float(model.objective(true, logits))

    first = loss(label, found["logits"])
    half = loss(label[:, :, 1::2, 1::2], found["level_1"])
    expected = (first + 0.5 * half) / 1.5
    assert float(model.compute_loss(y_pred=found)) == pytest.approx(expected, rel=1e-5)
    assert deep_supervision.weights_of(3) == [4 / 7, 2 / 7, 1 / 7]


def test_deep_supervision_trains_its_heads_and_keeps_them_to_itself():
    model, begun = trained(steps=1, deep=True), trained(steps=0, deep=True)
    heads = [v for v in model.trainable_variables if "deep_logits" in v.path]
    before = [v for v in begun.trainable_variables if "deep_logits" in v.path]
    assert len(heads) == 2
    assert np.abs(heads[0] - before[0].numpy()).max() > 0
    assert not [v for v in model.network.variables if "deep_logits" in v.path]


def test_deep_supervision_says_what_it_does_not_go_with():
    with pytest.raises(ValueError, match=r"does not go with --fit\.remat"):
        trained(steps=0, deep=True, remat=True)
    with pytest.raises(ValueError, match=r"no levels decoder_1, decoder_2, \.\.\."):
        trained(steps=0, deep=True, network=lambda: unet(depth=1))


def test_standardised_volumes_are_not_scaled_again():
    images = ImageFormat.of(("mr",), "float32")
    images = images.with_statistics((BandStatistics(-3, 9, 0.2, 1.1, -2, 3),))
    volume = VolumeFormat("zscore")
    found = input_range.input_range_of(images, volume=volume)
    assert (found.mean, found.deviation) == ((0.0,), (1.0,))
    words = input_range.normalisation_in_words(images, config.Data(), volume)
    assert words == "each volume standardised as it was read"
    ct = input_range.input_range_of(images, volume=VolumeFormat("ct"))
    assert (ct.low, ct.high) == ((-2,), (3,))
    network = models.build(
        "unet_3d", 2, (4, 4, 4, 1), found, filters=2, depth=1, normalisation="none"
    )
    x = np.random.default_rng(0).normal(size=(1, 4, 4, 4, 1)).astype("float32")
    scaled = keras.Model(network.input, network.layers[1].output)(x)
    np.testing.assert_array_equal(scaled, x)


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    """Six small drawn volumes as records. Read only."""
    from kerasseg.data.datasets import synthetic_volumes

    taxonomy, splits = synthetic_volumes.load(train=6, val=2, shape=(6, 14, 12))
    out = tmp_path_factory.mktemp("volumes") / "records"
    shards.write_splits(splits, out, taxonomy=taxonomy, progress=False)
    return out


VOLUMES = {
    "data__size": "6 12 12",
    "data__crop": "4 8 8",
    "data__batch": 2,
    "model__name": "unet_3d",
    "model__options": "filters=2 depth=2 dropout=0.1",
    "augment__policy": "volume",
    "fit__ema": 0.9,
    "fit__deep_supervision": True,
    "fit__accumulate": 2,
}


@pytest.mark.processes  # trains: costly beside the rest
def test_saved_and_gone_on_is_never_stopped_bit_for_bit(volumes, tmp_path):
    settings = config.parse(walk.flags(volumes, tmp_path, **VOLUMES))
    described = shards.describe(volumes)

    def made(seed):
        keras.utils.set_random_seed(seed)
        known, size = described.split("train"), (4, 8, 8)
        loss = from_settings.loss_of(settings.fit, known, axes=3)
        images, volume = described.image_format, described.volume

        def build():
            network = from_settings.network_of(
                settings.model, 4, size, image_format=images, volume=volume
            )
            return CPU.as_trained_here(network, False)

        return from_settings.trainer_of(
            dataclasses.replace(settings, seed=seed),
            build,
            loss,
            size,
            8,
            CPU,
            images,
            volume=volume,
        )

    def fit(trainer, start, steps):
        stream = from_settings.stream_of(settings, volumes, 2 * start)
        trainer.fit(stream, steps_per_epoch=steps, shuffle=False, verbose=0)

    whole = made(0)
    fit(whole, 0, 2)
    checkpoint.save(whole, tmp_path / "state.weights.h5")
    fit(whole, 2, 2)
    again = made(9)
    checkpoint.load(again, tmp_path / "state.weights.h5")
    fit(again, 2, 2)
    pairs = zip(
        (*again.variables, *again.optimizer.variables),
        (*whole.variables, *whole.optimizer.variables),
        strict=True,
    )
    for ours, theirs in pairs:
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.processes  # trains: costly beside the rest
def test_the_whole_command(volumes, tmp_path):
    run = walk.trained(volumes, tmp_path / "runs", export="False", **VOLUMES)
    network = keras.saving.load_model(run / "network.keras")
    assert network.input_shape == (None, 4, 8, 8, 1)
    assert not [layer for layer in network.layers if "deep" in layer.name]
    assert (run / "report.html").is_file()


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"data__crop": "8 8"}, "DEPTH HEIGHT WIDTH"),
        ({"data__size": "4 8 8", "data__crop": "4 8 12"}, "fit into --data.size"),
        ({"augment__shear": 0.1}, "--augment.shear: only for images"),
        ({"fit__border_weight": 3, "fit__deep_supervision": False}, "border"),
        ({"model__options": "filters=2 depth=4"}, "must be a multiple of 8"),
    ],
)
def test_wrong_settings_are_one_line(volumes, tmp_path, changed, message, capsys):
    from kerasseg import train

    with pytest.raises(SystemExit):
        train.main(walk.flags(volumes, tmp_path, export="False", **VOLUMES | changed))
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.glob("*/*"))
