"""The VGG-16 encoder against keras.applications.VGG16."""

import keras
import numpy as np
import pytest
from networks import call, random_images, randomize_statistics

from kerasseg.models.encoders import encode

SHAPE = (64, 96, 3)


@pytest.fixture(scope="module")
def reference():
    keras.utils.set_random_seed(0)
    network = keras.applications.VGG16(weights=None, include_top=False)
    return randomize_statistics(network)


@pytest.fixture(scope="module")
def weights(reference, tmp_path_factory):
    path = tmp_path_factory.mktemp("vgg16") / "vgg16.weights.h5"
    reference.save_weights(path)
    return str(path)


@pytest.fixture
def image():
    return random_images(1, *SHAPE)


def encoder(output_stride=32, shape=SHAPE, **options):
    tensor = keras.Input(shape)
    maps = encode("vgg16", tensor, output_stride=output_stride, **options)
    return keras.Model(tensor, maps)


@pytest.mark.agnostic
def test_maps_are_those_of_keras_applications(reference, weights, image):
    names = {2: "block2_conv2", 4: "block3_conv3", 8: "block4_conv3"}
    names |= {16: "block5_conv3", 32: "block5_pool"}
    expected = call(
        keras.Model(
            reference.input,
            {k: reference.get_layer(n).output for k, n in names.items()},
        ),
        keras.applications.vgg16.preprocess_input(image.copy()),
    )
    got = call(encoder(weights=weights), image)
    assert list(got) == [2, 4, 8, 16, 32]
    for stride, found in got.items():
        tolerance = 1e-4 * expected[stride].max()
        np.testing.assert_allclose(found, expected[stride], atol=tolerance)


@pytest.mark.agnostic
def test_parameters_and_layer_names(reference):
    network = encoder(weights="none")
    assert network.count_params() == reference.count_params() == 14_714_688
    names = [layer.name for layer in network.layers if layer.weights]
    theirs = [f"encoder_{la.name}" for la in reference.layers if la.weights]
    assert names == theirs


@pytest.mark.parametrize("shape", [SHAPE, (75, 53, 3)])
@pytest.mark.parametrize("output_stride", [16, 8])
def test_dilated_maps_are_the_plain_ones_seen_more_densely(shape, output_stride):
    """Everywhere, the border included: pooling windows begin at even pixels."""
    plain = encoder(shape=shape, weights="none", width=1 / 16)
    dense = encoder(output_stride, shape=shape, weights="none", width=1 / 16)
    dense.set_weights(plain.get_weights())
    image = random_images(1, *shape)
    expected, got = call(plain, image), call(dense, image)
    for stride in expected:
        step = max(1, stride // output_stride)
        np.testing.assert_allclose(
            got[stride][:, ::step, ::step],
            expected[stride],
            atol=1e-4 * expected[stride].max(),
        )
