"""The DenseNet encoder against keras.applications with the same weights."""

from functools import partial

import keras
import numpy as np
import pytest
from networks import call, random_images, randomize_statistics

from kerasseg.models import build
from kerasseg.models.encoders import densenet, encode

TAPS = ("conv1_relu", "pool2_relu", "pool3_relu", "pool4_relu", "relu")


@pytest.fixture(scope="module")
def reference():
    """keras.applications' network, its weights and moving statistics random."""
    keras.utils.set_random_seed(2)
    model = keras.applications.DenseNet121(
        include_top=False, weights=None, input_shape=(64, 96, 3)
    )
    return randomize_statistics(model)


@pytest.fixture(scope="module")
def weight_file(reference, tmp_path_factory):
    path = tmp_path_factory.mktemp("densenet") / "densenet121_notop.h5"
    reference.save_weights(str(path.with_suffix(".weights.h5")))
    return str(path.with_suffix(".weights.h5"))


def maps(size=(64, 96), **options):
    image = keras.Input((*size, 3), name="image")
    return keras.Model(image, encode("densenet121", image, **options))


def test_every_map_equals_keras_applications(reference, weight_file):
    image = random_images(1, 64, 96, 3)
    prepared = keras.applications.densenet.preprocess_input(image.copy())
    expected = call(
        keras.Model(
            reference.input, [reference.get_layer(name).output for name in TAPS]
        ),
        prepared,
    )
    plain = maps(weights=weight_file)
    found = call(plain, image)
    for (stride, map_), other in zip(found.items(), expected, strict=True):
        np.testing.assert_allclose(map_, other, atol=1e-4, err_msg=str(stride))


@pytest.mark.parametrize("output_stride, step", [(16, 2), (8, 4)])
def test_dilation_instead_of_strides_sees_the_same_more_densely(output_stride, step):
    """Every second or fourth pixel is the plain map; of fewer layers a block."""
    image = keras.Input((64, 96, 3), name="image")
    few = partial(densenet.densenet, 121, (2, 1, 2, 1), weights="none")
    plain = randomize_statistics(keras.Model(image, few(image)[32]))
    model = keras.Model(image, few(image, output_stride)[32])
    model.set_weights(plain.get_weights())
    pixels = random_images(1, 64, 96, 3)
    dense = call(model, pixels)[:, ::step, ::step]
    np.testing.assert_allclose(dense, call(plain, pixels), atol=1e-4)


PARAMETERS = {
    "densenet121": (7_037_504, (64, 256, 512, 1024, 1024)),
    "densenet169": (12_642_880, (64, 256, 512, 1280, 1664)),
    "densenet201": (18_321_984, (64, 256, 512, 1792, 1920)),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_of_keras_applications(name):
    """What `count_params()` of its networks with include_top=False says (3.15.1)."""
    parameters, widths = PARAMETERS[name]
    image = keras.Input((32, 32, 3))
    with keras.StatelessScope(initialize_variables=False):  # shapes of weights only
        found = encode(name, image, weights="none")
    assert tuple(map_.shape[-1] for map_ in found.values()) == widths
    assert keras.Model(image, found[32]).count_params() == parameters


def test_pooling_without_stride_at_a_distance():
    x = np.arange(25, dtype="float32").reshape(1, 5, 5, 1)
    for distance in (1, 2):
        index = np.arange(5)
        onwards = np.where(index + distance < 5, index + distance, index)
        rows = (x + x[:, onwards]) / 2
        expected = (rows + rows[:, :, onwards]) / 2
        found = keras.ops.convert_to_numpy(densenet._average(x, distance))
        np.testing.assert_allclose(found, expected)


def test_unet_takes_it():
    model = build(
        "unet",
        3,
        (64, 96, 3),
        encoder="densenet121",
        depth=5,
        filters=4,
        weights="none",
        batch_norm_momentum=0.7,
    )
    image = random_images(1, 64, 96, 3)
    before = model.get_weights()
    logits = keras.ops.convert_to_numpy(model(image))
    assert logits.shape == (1, 64, 96, 3) and np.isfinite(logits).all()
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    momenta = {
        layer.momentum
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    }
    assert momenta == {0.7}


@pytest.mark.slow  # test_applications.py has others of this law
@pytest.mark.filterwarnings("ignore:Skipping")
def test_a_file_of_another_variant_is_refused(weight_file):
    image = keras.Input((64, 64, 3))
    with pytest.raises(ValueError, match=r"does not fit keras\.applications\.Dense"):
        encode("densenet169", image, weights=weight_file)
